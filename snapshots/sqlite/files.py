"""The files of the SQLite store and the thread that works on them.

One `control.db`, one `shared.db` for the limits that all players share, one `readers.db` for the journal's readers, one
`shard-<id>.db` per shard.

Each file is in WAL mode with `synchronous=FULL`: a commit that returned is on disk.
"""

import sqlite3
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import ParamSpec, TypeVar

from snapshots.errors import Corrupt, Fenced, StoreError, StoreRefused, StoreUnavailable, StoreUnsuitable
from snapshots.sqlite.schema import CONTROL, READERS, SCHEMA_VERSION, SHARD, SHARED, Schema

BUSY_TIMEOUT_S = 5
_CACHED_STATEMENTS = 64

_REFUSALS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "readonly",
    sqlite3.SQLITE_PERM: "noperm",
    sqlite3.SQLITE_CANTOPEN: "noperm",
    sqlite3.SQLITE_IOERR: "ioerr",
}
"""After an I/O error a commit may lie in the file: its last frame was written, and only the sync behind it failed."""

P = ParamSpec("P")
R = TypeVar("R")


class Files:
    """Connections to the files of one folder, for one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, sqlite3.Connection] = {}

    def control(self) -> sqlite3.Connection:
        """The control file, created if missing. Raises StoreUnsuitable."""
        return self._connection("control.db", CONTROL)

    def shared(self) -> sqlite3.Connection:
        """The file of shared limits, created once.

        StoreUnavailable if the file is lost, because then nobody knows what is used up.
        """
        return self._made_once("shared", SHARED)

    def readers(self) -> sqlite3.Connection:
        """The file of the journal's readers, created once.

        StoreUnavailable if the file is lost, because then nobody knows what the archive still needs.
        """
        return self._made_once("readers", READERS)

    def _made_once(self, name: str, schema: Schema) -> sqlite3.Connection:
        file_name = f"{name}.db"
        if file_name in self._open:
            return self._open[file_name]
        (made,) = self.control().execute(f"SELECT {name}_made FROM control").fetchone()  # noqa: S608 names of our own
        if made and not (self._folder / file_name).exists():
            raise StoreUnavailable(f"{self._folder / file_name} is missing")
        connection = self._connection(file_name, schema)
        if not made:
            self.control().execute(f"UPDATE control SET {name}_made=1")  # noqa: S608
        return connection

    def shard(self, shard_id: str, *, create: bool = False) -> sqlite3.Connection:
        """The file of a shard.

        If there is no file: Fenced if the shard never claimed, StoreUnavailable if the file was lost.
        """
        name = f"shard-{shard_id}.db"
        if not create and name not in self._open and not (self._folder / name).exists():
            if shard_id in self.shards():
                raise StoreUnavailable(f"{self._folder / name} is missing")
            raise Fenced(f"shard {shard_id} was never claimed")
        return self._connection(name, SHARD)

    def shards(self) -> list[str]:
        """All shards that ever claimed, in order."""
        rows = self.control().execute("SELECT shard_id FROM shards ORDER BY shard_id")
        return [shard_id for (shard_id,) in rows]

    def close(self) -> None:
        """Closes every connection."""
        while self._open:
            self._open.popitem()[1].close()

    def _connection(self, name: str, schema: Schema) -> sqlite3.Connection:
        connection = self._open.get(name)
        if connection is None:
            connection = self._open[name] = _connect(self._folder / name, schema)
        return connection


def _connect(path: Path, schema: Schema) -> sqlite3.Connection:
    # We use a lock file, because turning on WAL ignores the busy time-out when two processes create a file at once.
    with path.with_name(".create.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, cached_statements=_CACHED_STATEMENTS
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            _prepare(connection, path, schema)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, schema: Schema) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise StoreUnsuitable(f"{path} has schema version {version}; this version of Croupier needs {SCHEMA_VERSION}.")
    with writing(connection):
        for statements in schema[version:]:
            for statement in statements.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write transaction: committed at the end of the block, rolled back on any exception."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def store_error(error: sqlite3.Error) -> Exception:
    """What a failure of SQLite means to the caller. Disk full, read-only, I/O: StoreRefused; locked: StoreUnavailable;
    bugs stay as they are.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Corrupt(f"SQLite: {error}")
    if code in _REFUSALS:
        return StoreRefused(f"SQLite: {error}", _REFUSALS[code], proved=code != sqlite3.SQLITE_IOERR)
    if isinstance(error, sqlite3.OperationalError):
        return StoreUnavailable(f"SQLite: {error}")
    return error


class Worker:
    """One thread, working off calls in order. A hop there and back takes 26 µs; `run_in_executor` takes 45."""

    def __init__(self, loop: AbstractEventLoop, folder: Path, name: str) -> None:
        self.files = Files(folder)
        self._loop = loop
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> "Future[R]":
        """Runs `call` in the thread. Raises StoreUnavailable after `stop`."""
        future: Future[R] = self._loop.create_future()
        if not self._thread.is_alive():
            raise StoreUnavailable("the store is closed")

        def work() -> None:
            try:
                result = call(*args, **kwargs)
            except Exception as error:  # every failure belongs to the caller
                self._deliver(_fail, future, error)
            else:
                self._deliver(_resolve, future, result)

        self._calls.put(work)
        return future

    async def stop(self) -> None:
        """Waits for the calls under way, closes the files and ends the thread."""
        with suppress(StoreError):
            await self.submit(self.files.close)
        self._calls.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        while (work := self._calls.get()) is not None:
            work()

    def _deliver(self, settle: Callable[..., None], future: "Future[R]", outcome: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it everybody who waited
            self._loop.call_soon_threadsafe(settle, future, outcome)


def _resolve(future: "Future[R]", result: R) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "Future[R]", error: Exception) -> None:
    if not future.done():
        future.set_exception(store_error(error) if isinstance(error, sqlite3.Error) else error)
