"""A store that may have lost its tail: what it acknowledged and has no more is told to it again (rule 15).

The shard keeps its last acknowledged records in a ring. When a new connection reaches a server of another history, no
append is sent until the store's position was compared with the shard's. A store that is behind gets the missing records
again, each at its place, sequence and hash checked by the store; before them the shard's claim, and after them its slot
moves, if they are lost, too (`ownership_lost`). A store that is ahead, or whose hash differs, tells another history:
the incarnation ends, and its successor reads that one.

Snapshots are lost with the tail, and memory counts on each that was confirmed: who was dropped since would be loaded at
an older version, and the next checkpoint would speak of entries that no snapshot covers. So a shard whose store has
lost one, or a claim or move, gives back everything and ends; its successor reads snapshots and log as they are.
"""

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from actors.metrics.shard import ShardMetrics
from actors.shard.ownership import Ownership
from actors.shard.ownership_lost import OwnershipLost
from actors.shard.ring import Ring
from snapshots.contract import ANY_CATALOG, AppendedRecord, Incarnation, LogHead, Standing, Store, next_hash
from snapshots.errors import Fenced

log = logging.getLogger("croupier.shard")


class Lineage:
    """What one incarnation does about a store with another history than the one that it wrote."""

    def __init__(
        self, store: Store, ring: Ring, told: OwnershipLost, ownership: Ownership, metrics: ShardMetrics
    ) -> None:
        self._store, self._ring, self._metrics = store, ring, metrics
        self._told, self._ownership = told, ownership

    async def follow(self, inc: Incarnation, head: LogHead, in_flight: bytes | None, puts: int) -> str:
        """Makes the store's log stand at `head` again, or behind the batch in flight if that was written. Answers the
        name of the store's history.

        `head` is the last acknowledged record, `puts` the number of the last confirmed put of snapshots. May be
        repeated if it raises StoreUnavailable. Fenced: the store has another history, has lost more than the ring
        holds (the log then names the interval), or had lost more than records, and has it again.
        """
        standing = await self._store.standing(inc)
        if standing.epoch > inc.epoch:
            await self._report_too_late(inc, head)
            raise Fenced(f"shard {inc.shard_id}: the store's history has epoch {standing.epoch}, not {inc.epoch}")
        told = await self._give_back(inc, head, in_flight, standing)
        told = await self._told.own(inc, self._ownership) or told
        if told:
            raise Fenced(f"shard {inc.shard_id}: the store had lost who owns what; its successor reads what it has now")
        if standing.puts < puts:
            raise Fenced(f"shard {inc.shard_id}: the store lost snapshots; the log has what they held")
        return await self._store.follow_lineage()

    async def _give_back(self, inc: Incarnation, head: LogHead, in_flight: bytes | None, standing: Standing) -> bool:
        """Claim, records and moves, in this order; answers whether the store had lost more than records."""
        try:
            claimed = await self._told.claimed(inc, standing)
            moves = self._told.moves_since(inc, claimed.epoch)
        except Fenced:
            self._report_other_history(inc, head, standing)
            raise
        before = replace(inc, epoch=claimed.epoch)
        missing = self._missing(before, head, in_flight, claimed)
        for record in missing:
            await self._store.append(before, record.before, record.payload, ANY_CATALOG, record.tallies)
        self._metrics.counters["journal_records_restored"] += len(missing)
        log.warning("shard %s: the store has another history; it stood at record %d of %s, %d were appended again",
                    inc.shard_id, standing.head.seq, standing.log_id, len(missing))  # fmt: skip
        await self._told.tell_moves(moves)
        return claimed is not standing or bool(moves)

    async def _report_too_late(self, inc: Incarnation, head: LogHead) -> None:
        """A successor has sealed the log as the store had it then: what was missing can't be appended any more."""
        await self._store.follow_lineage()
        for info in await self._store.journal_logs():
            if info.log_id == inc.log_id:
                _report_lost(inc, info.last_seq + 1, head.seq, "a successor took over before they were given back")

    def _missing(
        self, inc: Incarnation, head: LogHead, in_flight: bytes | None, standing: Standing
    ) -> Sequence[AppendedRecord]:
        at = standing.head
        if at == head or (in_flight is not None and at == _behind(head, in_flight)):
            return ()
        if at.seq >= head.seq:
            raise Fenced(f"shard {inc.shard_id}: the store has another history, at record {at.seq} of {inc.log_id}")
        missing = self._ring.after(at)
        if missing is None:
            _report_lost(inc, at.seq + 1, head.seq, "the ring does not reach back so far")
            raise Fenced(f"shard {inc.shard_id}: the store lost more than this process can append again")
        return missing

    def _report_other_history(self, inc: Incarnation, head: LogHead, standing: Standing) -> None:
        """Neither the claim nor the moves can be told again."""
        first = standing.head.seq + 1 if standing.log_id == inc.log_id else 1
        _report_lost(inc, first, head.seq, f"the store is back at epoch {standing.epoch}")


def _report_lost(inc: Incarnation, first: int, last: int, why: str) -> None:
    """For the operator: between which records acknowledged entries are missing."""
    if last >= first:
        named = (inc.shard_id, first, last, inc.log_id, why)
        log.error("shard %s: acknowledged records %d to %d of %s are lost: %s", *named)


def _behind(head: LogHead, payload: bytes) -> LogHead:
    return LogHead(head.seq + 1, next_hash(head.hash, payload))
