"""The processes of a run: peers, a Redis of its own, and Croupier as anyone starts it, all on loopback."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
STOP_TIMEOUT_S = 30
START_TIMEOUT_S = 120


class ServerFailed(Exception):
    """A server of the run ended or stayed silent; its log says why."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """The caller's environment without settings that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CROUPIER_", "RAY_"))}


@contextlib.contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a session of its own that writes to `log`; asked to stop at the end, and killed if it doesn't."""
    with log.open("wb") as reply_to:
        child = subprocess.Popen(
            command, stdout=reply_to, stderr=subprocess.STDOUT, cwd=ROOT, env=_environment(), start_new_session=True
        )
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _wait_until(ready: Callable[[], str], child: subprocess.Popen[bytes], log: Path) -> str:
    """Polls until `ready` answers something. Raises `ServerFailed` with the end of the log."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while child.poll() is None and time.monotonic() < deadline:
        if answer := ready():
            return answer
        time.sleep(0.05)
    raise ServerFailed(f"{child.args!r} did not get ready: {log.read_text(errors='replace')[-2000:]}")


def _listening(port: int) -> str:
    """The url, once somebody listens on the port; "" until then."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return f"http://127.0.0.1:{port}"
    return ""


def _said_ready(log: Path) -> str:
    """The url of the line `ready http://…`; "" until it is there."""
    lines = log.read_text(errors="replace").splitlines()
    return next((line.removeprefix("ready ").strip() for line in lines if line.startswith("ready ")), "")


@contextlib.contextmanager
def peer(name: str, folder: Path) -> Iterator[str]:
    """One of `benchmarks.peers` on one uvicorn worker; answers its url."""
    port, log = _free_port(), folder / f"{name}.log"
    options = f"--host 127.0.0.1 --port {port} --loop uvloop --http httptools --lifespan off --no-access-log"
    command = [sys.executable, "-m", "uvicorn", f"benchmarks.peers:{name}", *options.split(), "--log-level", "warning"]
    with _process(command, log) as child:
        yield _wait_until(lambda: _listening(port), child, log)


@contextlib.contextmanager
def redis(folder: Path, fsync: str) -> Iterator[str]:
    """A redis-server with AOF (`everysec` or `always`) in a folder of its own; answers its url."""
    port, data, log = _free_port(), folder / f"redis-{fsync}", folder / f"redis-{fsync}.log"
    data.mkdir()
    options = f"--bind 127.0.0.1 --port {port} --appendonly yes --appendfsync {fsync} --maxmemory-policy noeviction"
    command = ["redis-server", *options.split(), "--save", "", "--dir", str(data), "--logfile", str(data / "log")]
    with _process(command, log) as child:
        _wait_until(lambda: _listening(port), child, log)
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def croupier(name: str, store: str, keys: Path, folder: Path) -> Iterator[str]:
    """`croupier up` with one shard and one gateway; answers the url it says it is ready at."""
    log = folder / f"{name}.log"
    options = (
        f"--store {store} --shards 1 --host 127.0.0.1 --port 0 --auth hmac --keys {keys} --catalog {ROOT / 'catalog'}"
    )
    with _process([str(Path(sys.executable).with_name("croupier")), "up", *options.split()], log) as child:
        yield _wait_until(lambda: _said_ready(log), child, log)
