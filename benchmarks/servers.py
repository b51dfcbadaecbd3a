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
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
STOP_TIMEOUT_S = 30
START_TIMEOUT_S = 300


class Running(NamedTuple):
    """A server that is ready: its url, and the process that all its others descend from."""

    url: str
    pid: int


class ServerFailed(Exception):
    """A server of the run ended or stayed silent; its log says why."""


def free_port() -> int:
    """A TCP port on the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """The caller's environment without settings that would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CROUPIER_", "RAY_"))}


@contextlib.contextmanager
def process(command: Sequence[str], log: Path, user: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A child in a session of its own that writes to `log`; asked to stop at the end, and killed if it doesn't."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/" if user else ROOT,
            env=environment(),
            start_new_session=True,
            user=user,
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


def wait_until(ready: Callable[[], str], child: subprocess.Popen[bytes], log: Path) -> str:
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
def peer(name: str, folder: Path, arguments: Sequence[str] = (), log_name: str = "") -> Iterator[Running]:
    """One of `benchmarks.peers` on one uvicorn worker."""
    port, log = free_port(), folder / f"{log_name or name}.log"
    command = [sys.executable, "-m", "benchmarks.peers", name, "--port", str(port), *arguments]
    with process(command, log) as child:
        yield Running(wait_until(lambda: _listening(port), child, log), child.pid)


@contextlib.contextmanager
def redis(folder: Path, name: str, fsync: str) -> Iterator[Running]:
    """A redis-server with AOF (`everysec` or `always`) in a folder of its own."""
    port, data, log = free_port(), folder / f"redis-{name}", folder / f"redis-{name}.log"
    data.mkdir()
    options = f"--bind 127.0.0.1 --port {port} --appendonly yes --appendfsync {fsync} --maxmemory-policy noeviction"
    command = ["redis-server", *options.split(), "--save", "", "--dir", str(data), "--logfile", str(data / "log")]
    with process(command, log) as child:
        wait_until(lambda: _listening(port), child, log)
        yield Running(f"redis://127.0.0.1:{port}/0", child.pid)


@contextlib.contextmanager
def croupier(
    name: str, store: str, keys: Path, folder: Path, extra: str = "--shards 1", *, archive: bool = False
) -> Iterator[Running]:
    """`croupier up` with one shard and one gateway unless `extra` says otherwise; the url it says it is ready at.

    What readers of the journal cost is measured apart (`benchmarks.readers`), so there is no archive by itself.
    """
    log = folder / f"{name}.log"
    options = f"--store {store} --host 127.0.0.1 --port 0 --auth hmac --keys {keys} --catalog {ROOT / 'catalog'}"
    command = [str(Path(sys.executable).with_name("croupier")), "up", *options.split(), *extra.split()]
    command += [] if archive else ["--no-archive"]
    with process(command, log) as child:
        yield Running(wait_until(lambda: _said_ready(log), child, log), child.pid)
