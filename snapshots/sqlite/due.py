"""The SQLite store's index of due work: one row per player in each shard's file that ever held a snapshot of it.

A player who moved leaves a row behind in the file of its former shard. The newest row of all files counts: highest
version, then latest put. Rows found to be older are marked as not due when they come up. Blocking.
"""

import json
import sqlite3
import time
from collections.abc import Sequence

import msgspec

from snapshots.contract import Place, SnapshotRecord, StoredPage
from snapshots.slots import slot_of
from snapshots.sqlite.files import Files, writing

# Per slot, so that a slot of another shard with much overdue work is never read through.
_OF_SLOTS = """
SELECT found.player_id, found.version, found.put_ns, found.due_ms
FROM json_each(?) AS wanted JOIN due AS found ON found.slot = wanted.value AND found.player_id IN (
    SELECT player_id FROM due WHERE slot = wanted.value AND due_ms <= ?
    AND player_id NOT IN (SELECT value FROM json_each(?)) ORDER BY due_ms LIMIT ?)
ORDER BY found.due_ms, found.player_id LIMIT ?
"""
_OF_PLAYERS = """
SELECT found.player_id, found.version, found.put_ns, found.due_ms
FROM json_each(?) AS wanted CROSS JOIN due AS found
ON found.slot = wanted.value ->> 0 AND found.player_id = wanted.value ->> 1
WHERE found.due_ms <= ? ORDER BY found.due_ms, found.player_id LIMIT ?
"""
_STORED = "SELECT player_id FROM due WHERE slot = ? AND player_id > ? ORDER BY player_id LIMIT ?"


class Wanted(msgspec.Struct, frozen=True):
    """The arguments of `Store.due_players`, and the dedicated players who are not asked for."""

    slots: Sequence[int]
    dedicated: Sequence[str]
    others: Sequence[str]
    before_ms: int
    limit: int


class _Due(msgspec.Struct, frozen=True):
    player_id: str
    version: int
    put_ns: int
    due_ms: int


def put(file: sqlite3.Connection, record: SnapshotRecord) -> None:
    """Notes what a snapshot says of due work, in the transaction that stores it as the newest."""
    file.execute(
        "INSERT OR REPLACE INTO due VALUES (?, ?, ?, ?, ?)",
        (slot_of(record.player_id), record.player_id, record.version, record.due_ms, time.time_ns()),
    )


def due_at(files: Files, player_id: str) -> tuple[int, int | None]:
    """Version and due time of the player's newest snapshot, of two equal ones the later; version 0 if nothing was
    noted.
    """
    query, key = "SELECT version, put_ns, due_ms FROM due WHERE slot=? AND player_id=?", (slot_of(player_id), player_id)
    rows = [row for shard_id in files.shards() for row in files.shard(shard_id).execute(query, key)]
    version, _, due_ms = max(rows, key=lambda row: row[:2], default=(0, 0, None))
    return version, due_ms


def due_players(files: Files, slots: Sequence[int], dedicated: Sequence[str], before_ms: int, limit: int) -> list[str]:
    """See `Store.due_players`. While nothing is due, this is one query of each file's index."""
    known = [player_id for (player_id,) in files.control().execute("SELECT player_id FROM dedicated")]
    wanted = Wanted(slots, dedicated, [*set(known) - set(dedicated)], before_ms, limit)
    shards = files.shards()
    found = {row.player_id: row.due_ms for shard_id in shards for row in _of_file(files, shards, shard_id, wanted)}
    return sorted(found, key=lambda player_id: (found[player_id], player_id))[:limit]


def _of_file(files: Files, shards: Sequence[str], shard_id: str, wanted: Wanted) -> list[_Due]:
    """What is due by this file, except where another file has a newer row.

    Each turn unmarks the rows that it passes over, so the loop ends.
    """
    file = files.shard(shard_id)
    others = [files.shard(other) for other in shards if other != shard_id]
    while True:
        rows = _candidates(file, wanted)
        stale = [row for row in rows if any(_knows_better(other, row) for other in others)]
        if not stale:
            return rows
        _forget(file, stale)


def _candidates(file: sqlite3.Connection, wanted: Wanted) -> list[_Due]:
    slots, others, limit = json.dumps(wanted.slots), json.dumps([*wanted.others, *wanted.dedicated]), wanted.limit
    rows = file.execute(_OF_SLOTS, (slots, wanted.before_ms, others, limit, limit)).fetchall()
    if wanted.dedicated:
        named = json.dumps([(slot_of(player_id), player_id) for player_id in wanted.dedicated])
        rows += file.execute(_OF_PLAYERS, (named, wanted.before_ms, limit)).fetchall()
    return [_Due(*row) for row in rows]


def _knows_better(other: sqlite3.Connection, row: _Due) -> bool:
    newer = "SELECT 1 FROM due WHERE slot=? AND player_id=? AND (version, put_ns) > (?, ?)"
    values = (slot_of(row.player_id), row.player_id, row.version, row.put_ns)
    return other.execute(newer, values).fetchone() is not None


def _forget(file: sqlite3.Connection, stale: Sequence[_Due]) -> None:
    with writing(file):
        file.executemany(
            "UPDATE due SET due_ms=NULL WHERE slot=? AND player_id=? AND version=? AND put_ns=?",
            [(slot_of(row.player_id), row.player_id, row.version, row.put_ns) for row in stale],
        )


def stored_players(files: Files, slots: Sequence[int], limit: int, after: Place | None) -> StoredPage:
    """See `Store.stored_players`. Ordered by slot and id; a player with rows in several files comes once."""
    opened = [files.shard(shard_id) for shard_id in files.shards()]
    found: list[str] = []
    for slot in sorted(slot for slot in slots if after is None or slot >= after.slot):
        behind = after.at if after is not None and slot == after.slot else ""
        wanted = limit - len(found)
        rows = {player_id for file in opened for (player_id,) in file.execute(_STORED, (slot, behind, wanted))}
        found += sorted(rows)[:wanted]
        if len(found) == limit:
            return StoredPage(found, Place(slot, found[-1]))
    return StoredPage(found, None)
