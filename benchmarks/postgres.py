"""A PostgreSQL of the run's own: a fresh cluster in a temporary folder, on a unix socket, gone at the end.

PostgreSQL refuses to run as root, so for root it runs as the user `postgres`, or as `nobody`.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.servers import Running, ServerFailed, environment, free_port, process, wait_until

SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "40",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
}
"""Beside the defaults, among them `fsync = on`: what is written in a run fits, and no checkpoint falls into it."""
INITDB_TIMEOUT_S: Final = 60


def program(name: str) -> str | None:
    """The path of a PostgreSQL program: of the newest version that Debian's packages have put there, else on PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(installed[-1]) if installed else shutil.which(name)


def unprivileged_user() -> str | None:
    """Who the server runs as: None is ourselves."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextlib.contextmanager
def postgres(synchronous_commit: str) -> Iterator[Running]:
    """A server whose url asyncpg takes; database `postgres` is empty. Raises ServerFailed."""
    server = program("postgres")
    if server is None:
        raise ServerFailed("PostgreSQL is not installed: apt-get install postgresql")
    user = unprivileged_user()
    # Not inside the run's folder: that is closed to other users.
    with tempfile.TemporaryDirectory(prefix="bench-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)
        log = folder / "log"
        _initialize(folder / "data", user)
        port = free_port()
        settings = {**SETTINGS, "synchronous_commit": synchronous_commit, "unix_socket_directories": name}
        options = [f"-c{setting}={value}" for setting, value in settings.items()]
        with process([server, "-D", str(folder / "data"), "-p", str(port), *options], log, user) as child:
            wait_until(lambda: _accepting(folder, port), child, log)
            yield Running(f"postgresql://bench@/postgres?host={folder}&port={port}", child.pid)


def _initialize(data: Path, user: str | None) -> None:
    command = [
        program("initdb") or "initdb",
        "-D",
        str(data),
        "-U",
        "bench",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-locale",
    ]
    ran = subprocess.run(
        command,
        user=user,
        cwd="/",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=INITDB_TIMEOUT_S,
        check=False,
    )
    if ran.returncode:
        raise ServerFailed(f"initdb failed: {ran.stderr or ran.stdout}")


def _accepting(folder: Path, port: int) -> str:
    """`ready` once the server's own program says that it takes connections."""
    asked = [program("pg_isready") or "pg_isready", "-q", "-h", str(folder), "-p", str(port)]
    return "ready" if subprocess.run(asked, check=False).returncode == 0 else ""
