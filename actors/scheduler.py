"""Due work: done at its time for players in memory and for those that are not, as ordinary commands (rule 12).

Players in memory note their next due time themselves; the others are found by the index that is written with their
snapshots. Nothing is done twice: the commands' ids are derived from what is due, and the state records what was done.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from actors.residents import Resident
from actors.rests import Rests
from snapshots.errors import Fenced, StoreUnavailable

if TYPE_CHECKING:
    from actors.shard import Shard
    from actors.snapshotter import Snapshotter

log = logging.getLogger("croupier.shard")

TICK_S = 0.5
AT_ONCE = 64
SLICE = 16


class Scheduler:
    """One shard's clockwork. `run` goes on until cancelled; `catch_up` returns when nothing is due any more."""

    def __init__(self, shard: "Shard", snapshotter: "Snapshotter") -> None:
        self._shard, self._snapshotter = shard, snapshotter
        self._working = asyncio.Lock()
        self._rests = Rests()
        self._stuck = 0
        """Players at the front of the index whose work can't be done now."""

    async def run(self) -> None:
        """Looks every half second, and for orphaned reservations twice in the time they may be held."""
        beats, orphans_every = 0, max(1, int(self._shard.settings.orphan_after_ms / 2_000 / TICK_S))
        while True:
            beats += 1
            try:
                await self.catch_up()
                if beats % orphans_every == 0:
                    await self._shard.facts.settle_orphans()
            except StoreUnavailable as failure:
                log.warning("due work waits for the store: %s", failure)
            except Fenced as refusal:
                if not self._shard.committer.superseded(self._shard.inc):
                    self._shard.end(str(refusal))
                    return
            except Exception:
                log.exception("a look for due work failed; the next one tries again")
            await asyncio.sleep(TICK_S)

    async def catch_up(self) -> None:
        """Does all work due by now, of players in memory and of those that are not. What can't be done rests."""
        async with self._working:
            self._rests.forget_old()
            await self._in_memory()
            tried: set[str] = set()
            while await self._not_in_memory(tried):
                await self._in_memory()

    async def in_memory(self) -> None:
        """Does all work due by now of players in memory."""
        async with self._working:
            await self._in_memory()

    def _may(self) -> bool:
        shard = self._shard
        return shard.paused is None and not shard.draining and not shard.ended

    async def _in_memory(self) -> None:
        """Notes taken are given back at the end: what can't be done now must not come up again at once."""
        shard, taken = self._shard, list[str]()
        try:
            while self._may() and (found := shard.scheduled.take(shard.now(), SLICE)):
                taken += found
                for player_id in found:
                    await self._do(player_id)
                await asyncio.sleep(0)
        finally:
            for player_id in taken:
                if (resident := shard.residents.by_id.get(player_id)) is not None:
                    shard.scheduled.note(player_id, resident.due_ms)

    async def _do(self, player_id: str) -> None:
        """One player's overdue work, facts included, as far as it can be done now. Who is poisoned by it rests."""
        shard, counters = self._shard, self._shard.metrics.counters
        worked_on: Resident | None = None
        while self._may() and shard.ownership.owns(player_id) and not self._rests.resting(player_id):
            resident = shard.residents.by_id.get(player_id)
            if worked_on is not None and resident is not worked_on:
                self._rests.failed(player_id)
                return
            if resident is None or resident.due_ms is None or resident.due_ms > shard.now():
                self._rests.succeeded(player_id)
                return
            worked_on = resident
            if resident.waiting is None:
                version = resident.player.state.version
                shard.run_due(resident)
                counters["due_work_done"] += resident.player.state.version - version
            if resident.waiting is None:
                continue
            version = resident.player.state.version
            await self._until_free(resident)
            if resident.player.state.version == version:
                return  # its facts can't be had now
            counters["due_work_done"] += 1

    async def _until_free(self, resident: Resident) -> None:
        """Waits for what this player waits for, whoever else keeps looking things up meanwhile."""
        while resident.waiting is not None and not self._shard.ended:
            await self._shard.facts.until_one_decided()

    async def _not_in_memory(self, tried: set[str]) -> bool:
        """Does what the index says to be due, once in each sweep (`tried`); False if that was nothing new."""
        shard = self._shard
        if not self._may():
            return False
        own = [player_id for player_id, owner in shard.ownership.dedicated.items() if owner == shard.inc.shard_id]
        limit = AT_ONCE + self._stuck
        found = await shard.store.due_players(sorted(shard.ownership.slots), own, shard.now(), limit)
        due = [each for each in found if each not in tried and not self._rests.resting(each)]
        self._stuck = len(found) - len(due)  # they stay in front: the next page must reach beyond them
        tried.update(due)
        for player_id in due:
            if not self._may():
                return False
            await shard.loader.arrive(player_id)
            if player_id in shard.residents.by_id:
                await self._do(player_id)
            elif shard.ownership.owns(player_id):
                self._rests.failed(player_id)
        # What is done must not come up again.
        await self._snapshotter.index(due)
        return bool(due) or len(found) == limit
