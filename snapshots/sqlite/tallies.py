"""The SQLite store's tallies: each shard's file counts what was appended to it; reading adds the files up. Blocking."""

import json
import sqlite3
from collections.abc import Sequence

from snapshots.contract import Tallies
from snapshots.sqlite.files import Files

_BOUND = 2**63
_ADD = """
INSERT INTO tallies VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value=value+excluded.value
WHERE typeof(value+excluded.value)='integer'
"""
"""The WHERE clause leaves out a sum beyond 64 bits, which SQLite would turn into a float."""


def add(file: sqlite3.Connection, tallies: Tallies) -> None:
    """Adds to the file's counters, in the transaction of the append that the deltas belong to."""
    file.executemany(_ADD, [(name, delta) for name, delta in tallies.items() if -_BOUND <= delta < _BOUND])


def read(files: Files, names: Sequence[str]) -> dict[str, int]:
    """See `Store.tallies`. A file may count -1, if the player was with another shard when that one counted 1."""
    wanted, total = json.dumps(names), dict.fromkeys(names, 0)
    for shard_id in files.shards():
        rows = files.shard(shard_id).execute(
            "SELECT name, value FROM tallies WHERE name IN (SELECT value FROM json_each(?))", (wanted,)
        )
        for name, value in rows:
            total[name] += value
    return total
