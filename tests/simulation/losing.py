"""What Redis has and SQLite has not: the name of a history, and calls that tell another history what it has lost.

`LosingSqlite` does on SQLite's tables what `snapshots/redis/told_again.lua` does on Redis; the contract tests say that
Redis does it so. A process notices another history as with Redis: all its calls are refused until it has asked where
the store stands.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from snapshots.contract import (
    GENESIS,
    Claim,
    FallbackGrant,
    Incarnation,
    LogHead,
    Owner,
    Sealed,
    SnapshotRecord,
    Standing,
)
from snapshots.errors import Fenced, LineageChanged
from snapshots.rows import log_name, packed
from snapshots.slots import slot_of
from snapshots.sqlite import control as sqlite_control
from snapshots.sqlite import handovers as sqlite_handovers
from snapshots.sqlite import shard as sqlite_shard
from snapshots.sqlite.files import Files, writing
from tests.simulation.at_risk import Before, rows_of
from tests.simulation.stores import Disk, InlineSqlite

LET_THROUGH = frozenset(("append", "standing", "claim_again", "release_again", "own_again"))
"""Calls that go to the history that `standing` has met, even before it is followed."""
_TOLD = """CREATE TABLE IF NOT EXISTS told (id INTEGER PRIMARY KEY CHECK (id = 1), former_log TEXT NOT NULL,
    former_seq INTEGER NOT NULL, former_hash BLOB NOT NULL, claimed INTEGER NOT NULL, regained TEXT NOT NULL)"""


class _Told(NamedTuple):
    """Of a shard's current claim: the log that it sealed, and where that stood; whether the claim itself was told
    again; and which shard has told again what it had given to this one.
    """

    former_log: str = ""
    former_seq: int = 0
    former_hash: bytes = GENESIS
    claimed: int = 0
    regained: str = ""


def _told(file: sqlite3.Connection) -> _Told:
    file.execute(_TOLD)
    row = file.execute("SELECT former_log, former_seq, former_hash, claimed, regained FROM told").fetchone()
    return _Told(*row) if row else _Told()


def _puts(file: sqlite3.Connection) -> int:
    """How often snapshots were put into the shard's file."""
    file.execute("CREATE TABLE IF NOT EXISTS puts (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL)")
    row = file.execute("SELECT count FROM puts").fetchone()
    return row[0] if row else 0


def _put(file: sqlite3.Connection, told: _Told) -> None:
    file.execute("INSERT OR REPLACE INTO told VALUES (1, ?, ?, ?, ?, ?)", told)


class LosingSqlite(InlineSqlite):
    """See the module."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self._known = self._met = ""
        """The history that all calls may meet, and the one that appends may; empty while nothing is watched."""

    def admit(self, name: str) -> None:
        """A call arrives. Raises LineageChanged if the store is another one than its process knows."""
        now = self._disk.history
        if name == "watch_lineage":
            self._known = self._met = self._known or now
        elif name == "standing" and self._known:
            self._met = now
        expected = self._met if name in LET_THROUGH else self._known
        if expected and expected != now:
            raise LineageChanged("the server was started again, or is another one")

    async def watch_lineage(self) -> str:
        return self._known

    async def lineage_now(self) -> str:
        return self._disk.history

    async def follow_lineage(self) -> str:
        self._known = self._met
        return self._known

    async def claim(self, shard_id: str, owner: Owner, nonce: str, sealed: Sealed | None = None) -> Claim:
        files = self._disk.files
        known = shard_id in files.shards()
        before = sqlite_shard.read_row(files.shard(shard_id)) if known else None
        claim = await super().claim(shard_id, owner, nonce, sealed)
        file = files.shard(shard_id)
        told = _told(file)
        if before is None or before.nonce != nonce:
            former = log_name(shard_id, before.log_epoch) if before is not None and before.log_epoch else ""
            told = _Told(former, before.seq, before.hash) if before is not None and former else _Told()
            _put(file, told)
        head = LogHead(told.former_seq, told.former_hash)
        return Claim(claim.incarnation, claim.previous, told.former_log, head)

    async def standing(self, inc: Incarnation) -> Standing:
        files = self._disk.files
        if inc.shard_id not in files.shards():
            return Standing(0, "", "", LogHead())
        row = sqlite_shard.read_row(file := files.shard(inc.shard_id))
        head = LogHead(row.seq, row.hash or GENESIS)
        return Standing(row.epoch, row.nonce, log_name(inc.shard_id, row.log_epoch), head, _puts(file))

    async def put_snapshots(self, inc: Incarnation, records: Sequence[SnapshotRecord]) -> int:
        await super().put_snapshots(inc, records)
        file = self._disk.files.shard(inc.shard_id)
        puts = _puts(file) + 1
        file.execute("INSERT OR REPLACE INTO puts VALUES (1, ?)", (puts,))
        return puts

    async def claim_again(self, claim: Claim, owner: Owner, grant: FallbackGrant | None = None) -> LogHead:
        return await self._on_files(_claim_again, claim, owner)

    async def release_again(
        self,
        inc: Incarnation,
        slots: Sequence[int],
        dedicated: Sequence[str],
        gainer: str,
        versions: Mapping[str, int],
    ) -> Incarnation:
        move = sqlite_control.SlotMove(inc, 0, sorted(slots), sorted(dedicated), gainer, dict(versions))
        return await self._on_files(_release_again, move)

    async def own_again(
        self, inc: Incarnation, slots: Sequence[int], dedicated: Sequence[str], known: Mapping[str, int]
    ) -> Sequence[str]:
        return await self._on_files(_own_again, inc, list(slots), list(dedicated), dict(known))

    async def take_term_again(self, term: int, holder: str, lease_ms: int) -> None:
        await self._on_files(_take_term_again, term, holder, lease_ms, await self.clock_ms())


def _claim_again(files: Files, claim: Claim, owner: Owner) -> LogHead:
    inc, control = claim.incarnation, files.control()
    known = inc.shard_id in files.shards()
    file = files.shard(inc.shard_id, create=not known)
    row, told = sqlite_shard.read_row(file), _told(file)
    log_id = log_name(inc.shard_id, row.log_epoch) if row.log_epoch else ""
    if (row.nonce, log_id) == (inc.nonce, inc.log_id):
        return LogHead(row.seq, row.hash)
    if row.epoch >= inc.epoch:
        raise Fenced(f"shard {inc.shard_id}: epoch {inc.epoch} is not told again, the store is at {row.epoch}")
    if log_id != claim.former_log or (log_id and (row.seq, row.hash) != _parts(claim.former_head)):
        raise Fenced(f"shard {inc.shard_id}: {inc.log_id} followed {claim.former_log}, the store has {log_id}")
    with writing(control):
        control.execute("INSERT OR IGNORE INTO shards VALUES (?)", (inc.shard_id,))
    with writing(file):
        log_epoch = int(inc.log_id.rpartition("-")[2])
        file.execute("UPDATE logs SET last_seq=? WHERE epoch=?", (row.seq, row.log_epoch))
        file.execute(
            "UPDATE shard SET epoch=?, nonce=?, owner=?, address=x'', log_epoch=?, seq=0, hash=?, previous=?,"
            " fenced=x'', retired='', release=x''",
            (inc.epoch, inc.nonce, packed(owner), log_epoch, GENESIS, packed(owner)),
        )
        file.execute("INSERT INTO logs (epoch, checkpoint_seq, trimmed_seq) VALUES (?, 0, 0)", (log_epoch,))
        _put(file, _Told(claim.former_log, *_parts(claim.former_head), claimed=1, regained=told.regained))
    return LogHead()


def _parts(head: LogHead) -> tuple[int, bytes]:
    return head.seq, head.hash


def _release_again(files: Files, move: sqlite_control.SlotMove) -> Incarnation:
    inc, control, request = move.inc, files.control(), move.request()
    after = Incarnation(inc.shard_id, inc.epoch + 1, inc.nonce, inc.log_id)
    if inc.shard_id in files.shards() and sqlite_shard.was_released(files.shard(inc.shard_id), inc, request):
        return after
    owners = [_owner(control, slot) for slot in move.slots]
    owners += [_dedicated(control, player_id) for player_id in move.dedicated]
    if others := {*owners} - {"", inc.shard_id, move.gainer}:
        raise Fenced(f"what {inc.shard_id} gave to {move.gainer} belongs to {others}")
    sqlite_shard.release(files.shard(inc.shard_id), inc, request, move.versions)
    with writing(control):
        sqlite_handovers.note(files, move.slots, move.dedicated, inc.shard_id, move.gainer)
        _give(control, move.slots, move.dedicated, move.gainer)
    gainer = files.shard(move.gainer, create=move.gainer not in files.shards())
    _put(gainer, _told(gainer)._replace(regained=inc.shard_id))
    return after


def _own_again(
    files: Files, inc: Incarnation, slots: Sequence[int], dedicated: Sequence[str], known: Mapping[str, int]
) -> Sequence[str]:
    control, file = files.control(), files.shard(inc.shard_id)
    sqlite_shard.heartbeat(file, inc)
    moves: dict[str, tuple[list[int], list[str]]] = {}
    for slot in slots:
        if (owner := _owner(control, slot)) != inc.shard_id:
            moves.setdefault(owner, ([], []))[0].append(slot)
    for player_id in dedicated:
        alone = _dedicated(control, player_id)
        owner = alone or _owner(control, slot_of(player_id))
        owner = "" if not alone and owner == inc.shard_id else owner
        if owner != inc.shard_id:
            moves.setdefault(owner, ([], []))[1].append(player_id)
    for loser in moves:
        if loser and _may_serve(files, loser, known):
            raise Fenced(f"shard {loser} may serve what {inc.shard_id} owned")
    with writing(control):
        for loser, (places, players) in moves.items():
            if loser:
                sqlite_handovers.note(files, places, players, loser, inc.shard_id)
            _give(control, places, players, inc.shard_id)
    regained = _told(file).regained
    return [*moves, *([regained] if regained and regained not in moves else [])]


def _may_serve(files: Files, shard_id: str, known: Mapping[str, int]) -> bool:
    """Whether it has not lost its giving something away, or was claimed since."""
    if shard_id not in files.shards():
        return shard_id not in known
    file = files.shard(shard_id)
    return not _told(file).claimed and sqlite_shard.read_row(file).epoch >= known.get(shard_id, 0)


def _take_term_again(files: Files, term: int, holder: str, lease_ms: int, now_ms: int) -> None:
    with writing(files.control()) as control:
        at, by = control.execute("SELECT term, holder FROM control").fetchone()
        if at > term or (at == term and by != holder):
            raise Fenced(f"term {term} is not told again, the store is at {at}")
        control.execute("UPDATE control SET term=?, holder=?, held_until_ms=?", (term, holder, now_ms + lease_ms))


def _owner(control: sqlite3.Connection, slot: int) -> str:
    row = control.execute("SELECT shard_id FROM slots WHERE slot=?", (slot,)).fetchone()
    return row[0] if row else ""


def _dedicated(control: sqlite3.Connection, player_id: str) -> str:
    row = control.execute("SELECT shard_id FROM dedicated WHERE player_id=?", (player_id,)).fetchone()
    return row[0] if row else ""


def _give(control: sqlite3.Connection, slots: Sequence[int], players: Sequence[str], gainer: str) -> None:
    control.executemany("INSERT OR REPLACE INTO slots VALUES (?, ?)", [(slot, gainer) for slot in slots])
    control.executemany("INSERT OR REPLACE INTO dedicated VALUES (?, ?)", [(player, gainer) for player in players])


def before_loss(disk: Disk) -> Before:
    """What a test must know of the store before it loses its tail."""
    formers = {shard_id: _told(disk.files.shard(shard_id)).former_log for shard_id in disk.files.shards()}
    return Before(disk.journal.copy(), rows_of(disk), formers)
