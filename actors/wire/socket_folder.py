"""Folders for unix sockets, 0700, and how those are found that a killed process left behind.

A folder belongs to whoever holds the lock on it, and the kernel lets go of the lock when that process ends, however
it does. So no folder of a living process is ever removed, in whatever container it runs.
"""

import fcntl
import os
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp

PREFIX = "croupier-sockets-"
TRIES = 10


class SocketFolder:
    """A folder of this process, until `close`. Raises OSError."""

    def __init__(self) -> None:
        self._lock: int | None = None
        for _ in range(TRIES):
            self.path = Path(mkdtemp(prefix=PREFIX))
            self._lock = _open(self.path)
            if self._lock is not None:  # else somebody who looked for leftovers was faster than the lock
                return
        raise OSError(f"folders in {gettempdir()} can't be locked")

    def close(self) -> None:
        """Removes it."""
        if self._lock is not None:
            rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = None


def remove_leftovers() -> int:
    """Removes this user's folders whose processes are gone; answers how many. One that can't be removed stays."""
    removed = 0
    for path in Path(gettempdir()).glob(f"{PREFIX}*"):
        lock = _open(path)
        if lock is not None:
            rmtree(path, ignore_errors=True)
            os.close(lock)
            removed += 1
    return removed


def _open(path: Path) -> int | None:
    """The lock on a folder of this user; None if another process has it, or there is no such folder (any more)."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked, found = os.fstat(lock), path.lstat()
        if locked.st_uid == os.getuid() and locked.st_ino == found.st_ino:
            return lock
    except OSError:
        pass
    os.close(lock)
    return None
