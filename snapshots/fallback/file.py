"""One incarnation's fallback file: SQLite in WAL mode, each commit synced before it returns. Blocking.

The file is made, empty, before the store grants its use, so a file that is missing is a loss and never an empty one.
Records continue the store's log: the same numbers, the same chain of hashes. Whoever takes the shard seals the file
first; from then on the incarnation can write nothing to it, whenever it wakes up.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

import msgspec

from snapshots.contract import GENESIS, AppendedRecord, Incarnation, LogHead, next_hash
from snapshots.errors import Corrupt, CorruptLog, FallbackHeld, Fenced
from snapshots.sqlite.files import store_error, writing

VERSION: Final = 2
BUSY_TIMEOUT_S: Final = 5
CHECK_BYTES: Final = 8
RECORD_BYTES: Final = 150
"""What a record takes in the file beside its payload, estimated."""

_TABLES: Final = (
    "CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), shard_id TEXT NOT NULL, epoch INTEGER NOT NULL,"
    " nonce TEXT NOT NULL, log_id TEXT NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, sealed INTEGER NOT NULL)",
    "CREATE TABLE records (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, payload BLOB NOT NULL,"
    " tallies BLOB NOT NULL, checked BLOB NOT NULL)",
    f"PRAGMA user_version = {VERSION}",
)


def file_name(inc: Incarnation) -> str:
    """Of all incarnations only this one has a file of that name, also where two stores share a folder."""
    return f"{inc.log_id}-{inc.nonce}.fallback"


class NotHere(FallbackHeld):
    """There is no such file on this host."""


class FallbackFile:
    """`inc` is the incarnation as the file names it. `sqlite3.Error` becomes an error of the store's tree in `log`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path, self._file = path, connection

    @classmethod
    def create(cls, path: Path, inc: Incarnation) -> Self:
        """A new empty file, safe on disk; the folder is made, for this user only, if it is missing."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = _connect(path, "rwc")
        try:
            with writing(connection):
                for statement in _TABLES:
                    connection.execute(statement)
                row = (inc.shard_id, inc.epoch, inc.nonce, inc.log_id, 0, GENESIS)
                connection.execute("INSERT INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, 0)", row)
            _sync_folder(path.parent)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection)

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing file. NotHere if there is none, FallbackHeld if another version of Croupier wrote it."""
        if not path.exists():
            raise NotHere(f"the fallback file {path} is not on this host")
        connection = _connect(path, "rw")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            connection.close()
            raise FallbackHeld(f"{path} has version {version}; this version of Croupier reads {VERSION}")
        return cls(path, connection)

    @property
    def inc(self) -> Incarnation:
        """Whose file it is; the epoch is that of the last `begin`."""
        return Incarnation(*self._file.execute("SELECT shard_id, epoch, nonce, log_id FROM meta").fetchone())

    @property
    def base(self) -> LogHead:
        """Where the log stood before the first record."""
        return LogHead(*self._file.execute("SELECT seq, hash FROM meta").fetchone())

    @property
    def end(self) -> LogHead:
        """Where the log stands behind the last record."""
        last = self._file.execute("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1").fetchone()
        return self.base if last is None else LogHead(*last)

    @property
    def count(self) -> int:
        """How many records it holds."""
        return int(self._file.execute("SELECT count(*) FROM records").fetchone()[0])

    def begin(self, inc: Incarnation, end: LogHead, known: Sequence[AppendedRecord]) -> None:
        """The incarnation goes on here behind `end`. `known` are the last records that the store acknowledged, up to
        there: it may lose them yet. Fenced if the file is sealed.
        """
        base = known[0].before if known else end
        with writing(self._file):
            self._check_unsealed()
            self._file.execute("DELETE FROM records")
            self._file.execute("UPDATE meta SET epoch=?, seq=?, hash=?", (inc.epoch, base.seq, base.hash))
            for record in known:
                self._insert(record)

    def append(self, record: AppendedRecord) -> LogHead:
        """Compare-and-append, as `Store.append`. Fenced if the file is sealed, or ends elsewhere."""
        with writing(self._file):
            self._check_unsealed()
            end = self.end
            if end == record.before:
                self._insert(record)
            elif end != record.after:
                raise Fenced(f"{self.path} ends at {end.seq}, not at {record.before.seq}")
        return record.after

    def confirm(self) -> None:
        """Raises Fenced if the file is sealed."""
        self._check_unsealed()

    def read(self, after_seq: int, limit: int) -> list[AppendedRecord]:
        """Records with seq > after_seq in order, each checked. CorruptLog if one is damaged or missing."""
        before = self._head_at(after_seq)
        rows = self._file.execute(
            "SELECT seq, hash, payload, tallies, checked FROM records WHERE seq > ? ORDER BY seq LIMIT ?",
            (after_seq, limit),
        ).fetchall()
        found = []
        for seq, digest, payload, tallies, checked in rows:
            head = LogHead(before.seq + 1, next_hash(before.hash, payload))
            if (seq, digest) != (head.seq, head.hash) or checked != _check(head, tallies):
                raise CorruptLog(f"{self.path}: record {seq} is damaged")
            found.append(AppendedRecord(before, payload, msgspec.msgpack.decode(tallies, type=dict[str, int])))
            before = head
        return found

    def empty(self) -> None:
        """All records are in the store's log."""
        with writing(self._file):
            self._file.execute("DELETE FROM records")

    def seal(self) -> None:
        """From now on nothing is written to it."""
        with writing(self._file):
            self._file.execute("UPDATE meta SET sealed=1")

    def close(self) -> None:
        """Closing twice is fine."""
        self._file.close()

    def remove(self) -> None:
        """Closes and deletes it: nobody may need it any more."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(f"{self.path}{suffix}")

    def _check_unsealed(self) -> None:
        (sealed,) = self._file.execute("SELECT sealed FROM meta").fetchone()
        if sealed:
            raise Fenced(f"{self.path} is sealed: a successor has taken the shard")

    def _head_at(self, seq: int) -> LogHead:
        base = self.base
        if seq == base.seq:
            return base
        found = self._file.execute("SELECT seq, hash FROM records WHERE seq=?", (seq,)).fetchone()
        if found is None:
            raise CorruptLog(f"{self.path} has no record {seq}")
        return LogHead(*found)

    def _insert(self, record: AppendedRecord) -> None:
        head, tallies = record.after, msgspec.msgpack.encode(dict(record.tallies))
        row = (head.seq, head.hash, record.payload, tallies, _check(head, tallies))
        self._file.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", row)


def translated(error: sqlite3.Error) -> Exception:
    """As the store's errors: StoreRefused if the disk is full, Corrupt if the file is damaged."""
    failure = store_error(error)
    return Corrupt(f"a fallback file: {failure}") if isinstance(failure, sqlite3.DatabaseError) else failure


def _check(head: LogHead, tallies: bytes) -> bytes:
    """The chain covers the payload; this covers the rest of a record."""
    covered = msgspec.msgpack.encode((head.seq, head.hash, tallies))
    return blake2b(covered, digest_size=CHECK_BYTES).digest()


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,  # `log` has a thread for each file, and calls come one after the other
    )
    try:
        os.chmod(path, 0o600)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _sync_folder(folder: Path) -> None:
    """Or the name of a new file may be gone after a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
