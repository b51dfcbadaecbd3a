"""Due work: done at its time for players in memory and for those that are not, as ordinary commands (rule 12).

Players in memory note their next due time themselves; the others are found by the index that is written with their
snapshots. Nothing is done twice, because a command's id is derived from what is due and the state records what was
done.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from actors.background.backoff import Rests
from actors.background.snapshotter import Snapshotter
from actors.host.trouble import Trouble
from actors.shard.context import ShardContext
from actors.shard.lookups import FactFinder
from actors.shard.residents import Resident
from snapshots.errors import Fenced, StoreUnavailable

log = logging.getLogger("croupier.shard")

TICK_S = 0.5
AT_ONCE = 64
SLICE = 16


class Scheduler:
    """One shard's clockwork. `run` goes on until cancelled; `catch_up` returns when nothing is due any more."""

    def __init__(
        self,
        context: ShardContext,
        snapshotter: Snapshotter,
        facts: FactFinder,
        arrive: Callable[[str], Awaitable[None]],
        run_due: Callable[[Resident], None],
    ) -> None:
        self._context, self._snapshotter, self._facts = context, snapshotter, facts
        self._arrive, self._run_due = arrive, run_due
        self._working = asyncio.Lock()
        self._rests = Rests()
        self._stuck = 0
        """Players at the front of the index whose work can't be done now."""

    async def run(self) -> None:
        """Looks for due work every half second, and for orphaned reservations twice in the time they may be held."""
        trouble = Trouble(log, "due work waits for the store")
        beats, orphans_every = 0, max(1, int(self._context.settings.orphan_after_ms / 2_000 / TICK_S))
        while True:
            beats += 1
            inc = self._context.inc
            try:
                await self.catch_up()
                if beats % orphans_every == 0:
                    await self._facts.resolve_orphans()
                trouble.over()
            except StoreUnavailable as failure:
                trouble.met(failure)
            except Fenced as refusal:
                if not self._context.committer.superseded(inc):
                    self._context.end(str(refusal))
                    return
            except Exception:
                log.exception("a look for due work failed; the next one tries again")
            await asyncio.sleep(TICK_S)

    async def catch_up(self, *, afresh: bool = False) -> None:
        """Does all work that is due by now, of players in memory and not. A player whose work can't be done rests.

        `afresh`: somebody waits for it, so whoever rests is tried once more.
        """
        async with self._working:
            self._rests.forget_old()
            if afresh:
                self._rests.interrupt()
            await self._in_memory()
            tried: set[str] = set()
            while await self._not_in_memory(tried):
                await self._in_memory()

    async def in_memory(self) -> None:
        """Does all work due by now of players in memory."""
        async with self._working:
            await self._in_memory()

    async def _in_memory(self) -> None:
        """Notes that were taken are put back at the end only: work that can't be done now must not come up again at
        once.
        """
        context, taken = self._context, list[str]()
        try:
            while context.at_work() and (found := context.scheduled.take(context.now(), SLICE)):
                taken += found
                for player_id in found:
                    await self._do(player_id)
                await asyncio.sleep(0)
        finally:
            for player_id in taken:
                if (resident := context.residents.by_id.get(player_id)) is not None:
                    context.scheduled.note(player_id, resident.due_ms)

    async def _do(self, player_id: str) -> None:
        """Does one player's overdue work, as far as that is possible now; facts are looked up.

        A player whom the work poisons rests.
        """
        context, counters = self._context, self._context.metrics.counters
        worked_on: Resident | None = None
        while context.at_work() and context.ownership.owns(player_id) and not self._rests.resting(player_id):
            resident = context.residents.by_id.get(player_id)
            if worked_on is not None and resident is not worked_on:
                self._rests.failed(player_id)
                return
            if resident is None or resident.due_ms is None or resident.due_ms > context.now():
                self._rests.succeeded(player_id)
                return
            worked_on = resident
            if resident.waiting is None:
                version = resident.player.state.version
                self._run_due(resident)
                counters["due_work_done"] += resident.player.state.version - version
            if resident.waiting is None:
                continue
            version = resident.player.state.version
            await self._until_free(resident)
            if resident.player.state.version == version:
                return  # the facts it needs can't be looked up now
            counters["due_work_done"] += 1

    async def _until_free(self, resident: Resident) -> None:
        """Waits until nothing is looked up for this player any more, even if look-ups for others go on."""
        while resident.waiting is not None and not self._context.ended:
            await self._facts.until_one_decided()

    async def _not_in_memory(self, tried: set[str]) -> bool:
        """Does what is due according to the index, each player once in a sweep (`tried`); False if the index has
        nothing new.
        """
        context = self._context
        if not context.at_work():
            return False
        own = [player_id for player_id, owner in context.ownership.dedicated.items() if owner == context.inc.shard_id]
        limit = AT_ONCE + self._stuck
        found = await context.store.due_players(sorted(context.ownership.slots), own, context.now(), limit)
        due = [each for each in found if each not in tried and not self._rests.resting(each)]
        self._stuck = len(found) - len(due)  # these stay at the front: the next page must reach beyond them
        tried.update(due)
        for player_id in due:
            if not context.at_work():
                return False
            await self._arrive(player_id)
            if player_id in context.residents.by_id:
                await self._do(player_id)
            elif context.ownership.owns(player_id):
                self._rests.failed(player_id)
        # Work that is done must not come up again.
        await self._snapshotter.index(due)
        return bool(due) or len(found) == limit
