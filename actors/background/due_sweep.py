"""Keeps the index of due work true to the catalog in force (rule 12): players not in memory are looked at once.

The store notes for each slot under which rules its index is complete. If these are not the rules in force, all players
of the slot are loaded in small slices and let go again. Only players whose due time has changed are written.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from actors.background.backoff import Rests
from actors.background.due_work import Scheduler
from actors.background.snapshotter import Snapshotter
from actors.host.trouble import Trouble
from actors.routing.owner_of import slot_of
from actors.shard.context import ShardContext
from engine.due import due_digest
from snapshots.contract import Routing
from snapshots.errors import Fenced, StoreUnavailable

log = logging.getLogger("croupier.shard")

LOOK_S = 1.0
PAUSE_PER_WORK = 3
"""The pause after a slice is that many times as long as the slice took, so spins have three quarters of the time."""
PAUSE_MAX_S = 1.0
OF_THEIR_OWN = -1
"""Stands for the slot of dedicated players. It is never marked: they are few, and looked at each time."""


class _Situation(NamedTuple):
    """What a sweep depends on. When any of it changes, the sweep begins anew."""

    catalog_number: int
    generation: int


class DueSweep:
    """One shard's sweeps. `run` goes on until cancelled; `catch_up` returns when the index is complete."""

    def __init__(
        self,
        context: ShardContext,
        snapshotter: Snapshotter,
        scheduler: Scheduler,
        arrive: Callable[[str], Awaitable[None]],
    ) -> None:
        self._context, self._snapshotter, self._scheduler, self._arrive = context, snapshotter, scheduler, arrive
        self._working = asyncio.Lock()
        self._done: _Situation | None = None
        self._hurried = 0
        self._rests = Rests()
        self._marks: dict[int, str] = {}
        """The marks to be noted for the slots that are not complete yet."""
        self._left: dict[int, set[str]] = {}
        """By slot: players who can't be looked at now. Their slots are not complete until they can."""

    async def run(self) -> None:
        """Looks every second whether there is anything to do. As long as nothing changes, the store is not asked."""
        trouble = Trouble(log, "the index of due work waits for the store")
        while True:
            inc = self._context.inc
            try:
                await self._sweep()
                trouble.over()
            except StoreUnavailable as failure:
                trouble.met(failure)
            except Fenced as refusal:
                if not self._context.committer.superseded(inc):
                    self._context.end(str(refusal))
                    return
            except Exception:
                log.exception("a sweep of the index of due work failed; the next one begins anew")
            await asyncio.sleep(LOOK_S)

    async def catch_up(self) -> None:
        """Completes the index without pauses, for callers who wait for it.

        Players who can't be loaded now are left out.
        """
        self._hurried += 1
        try:
            await self._sweep()
        finally:
            self._hurried -= 1

    def _situation(self) -> _Situation:
        return _Situation(self._context.committer.catalog_number, self._context.ownership.generation)

    def _may(self, situation: _Situation) -> bool:
        return self._context.at_work() and situation == self._situation()

    async def _sweep(self) -> None:
        async with self._working:
            situation = self._situation()
            if not self._may(situation):
                return
            self._rests.forget_old()
            if situation != self._done:
                self._done = situation if await self._all(situation) else None
            else:
                await self._those_left(situation)

    async def _all(self, situation: _Situation) -> bool:
        """Looks at all slots that are not complete; False if it was interrupted."""
        context = self._context
        routing = await context.store.routing()
        if routing.catalog is not None and routing.catalog.number != situation.catalog_number:
            return False
        marks, known = self._wanted(routing), await context.store.due_marks()
        self._marks, self._left = {slot: mark for slot, mark in marks.items() if known.get(slot) != mark}, {}
        self._show()
        # A snapshot that is being written may hold a due time by the former rules.
        await self._snapshotter.clean(())
        own = [player_id for player_id, owner in context.ownership.dedicated.items() if owner == context.inc.shard_id]
        self._leave(OF_THEIR_OWN, await self._look_at(own, situation))
        if not self._marks or not self._may(situation):
            return self._may(situation)
        log.info("the index of due work is completed for %d slots", len(self._marks))
        return await self._page_by_page(situation)

    def _wanted(self, routing: Routing) -> dict[int, str]:
        """The marks of this shard's slots: the rules, since when they hold, and which players are looked at elsewhere.

        If rules are replaced and come back later, the index holds what the rules in between left: a digest alone is not
        enough.
        """
        context = self._context
        since = 0 if routing.catalog is None else routing.catalog.due_since
        apart: dict[int, list[str]] = {}
        for player_id in sorted(context.ownership.dedicated):
            apart.setdefault(slot_of(player_id), []).append(player_id)
        rules = f"{since}:{due_digest(context.catalog)}"
        return {slot: rules + _digest(apart.get(slot, ())) for slot in context.ownership.slots}

    async def _page_by_page(self, situation: _Situation) -> bool:
        loop, slots, place, seen = asyncio.get_running_loop(), sorted(self._marks), None, 0
        while True:
            began = loop.time()
            page = await self._context.store.stored_players(slots, self._context.settings.snapshot_batch, place)
            for slot, failed in _by_slot(await self._look_at(page.players, situation)).items():
                self._leave(slot, failed)
            if not self._may(situation):
                return False
            seen, place = seen + len(page.players), page.next
            complete = [slot for slot in slots if slot in self._marks and (place is None or slot < place.slot)]
            await self._complete(complete)
            if place is None:
                left = sum(map(len, self._left.values()))
                log.info("the index of due work is complete: %d players looked at, %d can't be now", seen, left)
                return True
            await self._pause(loop.time() - began)

    async def _pause(self, work_s: float) -> None:
        await asyncio.sleep(0 if self._hurried else min(PAUSE_PER_WORK * work_s, PAUSE_MAX_S))

    async def _those_left(self, situation: _Situation) -> None:
        """Tries the players again who could not be looked at, each after a rest."""
        for slot, left in list(self._left.items()):
            again = [player_id for player_id in sorted(left) if not self._rests.resting(player_id)]
            failed = await self._look_at(again, situation) if again else set()
            if not self._may(situation):
                return
            self._left[slot] = left - set(again)
            self._leave(slot, failed)
            await self._complete([slot])

    def _leave(self, slot: int, failed: Iterable[str]) -> None:
        for player_id in failed:
            self._rests.failed(player_id)
        self._left.setdefault(slot, set()).update(failed)
        if not self._left[slot]:
            del self._left[slot]

    async def _complete(self, slots: Sequence[int]) -> None:
        """Notes in the store which of these slots are complete: all players looked at."""
        done = {slot: self._marks[slot] for slot in slots if slot in self._marks and slot not in self._left}
        if done:
            await self._context.store.put_due_marks(self._context.inc, done)
            self._marks = {slot: mark for slot, mark in self._marks.items() if slot not in done}
            self._show()

    def _show(self) -> None:
        self._context.metrics.gauges["shard_due_slots_to_sweep"] = len(self._marks)

    async def _look_at(self, player_ids: Sequence[str], situation: _Situation) -> set[str]:
        """Brings the due times of these players into the index; answers the players with whom that failed."""
        failed, start = set[str](), 0
        while start < len(player_ids):
            context = self._context
            room = max(1, context.settings.residents_max - len(context.residents))
            part = player_ids[start : start + room]
            start += len(part)
            failed |= await self._look_at_slice([each for each in part if context.ownership.owns(each)], situation)
        return failed

    async def _look_at_slice(self, player_ids: Sequence[str], situation: _Situation) -> set[str]:
        context, residents, brought = self._context, self._context.residents, dict[str, int]()
        for player_id in player_ids:
            if not self._may(situation):
                return set(player_ids)
            if player_id not in residents.by_id:
                await self._arrive(player_id)
                if (resident := residents.by_id.get(player_id)) is not None:
                    brought[player_id] = resident.used_ms
        await self._scheduler.in_memory()
        here = {each: residents.by_id[each] for each in player_ids if each in residents.by_id}
        versions = {each: here[each].player.state.version for each in brought if each in here}
        await self._snapshotter.index(
            [
                each
                for each, resident in here.items()
                if each in brought or context.scheduled.due_of(resident, context.catalog) != resident.indexed_ms
            ]
        )
        stayed = {each for each, resident in here.items() if residents.by_id.get(each) is resident}
        unused = {each: version for each, version in versions.items() if here[each].used_ms == brought[each]}
        self._snapshotter.let_go(unused)
        return set(player_ids) - stayed


def _digest(names: Sequence[str]) -> str:
    return ":" + blake2b("\n".join(names).encode(), digest_size=8).hexdigest() if names else ""


def _by_slot(player_ids: Iterable[str]) -> Mapping[int, set[str]]:
    found: dict[int, set[str]] = {}
    for player_id in player_ids:
        found.setdefault(slot_of(player_id), set()).add(player_id)
    return found
