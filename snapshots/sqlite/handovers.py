"""Changes of shards as readers of the journal need them, in the control file. Blocking; inside its transactions."""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from snapshots.contract import NOWHERE, Handover, Position
from snapshots.slots import slot_of
from snapshots.sqlite import shard as sqlite_shard
from snapshots.sqlite.files import Files

_Body = tuple[list[int], list[str], str, Position, str, Position]
_body = msgspec.msgpack.Decoder(_Body)


def note(files: Files, slots: Sequence[int], players: Sequence[str], loser: str, gainer: str) -> None:
    """The loser's players go to the gainer from here on; both logs are noted as they stand."""
    known = files.shards()
    left, gained = (
        sqlite_shard.position(files.shard(shard_id)) if shard_id in known else NOWHERE for shard_id in (loser, gainer)
    )
    body = msgspec.msgpack.encode((slots, players, loser, left, gainer, gained))
    files.control().execute("INSERT INTO handovers (body) VALUES (?)", (body,))


def note_assigned(files: Files, slots: Mapping[int, str], dedicated: Mapping[str, str]) -> None:
    """What `Store.assign` is about to change, while the tables still say who had it."""
    control = files.control()
    had = dict(control.execute("SELECT slot, shard_id FROM slots").fetchall())
    alone = dict(control.execute("SELECT player_id, shard_id FROM dedicated").fetchall())
    moved: dict[tuple[str, str], tuple[list[int], list[str]]] = {}
    for slot, gainer in slots.items():
        moved.setdefault((had.get(slot, ""), gainer), ([], []))[0].append(slot)
    for player_id in sorted({*alone, *dedicated}):
        slot = slot_of(player_id)
        loser = alone.get(player_id) or had.get(slot, "")
        gainer = dedicated.get(player_id) or slots.get(slot) or had.get(slot, "")
        moved.setdefault((loser, gainer), ([], []))[1].append(player_id)
    for (loser, gainer), (places, players) in sorted(moved.items()):
        if loser and gainer and loser != gainer:
            note(files, places, players, loser, gainer)


def read(control: sqlite3.Connection, after: int) -> list[Handover]:
    """See `Store.handovers`."""
    rows = control.execute("SELECT number, body FROM handovers WHERE number>? ORDER BY number", (after,)).fetchall()
    return [Handover(number, *_body.decode(body)) for number, body in rows]
