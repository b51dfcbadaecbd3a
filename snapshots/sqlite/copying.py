"""A copy of the SQLite store as it stood at one instant, taken while shards write to it.

A store is several files, and each of them commits by itself. Copies that were taken one after the other would not fit
each other: a reader's cursor could be beyond the log. So all files are locked at once, for milliseconds. In that time
a reading transaction begins on each; what they see is copied afterwards, while the shards go on.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from snapshots.errors import StoreUnavailable, StoreUnsuitable
from snapshots.sqlite.files import store_error

LOCK_TRY_S: Final = 0.5
"""For so long one file is waited for while others are held."""
LOCK_TRIES_MAX: Final = 20
_POLL_S: Final = 0.0002


class FolderCopy:
    """Copies one store's folder. Blocking. `close` lets go of what was frozen."""

    def __init__(self, folder: Path) -> None:
        self.elsewhere: str | None = None
        self._folder = folder
        self._seen: dict[str, sqlite3.Connection] = {}
        """By file name: a connection whose reading transaction began while everything stood still."""

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nobody writes to the store during the block: appends wait. `write_to` copies the store as it stands in it.

        Raises StoreUnsuitable if there is no store, StoreUnavailable if it can't be locked.
        """
        if not (self._folder / "control.db").exists():
            raise StoreUnsuitable(f"There is no store in {self._folder}.")
        with self._locked():
            yield

    def write_to(self, target: Path) -> list[str]:
        """Copies what was frozen into the folder `target`, and checks the copies. Answers the names of the files.

        Raises StoreUnavailable, Corrupt, OSError.
        """
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, seen in self._seen.items():
            try:
                _copy(seen, target / name)
            except sqlite3.Error as error:
                raise store_error(error) from error
        return sorted(self._seen)

    def close(self) -> None:
        """Ends the reading transactions; closing twice is fine."""
        while self._seen:
            self._seen.popitem()[1].close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        for _ in range(LOCK_TRIES_MAX):
            with ExitStack() as locks:
                if self._lock_all(locks):
                    yield
                    return
            self.close()
        raise StoreUnavailable(f"the files in {self._folder} could not be locked all at once")

    def _lock_all(self, locks: ExitStack) -> bool:
        """In the order in which the store takes its locks (`snapshots.sqlite.control`), so that nobody waits for
        somebody who waits for us. False if a file was locked for too long.
        """
        try:
            control = self._lock(locks, "control.db")
            shards = [shard_id for (shard_id,) in control.execute("SELECT shard_id FROM shards ORDER BY shard_id")]
            for name in ("readers.db", "shared.db", *(f"shard-{shard_id}.db" for shard_id in shards)):
                self._lock(locks, name)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise store_error(error) from error
        return True

    def _lock(self, locks: ExitStack, name: str) -> sqlite3.Connection:
        path = self._folder / name
        if not path.exists():
            raise StoreUnavailable(f"{path} is missing")
        lock = sqlite3.connect(path, timeout=0, isolation_level=None)
        locks.callback(lock.close)  # ends the transaction, which changed nothing
        _begin(lock)
        seen = self._seen[name] = sqlite3.connect(path, timeout=LOCK_TRY_S, isolation_level=None)
        seen.execute("BEGIN")
        seen.execute(
            "SELECT count(*) FROM sqlite_schema"
        ).fetchone()  # a reading transaction begins with its first look
        return lock


def _begin(lock: sqlite3.Connection) -> None:
    """Takes the write lock. A busy shard leaves short gaps only, so it is tried often."""
    until = time.monotonic() + LOCK_TRY_S
    while True:
        try:
            lock.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
        time.sleep(_POLL_S)


def _copy(seen: sqlite3.Connection, target: Path) -> None:
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        seen.backup(copy)
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"{target.name}: {found}")
    finally:
        copy.close()
