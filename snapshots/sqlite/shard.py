"""What a shard does to its own SQLite file: claim, lease, journal, snapshots. Blocking; runs in the store's thread.

Each write is one transaction that checks the fence first (rule 2).
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from snapshots.contract import (
    GENESIS,
    Address,
    Claim,
    Incarnation,
    LogHead,
    LogInfo,
    LogRecord,
    Owner,
    Position,
    ShardRow,
    SnapshotRecord,
    Standing,
    Tallies,
    next_hash,
)
from snapshots.errors import Fenced
from snapshots.rows import address_of, log_name, log_origin, owner_of, packed
from snapshots.sqlite import due as sqlite_due
from snapshots.sqlite import tallies as sqlite_tallies
from snapshots.sqlite.files import Files, writing
from snapshots.sqlite.holding import trimmable

_SEQ_BITS = 40


class Row(msgspec.Struct):
    """The one row of a shard's file. `nonce` is empty while nobody holds the shard.

    `previous` is the last process whose lease may still run, `fenced` is the owner that was fenced last, `retired` is
    the nonce that said goodbye, `release` is the digest of the slot move that raised the epoch last.
    """

    epoch: int
    nonce: str
    owner: bytes
    address: bytes
    log_epoch: int
    seq: int
    hash: bytes
    previous: bytes
    fenced: bytes
    retired: str
    release: bytes


_SELECT = f"SELECT {', '.join(Row.__struct_fields__)} FROM shard"  # noqa: S608 names of our own


def read_row(file: sqlite3.Connection) -> Row:
    """The shard as it stands."""
    return Row(*file.execute(_SELECT).fetchone())


def _held(file: sqlite3.Connection, inc: Incarnation) -> Row:
    """The row, inside the caller's transaction. Raises Fenced unless the incarnation is current."""
    row = read_row(file)
    if not row.nonce or (row.epoch, row.nonce) != (inc.epoch, inc.nonce):
        raise Fenced(f"shard {inc.shard_id}: epoch {inc.epoch} is over, the store is at {row.epoch}")
    if log_name(inc.shard_id, row.log_epoch) != inc.log_id:
        raise Fenced(f"shard {inc.shard_id}: log {inc.log_id} is sealed")
    return row


def _lease_holder(row: Row) -> bytes:
    """The process whose lease may still run: the owner if it ever served, else the process before it."""
    return row.owner if row.owner and (row.address or not row.previous) else row.previous


def claim(file: sqlite3.Connection, shard_id: str, owner: Owner, nonce: str) -> Claim:
    """See `Store.claim`."""
    with writing(file):
        row = read_row(file)
        if row.nonce == nonce:
            epoch, log_epoch, previous = row.epoch, row.log_epoch, row.previous
        else:
            epoch = log_epoch = row.epoch + 1
            previous = _lease_holder(row)
            file.execute(
                "UPDATE shard SET epoch=?, nonce=?, owner=?, address=x'', log_epoch=?, seq=0, hash=?, previous=?,"
                " fenced=x'', retired='', release=x''",
                (epoch, nonce, packed(owner), epoch, GENESIS, previous),
            )
            file.execute("UPDATE logs SET last_seq=? WHERE epoch=?", (row.seq, row.log_epoch))
            file.execute("INSERT INTO logs (epoch, checkpoint_seq, trimmed_seq) VALUES (?, 0, 0)", (epoch,))
    return Claim(Incarnation(shard_id, epoch, nonce, log_name(shard_id, log_epoch)), owner_of(previous))


def serve(file: sqlite3.Connection, inc: Incarnation, address: Address) -> None:
    """See `Store.serve`."""
    with writing(file):
        _held(file, inc)
        file.execute("UPDATE shard SET address=?", (packed(address),))


def heartbeat(file: sqlite3.Connection, inc: Incarnation) -> None:
    """Raises Fenced unless the incarnation is current."""
    _held(file, inc)


def retire(file: sqlite3.Connection, inc: Incarnation) -> None:
    """See `Store.retire`. A process that never served leaves the lease of the one before it as it is."""
    with writing(file):
        row = read_row(file)
        if row.retired and (row.epoch, row.retired) == (inc.epoch, inc.nonce):
            return
        row = _held(file, inc)
        previous = b"" if row.address else row.previous
        file.execute(
            "UPDATE shard SET nonce='', owner=x'', address=x'', fenced=x'', previous=?, retired=?",
            (previous, inc.nonce),
        )


def fence(file: sqlite3.Connection) -> Owner | None:
    """See `Store.fence`; the caller has checked the term and holds it."""
    with writing(file):
        row = read_row(file)
        if not row.nonce:
            return owner_of(row.fenced)
        file.execute(
            "UPDATE shard SET epoch=epoch+1, nonce='', fenced=owner, owner=x'', address=x'', previous=?",
            (_lease_holder(row),),
        )
        return owner_of(row.owner)


def append(
    files: Files, inc: Incarnation, head: LogHead, payload: bytes, catalog_number: int, tallies: Tallies
) -> LogHead:
    """See `Store.append`. One conditional update does all checks of the shard in the common case at once."""
    file, (shard_id, log_epoch) = files.shard(inc.shard_id), log_origin(inc.log_id)
    new = LogHead(head.seq + 1, next_hash(head.hash, payload))
    with writing(file):
        moved = file.execute(
            "UPDATE shard SET seq=?, hash=?"
            " WHERE epoch=? AND nonce=? AND nonce<>'' AND log_epoch=? AND seq=? AND hash=?",
            (new.seq, new.hash, inc.epoch, inc.nonce, log_epoch, head.seq, head.hash),
        )
        if moved.rowcount:
            _check_catalog(files.control(), catalog_number)
            at = (log_epoch << _SEQ_BITS) + new.seq
            file.execute("INSERT INTO records VALUES (?, ?, ?, ?)", (at, head.hash, new.hash, payload))
            if tallies:
                sqlite_tallies.add(file, tallies)
        else:
            row = _held(file, inc)
            if (row.seq, row.hash) != (new.seq, new.hash):
                raise Fenced(f"shard {shard_id}: the log stands at {row.seq}, not at {head.seq}")
    return new


def _check_catalog(control: sqlite3.Connection, number: int) -> None:
    """The number is read while the shard's file is locked.

    A commit of a catalog waits for that lock afterwards (rule 14).
    """
    (in_force,) = control.execute("SELECT catalog_number FROM control").fetchone()
    if number < in_force:
        raise Fenced(f"catalog {number} is out of force, the store is at {in_force}")


def checkpoint(files: Files, inc: Incarnation, checkpoint_seq: int, trim_seq: int) -> None:
    """See `Store.checkpoint`."""
    files.readers()  # is made, if it must be, before the shard is locked
    file = files.shard(inc.shard_id)
    with writing(file):
        row = _held(file, inc)
        if checkpoint_seq > row.seq:
            raise Fenced(f"log {inc.log_id} ends at {row.seq}: no checkpoint at {checkpoint_seq}")
        trim_seq = trimmable(files, inc.shard_id, row.log_epoch, trim_seq)
        file.execute(
            "UPDATE logs SET checkpoint_seq=max(checkpoint_seq, ?), trimmed_seq=max(trimmed_seq, ?) WHERE epoch=?",
            (checkpoint_seq, trim_seq, row.log_epoch),
        )
        first = row.log_epoch << _SEQ_BITS
        file.execute("DELETE FROM records WHERE at BETWEEN ? AND ?", (first, first + trim_seq))


def read_log(file: sqlite3.Connection, log_epoch: int, after_seq: int, limit: int) -> list[LogRecord]:
    """See `Store.read_log`."""
    first = log_epoch << _SEQ_BITS
    rows = file.execute(
        "SELECT at, previous, hash, payload FROM records WHERE at > ? AND at < ? ORDER BY at LIMIT ?",
        (first + after_seq, (log_epoch + 1) << _SEQ_BITS, limit),
    )
    return [LogRecord(at - first, previous, digest, payload) for at, previous, digest, payload in rows]


def position(file: sqlite3.Connection) -> Position:
    """Where the shard's newest log stands; (0, 0) if there was none."""
    row = read_row(file)
    return Position(row.log_epoch, row.seq)


def logs(file: sqlite3.Connection, shard_id: str) -> list[LogInfo]:
    """The shard's unfinished logs, oldest first."""
    return [log for log in all_logs(file, shard_id) if not log.finished]


_LOGS = "SELECT epoch, checkpoint_seq, trimmed_seq, last_seq, finished FROM logs ORDER BY epoch"


def all_logs(file: sqlite3.Connection, shard_id: str) -> list[LogInfo]:
    """The shard's logs that somebody may need, oldest first, all as they stood at one moment."""
    with _reading(file):
        row, found = read_row(file), file.execute(_LOGS).fetchall()
        return [
            LogInfo(
                log_id=log_name(shard_id, epoch),
                shard_id=shard_id,
                sealed=not _is_live(row, epoch),
                checkpoint_seq=checkpointed,
                trimmed_seq=trimmed,
                last_seq=_last_seq(file, row, epoch, trimmed, last),
                finished=bool(finished),
            )
            for epoch, checkpointed, trimmed, last, finished in found
        ]


@contextmanager
def _reading(file: sqlite3.Connection) -> Iterator[None]:
    """One view of the file, that of the transaction if one is under way."""
    if file.in_transaction:
        yield
        return
    file.execute("BEGIN")
    try:
        yield
    finally:
        file.execute("COMMIT")


def _last_seq(file: sqlite3.Connection, row: Row, log_epoch: int, trimmed_seq: int, noted: int) -> int:
    """The last record of a log. Logs sealed by a version that noted no end are looked at."""
    if row.log_epoch == log_epoch:
        return row.seq
    if noted >= 0:
        return noted
    first = log_epoch << _SEQ_BITS
    (last,) = file.execute(
        "SELECT max(at) FROM records WHERE at > ? AND at < ?", (first, first + (1 << _SEQ_BITS))
    ).fetchone()
    return trimmed_seq if last is None else int(last) - first


def _is_live(row: Row, log_epoch: int) -> bool:
    return bool(row.nonce) and row.log_epoch == log_epoch


def standing(file: sqlite3.Connection, inc: Incarnation) -> Standing:
    """See `Store.standing`."""
    row = read_row(file)
    return Standing(row.epoch, row.nonce, log_name(inc.shard_id, row.log_epoch), LogHead(row.seq, row.hash))


def finish_log(file: sqlite3.Connection, log_id: str) -> None:
    """See `Store.finish_log`; the caller has checked the term and holds it, and sweeps afterwards."""
    log_epoch = log_origin(log_id)[1]
    with writing(file):
        if _is_live(read_row(file), log_epoch):
            raise Fenced(f"log {log_id} is live")
        file.execute("UPDATE logs SET finished=1 WHERE epoch=?", (log_epoch,))


def sweep(file: sqlite3.Connection, shard_id: str, passed: Position | None, archived: Position | None) -> Position:
    """Removes what readers need no more of finished logs; answers before which position no record is left.

    `passed` is what all readers have passed (None: there are none), `archived` what the archive has (None: no archive).
    """
    with writing(file):
        end = position(file)
        for log in all_logs(file, shard_id):
            log_epoch = log_origin(log.log_id)[1]
            whole = Position(log_epoch, log.last_seq)
            if not log.finished or (archived is not None and archived < whole):
                return Position(log_epoch, log.trimmed_seq)
            _remove_records(file, log_epoch, log.last_seq)
            if passed is not None and passed < whole:
                return whole
            file.execute("DELETE FROM logs WHERE epoch=?", (log_epoch,))
    return Position(end.epoch + 1, 0)


def _remove_records(file: sqlite3.Connection, log_epoch: int, last_seq: int) -> None:
    first = log_epoch << _SEQ_BITS
    file.execute("DELETE FROM records WHERE at >= ? AND at < ?", (first, first + (1 << _SEQ_BITS)))
    file.execute("UPDATE logs SET trimmed_seq=? WHERE epoch=?", (last_seq, log_epoch))


def put_snapshots(file: sqlite3.Connection, inc: Incarnation, records: Sequence[SnapshotRecord]) -> None:
    """See `Store.put_snapshots`."""
    with writing(file):
        _held(file, inc)
        for record in records:
            generations = _generations_to_write(file, record)
            for generation in generations:
                file.execute(
                    "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)",
                    (record.player_id, generation, record.version, record.state, record.window),
                )
            if generations:
                sqlite_due.put(file, record)


def _generations_to_write(file: sqlite3.Connection, record: SnapshotRecord) -> tuple[int, ...]:
    """The generation that isn't the newest; both if the record is of the newest version; none if it is older."""
    newest = file.execute(
        "SELECT generation, version FROM snapshots WHERE player_id=? ORDER BY version DESC LIMIT 1", (record.player_id,)
    ).fetchone()
    if newest is None:
        return (0,)
    generation, version = newest
    if record.version < version:
        return ()
    return (0, 1) if record.version == version else (1 - generation,)


def load_player(file: sqlite3.Connection, player_id: str) -> tuple[list[SnapshotRecord], int]:
    """What this file has: generations in no order, without due times, and the version that was released (0 if none)."""
    rows = file.execute("SELECT version, state, window FROM snapshots WHERE player_id=?", (player_id,)).fetchall()
    released = file.execute("SELECT version FROM released WHERE player_id=?", (player_id,)).fetchone()
    return [SnapshotRecord(player_id, *row) for row in rows], released[0] if released else 0


def was_released(file: sqlite3.Connection, inc: Incarnation, request: bytes) -> bool:
    """Whether exactly this release raised the epoch from the incarnation's to the next."""
    row = read_row(file)
    return (row.epoch, row.nonce, row.release) == (inc.epoch + 1, inc.nonce, request)


def release(file: sqlite3.Connection, inc: Incarnation, request: bytes, versions: Mapping[str, int]) -> None:
    """The loser's half of a slot move: raises the epoch and records the last durable versions."""
    with writing(file):
        _held(file, inc)
        file.execute("UPDATE shard SET epoch=epoch+1, release=?", (request,))
        file.executemany(
            "INSERT INTO released VALUES (?, ?)"
            " ON CONFLICT (player_id) DO UPDATE SET version=max(version, excluded.version)",
            versions.items(),
        )


def routing_row(file: sqlite3.Connection, shard_id: str) -> ShardRow:
    """The shard as routing sees it."""
    row = read_row(file)
    log_id = log_name(shard_id, row.log_epoch)
    return ShardRow(shard_id, row.epoch, owner_of(row.owner), address_of(row.address), log_id)
