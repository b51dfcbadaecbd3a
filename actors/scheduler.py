"""Due work: done at its time for players in memory and for those that are not, as ordinary commands (rule 12).

Players in memory note their next due time themselves; the others are found by the index that is written with their
snapshots. Nothing is done twice: the commands' ids are derived from what is due, and the state records what was done.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from snapshots.errors import Fenced, StoreUnavailable

if TYPE_CHECKING:
    from actors.shard import Shard
    from actors.snapshotter import Snapshotter

log = logging.getLogger("croupier.shard")

TICK_S = 0.5
ORPHANS_EVERY = 60
AT_ONCE = 64
SLICE = 16


class Scheduler:
    """One shard's clockwork. `run` goes on until cancelled; `catch_up` returns when nothing is due any more."""

    def __init__(self, shard: "Shard", snapshotter: "Snapshotter") -> None:
        self._shard, self._snapshotter = shard, snapshotter
        self._working = asyncio.Lock()

    async def run(self) -> None:
        """Looks every half second, and for orphaned reservations twice a minute."""
        beats = 0
        while True:
            beats += 1
            try:
                await self.catch_up()
                if beats % ORPHANS_EVERY == 0:
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
        """Does all work due by now, of players in memory and of those that are not."""
        async with self._working:
            await self._in_memory()
            while await self._not_in_memory():
                await self._in_memory()

    async def _in_memory(self) -> None:
        shard = self._shard
        while shard.paused is None and not shard.draining:
            found = shard.scheduled.take(shard.now(), SLICE)
            if not found:
                return
            for player_id in found:
                resident = shard.residents.by_id.get(player_id)
                if resident is not None:
                    await self._do(player_id)
            await asyncio.sleep(0)

    async def _do(self, player_id: str) -> None:
        """One player's overdue work, facts included."""
        shard = self._shard
        while (resident := shard.residents.by_id.get(player_id)) is not None:
            before = resident.due_ms
            if before is None or before > shard.now():
                return
            shard.run_due(resident)
            shard.metrics.counters["due_work_done"] += 1
            if resident.waiting is not None:
                await shard.facts.until_decided()
            if shard.residents.by_id.get(player_id) is resident and resident.due_ms == before:
                shard.scheduled.note(player_id, before)  # facts can't be had now: later
                return

    async def _not_in_memory(self) -> bool:
        """Loads players whose snapshot says that they have work due; False if there were none."""
        shard = self._shard
        if shard.paused is not None or shard.draining:
            return False
        own = [player_id for player_id, owner in shard.ownership.dedicated.items() if owner == shard.inc.shard_id]
        due = await shard.store.due_players(sorted(shard.ownership.slots), own, shard.now(), AT_ONCE)
        absent = [player_id for player_id in due if player_id not in shard.residents.by_id]
        for player_id in due:
            await shard.loader.arrive(player_id)
            if player_id in shard.residents.by_id:
                await self._do(player_id)
                shard.residents.owe(player_id)
        # The index is written with snapshots: these must not come up again.
        await self._snapshotter.clean([player_id for player_id in due if player_id in shard.residents.by_id])
        return bool(absent)
