"""Moving slots between live shards in steps, so that few players wait at a time, and none for long (rule 6)."""

import asyncio
import time
from collections.abc import Sequence

from actors.routing.client import ShardClient
from actors.settings import SupervisorSettings
from actors.supervision.crew import Crew
from actors.supervision.held_term import HeldTerm
from actors.supervision.ports import ShardDied, ShardHandle
from actors.wire.cluster_requests import CountSlots, SlotCounts
from snapshots.contract import SLOTS, Routing

REPORT_TIMEOUT_S = 1.0
PLAYER_WEIGHT = 100
"""Of a player in memory, where a slot without players weighs 1."""
EVEN = (1,) * SLOTS
"""Each slot weighs as much as any other."""


class Mover:
    """`lock` is held by whatever needs the table to stay as it is: a step of a move, a deploy."""

    def __init__(self, term: HeldTerm, crew: Crew, client: ShardClient, settings: SupervisorSettings) -> None:
        self.lock = asyncio.Lock()
        self._term, self._crew, self._client, self._settings = term, crew, client, settings

    async def step(self, loser: str, gainer: str, slots: Sequence[int], dedicated: Sequence[str] = ()) -> int:
        """Moves slots and dedicated players in one go; answers for how long they had no shard, in ms.

        Raises ShardDied, SlotMoveFailed, StoreError. Whether they moved is in the table then.
        """
        losing, gaining = self._alive(loser), self._alive(gainer)
        released = await losing.release(self._term.number, slots, dedicated, gainer)
        began = time.monotonic()
        await gaining.gain()
        return released.paused_ms + round((time.monotonic() - began) * 1000)

    def _alive(self, shard_id: str) -> ShardHandle:
        handle = self._crew.live.get(shard_id)
        if handle is None:
            raise ShardDied(f"shard {shard_id} is being replaced")
        return handle

    async def slots_at_once(self, routing: Routing, loser: str) -> int:
        """So many slots of a shard may move in one step: fewer if many players in memory live in each."""
        settings, held = self._settings, routing.slots.count(loser)
        try:
            report = await self._client.report(routing.shards[loser], REPORT_TIMEOUT_S)
        except (OSError, TimeoutError, KeyError):
            return 1
        players = max(1, report.resident_players // max(1, held))
        return max(1, min(settings.move_slots_max, settings.move_players_max // players))

    async def weights(self, shards: Sequence[str]) -> Sequence[int]:
        """What each slot weighs: a little by itself, and its players in memory; all alike if not every shard tells."""
        routing = await self._term.routing()
        counts = await asyncio.gather(*(self._counts(routing, shard_id) for shard_id in shards))
        if any(not count for count in counts):
            return EVEN
        return [1 + PLAYER_WEIGHT * sum(players) for players in zip(*counts, strict=True)]

    async def _counts(self, routing: Routing, shard_id: str) -> Sequence[int]:
        """Players by slot; empty if the shard does not tell."""
        row = routing.shards.get(shard_id)
        try:
            answer = await self._client.control(row.address if row else None, CountSlots(), REPORT_TIMEOUT_S)
        except (OSError, TimeoutError):
            return ()
        return answer.players if isinstance(answer, SlotCounts) else ()

    async def rest(self) -> None:
        """Between two steps."""
        await asyncio.sleep(self._settings.move_rest_ms / 1000)

    async def move(self, slots: Sequence[int], gainer: str) -> None:
        """Moves slots to a live shard, one loser after the other, without losing an acknowledged command."""
        async with self.lock:
            if gainer not in self._crew.live:
                raise KeyError(f"no live shard {gainer!r}; there are {', '.join(self._crew.live)}")
            routing = await self._term.routing()
            for loser in sorted({routing.slots[slot] for slot in slots} - {gainer}):
                await self.step(loser, gainer, [slot for slot in slots if routing.slots[slot] == loser])
