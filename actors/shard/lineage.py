"""A store that may have lost its tail: what it acknowledged and has no more is appended again (rule 15).

The shard keeps its last acknowledged records in a ring. When a new connection reaches a server of another history, no
append is sent until the store's position was compared with the shard's. A store that is behind gets the missing records
again, each at its place, sequence and hash checked by the store. A store that is ahead, or whose hash differs, tells
another history: the incarnation ends, and its successor reads that one.

Snapshots are lost with the tail, and memory counts on each that was confirmed: who was dropped since would be loaded at
an older version, and the next checkpoint would speak of entries that no snapshot covers. So a shard whose store has
lost one gives back the records and ends; its successor reads snapshots and log as they are.
"""

import logging
from collections.abc import Sequence

from actors.metrics.shard import ShardMetrics
from actors.shard.ring import Acknowledged, Ring
from snapshots.contract import Incarnation, LogHead, Standing, Store, next_hash
from snapshots.errors import Fenced

log = logging.getLogger("croupier.shard")


class Lineage:
    """What one incarnation does about a store with another history than the one that it wrote."""

    def __init__(self, store: Store, ring: Ring, metrics: ShardMetrics) -> None:
        self._store, self._ring, self._metrics = store, ring, metrics

    async def follow(self, inc: Incarnation, head: LogHead, in_flight: bytes | None, snapshot: tuple[str, int]) -> str:
        """Makes the store's log stand at `head` again, or behind the batch in flight if that was written. Answers the
        name of the store's history.

        `head` is the last acknowledged record, `snapshot` player and version of the last confirmed snapshot. May be
        repeated if it raises StoreUnavailable. Fenced: the store has another history, has lost more than the ring
        holds (the log then names the interval), or has lost snapshots.
        """
        player_id, version = snapshot
        standing = await self._store.standing(inc, player_id)
        if standing.epoch > inc.epoch:
            await self._report_too_late(inc, head)
        missing = self._missing(inc, head, in_flight, standing)
        for before, payload, catalog_number, tallies in missing:
            await self._store.append(inc, before, payload, catalog_number, tallies)
        self._metrics.counters["journal_records_restored"] += len(missing)
        log.warning("shard %s: the store has another history; it stood at record %d of %s, %d were appended again",
                    inc.shard_id, standing.head.seq, inc.log_id, len(missing))  # fmt: skip
        if standing.snapshot_version < version:
            raise Fenced(f"shard {inc.shard_id}: the store lost snapshots; the log has what they held")
        return await self._store.follow_lineage()

    async def _report_too_late(self, inc: Incarnation, head: LogHead) -> None:
        """A successor has sealed the log as the store had it then: what was missing can't be appended any more."""
        await self._store.follow_lineage()
        for info in await self._store.journal_logs():
            if info.log_id == inc.log_id:
                _report_lost(inc, info.last_seq + 1, head.seq, "a successor took over before they were given back")

    def _missing(
        self, inc: Incarnation, head: LogHead, in_flight: bytes | None, standing: Standing
    ) -> Sequence[Acknowledged]:
        at = standing.head
        if (standing.epoch, standing.nonce, standing.log_id) != (inc.epoch, inc.nonce, inc.log_id):
            if standing.epoch < inc.epoch:  # before the claim, or before a slot move, which goes on in the same log
                first = at.seq + 1 if standing.log_id == inc.log_id else 1
                _report_lost(inc, first, head.seq, f"the store is back at epoch {standing.epoch}")
            raise Fenced(f"shard {inc.shard_id}: the store's history has epoch {standing.epoch}, not {inc.epoch}")
        if at == head or (in_flight is not None and at == _behind(head, in_flight)):
            return ()
        if at.seq >= head.seq:
            raise Fenced(f"shard {inc.shard_id}: the store has another history, at record {at.seq} of {inc.log_id}")
        missing = self._ring.after(at)
        if missing is None:
            _report_lost(inc, at.seq + 1, head.seq, "the ring does not reach back so far")
            raise Fenced(f"shard {inc.shard_id}: the store lost more than this process can append again")
        return missing


def _report_lost(inc: Incarnation, first: int, last: int, why: str) -> None:
    """For the operator: between which records acknowledged entries are missing."""
    if last >= first:
        named = (inc.shard_id, first, last, inc.log_id, why)
        log.error("shard %s: acknowledged records %d to %d of %s are lost: %s", *named)


def _behind(head: LogHead, payload: bytes) -> LogHead:
    return LogHead(head.seq + 1, next_hash(head.hash, payload))
