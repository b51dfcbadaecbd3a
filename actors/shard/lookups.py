"""Facts a command needs beyond its player: looked up and reserved while that player's mailbox waits (rule 11).

The reservation is recorded in the grant's event; once that is durable the store is told. What is left over after a
crash is settled by the owner, who knows whether there is such an event.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from actors.shard.context import ShardContext
from actors.shard.history import History
from actors.shard.residents import Resident
from actors.wire.frames import NIL, Kind, Reply, ReplyTo, Request, unavailable
from engine.commands import Command
from engine.facts import Facts, Needs, Reservation, Seen
from engine.needs import reservation_fate, reservation_outcomes
from engine.transition import Transition
from snapshots.contract import HeldReservation, Incarnation
from snapshots.errors import Fenced, StoreError, StoreUnavailable

log = logging.getLogger("croupier.shard")

R = TypeVar("R")

ORPHANS_AT_ONCE = 100


class FactFinder:
    """One shard's look-ups. While one is under way its player's other commands wait in `resident.waiting`."""

    def __init__(
        self,
        context: ShardContext,
        *,
        act_or_load: Callable[[ReplyTo, Request, int, int], None],
        arrive: Callable[[str], Awaitable[None]],
        decide: Callable[[Resident, Command, ReplyTo | None, Request | None, float], Transition | None],
        poisoned: Callable[[ReplyTo | None, Request | None, Resident], None],
    ) -> None:
        self._context, self._act_or_load, self._arrive = context, act_or_load, arrive
        self._decide_found, self._poisoned = decide, poisoned
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: set[asyncio.Task[None]] = set()
        self._last_held: HeldReservation | None = None
        """How far the look for orphans has come; it begins again after the last one."""
        self._history = History(context)

    def find(
        self, resident: Resident, command: Command, wanted: Needs, reply_to: ReplyTo | None, request: Request | None
    ) -> None:
        """Looks facts up, then has the command decided. Without `request` it is due work."""
        resident.waiting = []
        self._context.metrics.counters["facts_looked_up"] += 1
        self._spawn(self._find(resident, command, wanted, reply_to, request), self._looking)

    def resolve(self, done: Transition, batch: int) -> None:
        """Tells the store what became of reservations, once the transition is durable."""
        granted, returned = reservation_outcomes(done)
        if granted or returned:
            self._spawn(self._resolve(batch, granted, returned))

    @property
    def looking(self) -> bool:
        """Whether any command waits for facts."""
        return bool(self._looking)

    async def until_caught_up(self) -> None:
        """Waits for all that is looked up or settled now; not for what begins later."""
        await self.until_decided()
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def until_one_decided(self) -> None:
        """Waits until one of the commands that wait for facts does so no more."""
        if self._looking:
            await asyncio.wait(set(self._looking), return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(0)

    async def until_decided(self) -> None:
        """Waits for the commands that wait for facts now; not for those that come later."""
        if self._looking:
            await asyncio.wait(set(self._looking))

    def end(self) -> None:
        """Throws everything away: nothing was decided for those who wait."""
        for task in (*self._tasks, *self._looking):
            task.cancel()
        for resident in self._context.residents.by_id.values():
            for reply_to, request, _ in resident.waiting or ():
                reply_to.reply(Reply(request.rid, Kind.NOT_OWNER, NIL))

    async def _find(
        self, resident: Resident, command: Command, wanted: Needs, reply_to: ReplyTo | None, request: Request | None
    ) -> None:
        started = time.perf_counter()
        try:
            self._context.committer.check_stored()
            seen, reserved = await self._look_up(resident, command, wanted)
            past = None
            if wanted.past_bet is not None:
                past = await self._history.find(resident.player.state.player_id, wanted.past_bet, resident.batch)
            country = self._context.country_of(wanted.signals.ip)
            command = replace(command, facts=Facts(country, seen, tuple(reserved), past, self._context.facts.off))
            await self._decide(resident, command, reply_to, request, started, reserved)
        except StoreUnavailable as failure:
            log.warning("facts for %s can't be had now: %s", command.id, failure)
            self._not_now(resident, reply_to, request)
        except StoreError as failure:
            self._context.end(str(failure))
            return
        except Exception:
            self._poisoned(reply_to, request, resident)
        self._go_on(resident)

    def _not_now(self, resident: Resident, reply_to: ReplyTo | None, request: Request | None) -> None:
        """Refuses the command; where it is due work, all that came behind it, which may not overtake it."""
        refused = [(reply_to, request)] if reply_to is not None and request is not None else []
        if not refused:
            refused = [(behind, letter) for behind, letter, _ in resident.waiting or []]
            resident.waiting = []
        for whom, what in refused:
            whom.reply(
                unavailable(what.rid, "journal_unavailable", "What this command needs to know can't be looked up now.")
            )

    async def _look_up(self, resident: Resident, command: Command, wanted: Needs) -> tuple[Seen, Sequence[Reservation]]:
        context, player_id = self._context, resident.player.state.player_id
        seen, reserved = Seen(), list[Reservation]()
        fraud = context.catalog.fraud
        if wanted.look_up:
            seen = await context.store.see(player_id, wanted.signals, command.time_ms, fraud.window_days)
        if wanted.awards:
            reserved += await self._as_owner(
                lambda inc: context.store.reserve(
                    inc,
                    player_id,
                    command.id,
                    signals=wanted.signals,
                    wanted=wanted.awards,
                    per_ip=fraud.max_bonus_per_ip,
                    now_ms=command.time_ms,
                )
            )
        return seen, reserved

    async def _as_owner(self, call: Callable[[Incarnation], Awaitable[R]]) -> R:
        """Makes a call that the store takes from the current incarnation only. Raises Fenced if it is over.

        A slot move raises the epoch while the shard lives on: a call that is refused because of that is made again with
        the new one. That concerns players who stay, because a move waits for what those who leave have under way.
        """
        committer = self._context.committer
        while True:
            inc = self._context.inc
            try:
                return await call(inc)
            except Fenced:
                if not committer.superseded(inc):
                    raise
            async with committer.exclusive():  # until the move is over, and the incarnation known
                pass

    async def _decide(
        self,
        resident: Resident,
        command: Command,
        reply_to: ReplyTo | None,
        request: Request | None,
        started: float,
        reserved: Sequence[Reservation],
    ) -> None:
        """If it is refused, what was reserved is returned before a repeat of it could reserve the same again."""
        context = self._context
        if context.residents.by_id.get(resident.player.state.player_id) is not resident:
            if reply_to is not None and request is not None:
                self._act_or_load(
                    reply_to, request, context.now(), 1
                )  # evicted meanwhile: begins anew, with who has it now
            return
        done = self._decide_found(resident, command, reply_to, request, started)
        held = tuple(entry.reservation_id for entry in reserved if not entry.refusals)
        if done is None and held:
            await self._resolve(0, (), held)

    def _go_on(self, resident: Resident) -> None:
        """The commands that waited, in their order; each may wait again."""
        letters, resident.waiting = resident.waiting or [], None
        for reply_to, request, attempt in letters:
            self._act_or_load(reply_to, request, self._context.now(), attempt)

    async def _resolve(self, batch: int, granted: Sequence[str], returned: Sequence[str]) -> None:
        store = self._context.store
        try:
            await self._context.committer.until_durable(batch)
            if granted:
                await self._as_owner(lambda inc: store.resolve_reservations(inc, granted, granted=True))
            if returned:
                await self._as_owner(lambda inc: store.resolve_reservations(inc, returned, granted=False))
        except (StoreUnavailable, Fenced) as failure:
            log.warning("reservations stay held until their owner looks again: %s", failure)

    async def resolve_orphans(self) -> None:
        """Reservations held for long: each player's owner says what became of them. A page of all there are, per call:
        those of offers that nobody has taken yet stay held and must not hide the others.
        """
        before_ms = self._context.now() - self._context.settings.orphan_after_ms
        held = await self._context.store.held_reservations(before_ms, ORPHANS_AT_ONCE, self._last_held)
        self._last_held = held[-1] if len(held) == ORPHANS_AT_ONCE else None
        for reservation in held:
            if self._context.ownership.owns(reservation.player_id):
                await self._resolve_orphan(reservation)

    async def _resolve_orphan(self, held: HeldReservation) -> None:
        context = self._context
        await self._arrive(held.player_id)
        resident = context.residents.by_id.get(held.player_id)
        if resident is None or resident.waiting is not None or context.paused or context.draining:
            return
        fate = reservation_fate(resident.player.state, held.reservation_id)
        if fate != "held":
            resident.waiting = []  # a repeat of the command would find it held, and be granted what is being returned
            ids = (held.reservation_id,)
            granted, returned = (ids, ()) if fate == "granted" else ((), ids)
            await self._spawn(self._resolve_and_go_on(resident, granted, returned), self._looking)

    async def _resolve_and_go_on(self, resident: Resident, granted: Sequence[str], returned: Sequence[str]) -> None:
        await self._resolve(resident.batch, granted, returned)
        self._go_on(resident)

    def _spawn(
        self, coroutine: "asyncio._CoroutineLike[None]", tasks: "set[asyncio.Task[None]] | None" = None
    ) -> "asyncio.Task[None]":
        kept = self._tasks if tasks is None else tasks
        task = asyncio.get_running_loop().create_task(coroutine, name="facts")
        kept.add(task)
        task.add_done_callback(kept.discard)
        return task
