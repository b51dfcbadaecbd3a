"""Facts a command needs beyond its player: looked up and reserved while that player's mailbox waits (rule 11).

The reservation is recorded in the grant's event; once that is durable the store is told. What is left over after a
crash is settled by the owner, who knows whether there is such an event.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from actors.committer import ReplySink
from actors.frames import Request, unavailable
from actors.residents import Resident
from engine.commands import Command
from engine.facts import Facts, Needs, Reservation, Seen
from engine.needs import reservation_fate, reservation_outcomes
from engine.transition import Transition
from snapshots.contract import HeldReservation
from snapshots.errors import Fenced, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from actors.shard import Shard

log = logging.getLogger("croupier.shard")

ORPHAN_AFTER_MS = 60_000
ORPHANS_AT_ONCE = 100


class FactFinder:
    """One shard's look-ups. While one is under way its player's other commands wait in `resident.waiting`."""

    def __init__(self, shard: "Shard") -> None:
        self._shard = shard
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: set[asyncio.Task[None]] = set()

    def find(
        self, resident: Resident, command: Command, wanted: Needs, sink: ReplySink | None, request: Request | None
    ) -> None:
        """Looks facts up, then has the command decided. Without `request` it is due work."""
        resident.waiting = []
        self._shard.metrics.counters["facts_looked_up"] += 1
        self._spawn(self._find(resident, command, wanted, sink, request), self._looking)

    def settle(self, done: Transition, batch: int) -> None:
        """Tells the store what became of reservations, once the transition is durable."""
        granted, returned = reservation_outcomes(done)
        if granted or returned:
            self._spawn(self._settle(batch, granted, returned))

    async def until_idle(self) -> None:
        """Waits until nothing is looked up or settled any more."""
        while self._tasks or self._looking:
            await asyncio.wait({*self._tasks, *self._looking})

    async def until_decided(self) -> None:
        """Waits until no command waits for facts any more."""
        while self._looking:
            await asyncio.wait(set(self._looking))

    def end(self) -> None:
        """Throws everything away: nothing was decided for those who wait."""
        for task in (*self._tasks, *self._looking):
            task.cancel()

    async def _find(
        self, resident: Resident, command: Command, wanted: Needs, sink: ReplySink | None, request: Request | None
    ) -> None:
        started = time.perf_counter()
        reserved: Sequence[Reservation] = ()
        try:
            seen, reserved = await self._look_up(resident, command, wanted)
            country = self._shard.country_of(wanted.signals.ip)
            command = replace(command, facts=Facts(country, seen, tuple(reserved)))
        except StoreUnavailable as failure:
            log.warning("facts for %s can't be had now: %s", command.id, failure)
            if sink is not None and request is not None:
                sink.reply(unavailable(request.rid, "journal_unavailable", "Shared limits can't be checked now."))
        except StoreError as failure:
            self._shard.end(str(failure))
            return
        else:
            self._decide(resident, command, sink, request, started, reserved)
        self._go_on(resident)

    async def _look_up(self, resident: Resident, command: Command, wanted: Needs) -> tuple[Seen, Sequence[Reservation]]:
        shard, player_id = self._shard, resident.player.state.player_id
        seen, reserved = Seen(), list[Reservation]()
        fraud = shard.catalog.fraud
        if wanted.look_up:
            seen = await shard.store.see(player_id, wanted.signals, command.time_ms, fraud.window_days)
        if wanted.awards:
            reserved += await shard.store.reserve(
                player_id, command.id, wanted.signals, wanted.awards, fraud.max_bonus_per_ip, command.time_ms
            )
        return seen, reserved

    def _decide(
        self,
        resident: Resident,
        command: Command,
        sink: ReplySink | None,
        request: Request | None,
        started: float,
        reserved: Sequence[Reservation],
    ) -> None:
        done: Transition | None = None
        try:
            if sink is None or request is None:
                done = self._shard.decide_due(resident, command)
            else:
                done = self._shard.decide(sink, request, resident, command, started)
        except Exception:
            self._shard.poisoned(sink, request, resident)
        held = tuple(entry.reservation_id for entry in reserved if not entry.refusals)
        if done is None and held:
            self._spawn(self._settle(0, (), held))

    def _go_on(self, resident: Resident) -> None:
        """The commands that waited, in their order; each may wait again."""
        letters, resident.waiting = resident.waiting or [], None
        for sink, request, attempt in letters:
            self._shard.act_or_load(sink, request, self._shard.now(), attempt)

    async def _settle(self, batch: int, granted: Sequence[str], returned: Sequence[str]) -> None:
        try:
            await self._shard.committer.until_durable(batch)
            if granted:
                await self._shard.store.settle_reservations(granted, granted=True)
            if returned:
                await self._shard.store.settle_reservations(returned, granted=False)
        except (StoreUnavailable, Fenced) as failure:
            log.warning("reservations stay held until their owner looks again: %s", failure)

    async def settle_orphans(self) -> None:
        """Reservations held for long: each player's owner says what became of them."""
        held = await self._shard.store.held_reservations(self._shard.now() - ORPHAN_AFTER_MS, ORPHANS_AT_ONCE)
        for reservation in held:
            if self._shard.ownership.owns(reservation.player_id):
                await self._settle_orphan(reservation)

    async def _settle_orphan(self, held: HeldReservation) -> None:
        shard = self._shard
        await shard.loader.arrive(held.player_id)
        resident = shard.residents.by_id.get(held.player_id)
        if resident is None or resident.waiting is not None:
            return
        fate = reservation_fate(resident.player.state, held.reservation_id)
        if fate != "held":
            ids = (held.reservation_id,)
            await self._settle(resident.batch, ids if fate == "granted" else (), () if fate == "granted" else ids)

    def _spawn(self, coroutine: "asyncio._CoroutineLike[None]", tasks: "set[asyncio.Task[None]] | None" = None) -> None:
        kept = self._tasks if tasks is None else tasks
        task = asyncio.get_running_loop().create_task(coroutine, name="facts")
        kept.add(task)
        task.add_done_callback(kept.discard)
