"""Readers of the journal in the SQLite store: claims, cursors, notes, and what nobody needs any more. Blocking.

Locks are taken in the order control file, `readers.db`, shard files.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from snapshots.contract import NOTES_MAX, NOWHERE, LogInfo, Position, Reader
from snapshots.errors import Fenced, NotesFull
from snapshots.rows import checked_notes, log_origin
from snapshots.sqlite import handovers as sqlite_handovers
from snapshots.sqlite import shard as sqlite_shard
from snapshots.sqlite.files import Files, writing
from snapshots.sqlite.holding import archived


def claim(files: Files, name: str, nonce: str) -> Reader:
    """See `Store.claim_reader`. While a new reader begins, all shards are locked: nothing is appended or trimmed."""
    with writing(files.readers()) as readers, ExitStack() as locked:
        row = readers.execute("SELECT epoch, nonce, known FROM readers WHERE name=?", (name,)).fetchone()
        epoch, held_by, known = row or (0, "", False)
        if held_by != nonce or not known:
            epoch += 1
            readers.execute("INSERT OR REPLACE INTO readers VALUES (?, ?, ?, 1)", (name, epoch, nonce))
        if not known:
            for shard_id in files.shards():
                file = locked.enter_context(writing(files.shard(shard_id)))
                _begin(readers, name, shard_id, file)
    return Reader(name, epoch, nonce)


def claim_notes(files: Files, name: str, nonce: str) -> Reader:
    """See `Store.claim_notes`."""
    with writing(files.readers()) as readers:
        row = readers.execute("SELECT epoch, nonce, known FROM readers WHERE name=?", (name,)).fetchone()
        epoch, held_by, known = row or (0, "", False)
        if held_by != nonce or known:
            epoch += 1
            readers.execute("INSERT OR REPLACE INTO readers VALUES (?, ?, ?, 0)", (name, epoch, nonce))
            readers.execute("DELETE FROM cursors WHERE name=?", (name,))
    return Reader(name, epoch, nonce)


def _begin(readers: sqlite3.Connection, name: str, shard_id: str, file: sqlite3.Connection) -> None:
    """The cursor of a new reader: before the oldest record that the shard's file has."""
    end = sqlite_shard.position(file)
    logs = sqlite_shard.all_logs(file, shard_id)
    start = Position(log_origin(logs[0].log_id)[1], logs[0].trimmed_seq) if logs else Position(end.epoch + 1, 0)
    readers.execute("INSERT INTO cursors VALUES (?, ?, ?, ?)", (name, shard_id, *_pair(start)))


def _pair(position: Position) -> tuple[int, int]:
    return position.epoch, position.seq


def commit(files: Files, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]) -> None:
    """See `Store.commit_reader`."""
    by_key = checked_notes(notes)
    with writing(files.readers()) as readers:
        row = readers.execute("SELECT epoch, nonce, known FROM readers WHERE name=?", (reader.name,)).fetchone()
        if row is None or row[:2] != (reader.epoch, reader.nonce) or (positions and not row[2]):
            raise Fenced(f"reader {reader.name}: epoch {reader.epoch} is over, the store is at {row and row[0]}")
        for shard_id, position in positions.items():
            readers.execute(
                "INSERT INTO cursors VALUES (?, ?, ?, ?) ON CONFLICT (name, shard_id) DO UPDATE"
                " SET epoch=excluded.epoch, seq=excluded.seq WHERE (excluded.epoch, excluded.seq) > (epoch, seq)",
                (reader.name, shard_id, *_pair(position)),
            )
        _write_notes(readers, reader.name, by_key)


def _write_notes(readers: sqlite3.Connection, name: str, notes: Mapping[bytes, bytes | None]) -> None:
    for key, value in notes.items():
        if value is None:
            readers.execute("DELETE FROM notes WHERE name=? AND key=?", (name, key))
        else:
            readers.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (name, key, value))
    if any(value is not None for value in notes.values()):
        (count,) = readers.execute("SELECT count(*) FROM notes WHERE name=?", (name,)).fetchone()
        if count > NOTES_MAX:
            raise NotesFull(f"reader {name} would have {count} notes; at most {NOTES_MAX} are possible")


def positions(files: Files, name: str) -> dict[str, Position]:
    """See `Store.reader_positions`."""
    rows = files.readers().execute("SELECT shard_id, epoch, seq FROM cursors WHERE name=?", (name,)).fetchall()
    return {shard_id: Position(*place) for shard_id, *place in rows}


def notes(files: Files, name: str, prefix: str, after: str, limit: int) -> dict[str, bytes]:
    """See `Store.reader_notes`. No UTF-8 has a byte 255, so the prefix with one behind it is above all such keys."""
    low = prefix.encode()
    rows = files.readers().execute(
        "SELECT key, value FROM notes WHERE name=? AND key>=? AND key<? AND key>? ORDER BY key LIMIT ?",
        (name, low, low + b"\xff", after.encode(), limit),
    )
    return {key.decode(): value for key, value in rows}


def forget(files: Files, check_term: Callable[[sqlite3.Connection], None], name: str) -> None:
    """See `Store.forget_reader`."""
    with writing(files.control()) as control, writing(files.readers()) as readers:
        check_term(control)
        readers.execute("UPDATE readers SET epoch=epoch+1, nonce='', known=0 WHERE name=? AND known", (name,))
        readers.execute("DELETE FROM cursors WHERE name=?", (name,))


def journal_logs(files: Files) -> list[LogInfo]:
    """See `Store.journal_logs`."""
    return [log for shard_id in files.shards() for log in sqlite_shard.all_logs(files.shard(shard_id), shard_id)]


def sweep(files: Files, check_term: Callable[[sqlite3.Connection], None]) -> None:
    """See `Store.sweep_journal`. No reader can become known meanwhile."""
    with writing(files.control()) as control, writing(files.readers()) as readers:
        check_term(control)
        names = [name for (name,) in readers.execute("SELECT name FROM readers WHERE known").fetchall()]
        cursors = [positions(files, name) for name in names]
        starts: dict[str, Position] = {}
        for shard_id in files.shards():
            passed = min((cursor.get(shard_id, NOWHERE) for cursor in cursors), default=None)
            held = archived(files, shard_id)
            starts[shard_id] = sqlite_shard.sweep(files.shard(shard_id), shard_id, passed, held)
        for handover in sqlite_handovers.read(control, 0):
            places = [cursor.get(handover.loser, NOWHERE) for cursor in cursors]
            places.append(starts.get(handover.loser, handover.left))
            if min(places) < handover.left:
                break  # a later one may stand for a player's way through this one
            control.execute("DELETE FROM handovers WHERE number=?", (handover.number,))
