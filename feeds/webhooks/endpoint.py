"""One endpoint: takes what it is to be told, sends it, and judges what came of that."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from actors.routing.breaker import NUMBERS, Breaker
from feeds.settling import Debt
from feeds.webhooks.lanes import Entry, Lane
from feeds.webhooks.ledger import Ledger
from feeds.webhooks.messages import Message
from feeds.webhooks.metrics import WebhookMetrics
from feeds.webhooks.owed import Origin
from feeds.webhooks.schedule import ATTEMPTS_MAX, RETRY_AFTER_MAX_MS, wait_ms
from feeds.webhooks.sending import GONE, Attempt, Sender
from feeds.webhooks.settings import EndpointSettings
from feeds.webhooks.standings import Keeper
from feeds.webhooks.table import Table
from snapshots.contract import Position

log = logging.getLogger("croupier.webhooks")

BREAKER_OPEN_S: Final = 30.0
LOOK_S: Final = 1.0
"""How long the endpoint sleeps at most."""


class Endpoint:
    """Belongs to one sink and its event loop. `now_ms`: real time (Unix ms). `table` is what it is owed."""

    def __init__(
        self,
        name: str,
        settings: EndpointSettings,
        *,
        owed_max: int,
        ledger: Ledger,
        sender: Sender,
        metrics: WebhookMetrics,
        now_ms: Callable[[], int],
    ) -> None:
        self.name, self.settings, self.sender = name, settings, sender
        self.keeper = Keeper(name, ledger, now_ms)
        self.breaker = Breaker(f"webhook:{name}", open_s=BREAKER_OPEN_S)
        self.chance = random.Random()
        self._wake = asyncio.Event()
        latest = settings.delivers == "latest"
        self.table = Table(name, ledger, now_ms, latest=latest, held_max=owed_max, wake=self._wake)
        self._ledger, self._metrics, self._now_ms = ledger, metrics, now_ms
        self._running: set[asyncio.Task[None]] = set()
        self._rest_until_ms = 0
        self._loop: asyncio.Task[None] | None = None

    # --- opening and closing

    async def open(self) -> None:
        """Takes over what is noted, and begins to send. Raises StoreError."""
        standing = await self._ledger.pages(f"endpoint/{self.name}")
        self.keeper.load(standing.get(f"endpoint/{self.name}"), self.settings)
        if not self.disabled:
            await self.table.load()
            self.table.schedule_all(at_once=False)
        self._metrics.knows(self.name)
        self._show()
        self._loop = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends attempts under way; they are made again after the next opening."""
        tasks = [*self._running, *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self.sender.close()

    # --- taking

    @property
    def disabled(self) -> str:
        """Why it gets nothing; empty if it does."""
        return self.keeper.current.disabled

    @property
    def begin_ms(self) -> int:
        """It gets what happened from then on (Unix ms of real time)."""
        return self.keeper.current.begin_ms

    @property
    def held(self) -> int:
        """Messages that wait to be delivered."""
        return self.table.lanes.held

    async def room(self) -> None:
        """Waits until another message may be offered. A disabled endpoint takes and forgets, unless it is alone: then
        its reader waits where it is, until the endpoint is enabled.
        """
        if self.has_room():
            return
        why = "it is disabled" if self.disabled else f"{self.held} events wait, as many as may"
        log.warning("webhook %s: %s; the reader waits for it", self.name, why)
        while not self.has_room():
            await self.table.change()

    def has_room(self) -> bool:
        """Whether another message may be offered."""
        return not self.settings.alone if self.disabled else self.table.has_room()

    def offer(self, message: Message, happened_ms: int, origin: Origin, debt: Debt) -> None:
        """Takes a message that must be delivered, unless it happened before the endpoint's beginning, which may have
        changed while there was no room. `debt` is settled when it was delivered, or when it is noted.
        """
        if self.disabled or happened_ms < self.begin_ms:
            self._count("skipped")
            return
        lane = self.table.lanes.of(message.player_id)
        if message.place <= lane.newest:
            return
        lane.newest = message.place
        if message.too_large:
            self._leave_out(lane, message)
            return
        debt.owe()
        entry = Entry(message, origin, debt, self._now_ms())
        if self.table.line_up(lane, entry, note=not self._flows()) is not None:
            self._count("superseded")

    def _leave_out(self, lane: Lane, message: Message) -> None:
        self._count("too_large")
        log.error("webhook %s: event %s has more than 20 kB and is not sent", self.name, message.id)
        self.table.lanes.drop_if_done(lane)

    def _flows(self) -> bool:
        return self.breaker.state == "closed" and self._rest_until_ms <= self._now_ms()

    # --- sending

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            self._start_what_may_go()
            self.table.note_what_waits_long()
            self._show()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sleep_s()):
                    await self._wake.wait()

    def _sleep_s(self) -> float:
        due_ms = self.table.lanes.next_due_ms()
        if due_ms is None or len(self._running) >= self.settings.connections:
            return LOOK_S
        return min(LOOK_S, max(0.01, (due_ms - self._now_ms()) / 1_000))

    def _start_what_may_go(self) -> None:
        while len(self._running) < self.settings.connections and not self.disabled:
            now = self._now_ms()
            lane = self.table.lanes.first(now)
            if lane is None or now < self._rest_until_ms or not self.breaker.allows():
                return
            entry = self.table.lanes.begin(lane)
            task = asyncio.create_task(self._attempt(lane, entry))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("webhook %s: an attempt broke off", self.name, exc_info=task.exception())

    async def _attempt(self, lane: Lane, entry: Entry) -> None:
        try:
            attempt = await self.sender.send(entry.message)
        except BaseException:
            self.breaker.gave_up()
            raise
        finally:
            lane.busy = False
        self._count(attempt.outcome)
        if attempt.status:
            self._metrics.latency.labels(self.name).observe(attempt.ms / 1_000)
        if attempt.outcome == "delivered":
            self._delivered(lane, entry)
        elif not self.disabled:
            self._failed(lane, entry, attempt)
        self.table.lanes.schedule(lane, self._now_ms())
        self.table.lanes.drop_if_done(lane)

    def _delivered(self, lane: Lane, entry: Entry) -> None:
        self.keeper.succeeded()
        self.table.finish(lane, entry)
        self._answers()

    def _answers(self) -> None:
        """The endpoint works. If it did not before, all that rested for its sake goes on."""
        was = self.breaker.state
        self.breaker.succeeded()
        if was != "closed":
            self.table.lanes.wake_all(self._now_ms())

    # --- failures

    def _failed(self, lane: Lane, entry: Entry, attempt: Attempt) -> None:
        lane.attempts += 1
        lane.own_fault = attempt.blames_message
        if lane.own_fault:
            self._answers()
        else:
            self.breaker.failed(attempt.why)
        hopeless = self.keeper.failed()
        log.info("webhook %s: event %s, attempt %d: %s", self.name, entry.message.id, lane.attempts, attempt.why)
        if attempt.status == GONE:
            self.disable("gone")
        elif hopeless:
            self.disable("five_days_without_success")
        elif lane.own_fault and lane.attempts >= ATTEMPTS_MAX:
            self._give_up(lane, entry, attempt.why)
        else:
            self._try_later(lane, entry, attempt)

    def _try_later(self, lane: Lane, entry: Entry, attempt: Attempt) -> None:
        now = self._now_ms()
        asked_ms = min(attempt.retry_after_ms, RETRY_AFTER_MAX_MS)
        if asked_ms:
            self._rest_until_ms = max(self._rest_until_ms, now + asked_ms)
        if self.table.rest(lane, entry, now + max(wait_ms(lane.attempts, self.chance), asked_ms)):
            self._count("superseded")
        if not self._flows():
            self.table.note_all()

    def _give_up(self, lane: Lane, entry: Entry, why: str) -> None:
        self._count("dead")
        message = entry.message
        log.error("webhook %s: event %s is given up after %d attempts: %s", self.name, message.id, ATTEMPTS_MAX, why)
        self.table.bury(lane, entry)

    # --- disabling

    def disable(self, why: str) -> None:
        """Stops sending. What is owed stays noted; what comes from now on is not taken."""
        if self.disabled:
            return
        self.keeper.disable(why)
        self.table.clear()
        log.error("webhook %s is disabled: %s; `croupier webhooks enable %s` ends that", self.name, why, self.name)
        self._show()

    async def enable(self, *, from_now: bool = False) -> None:
        """Sends again: first what is owed since before; `from_now`: and then nothing that happened before now.

        Raises StoreError, SinkFailed.
        """
        if not self.disabled:
            return
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.table.flush()
        await self.table.load()
        self.breaker.succeeded()
        self._rest_until_ms = 0
        self.keeper.enable(from_now=from_now)
        self.table.schedule_all(at_once=True)
        self._show()

    # --- how it stands

    @property
    def state(self) -> str:
        """In one word: `ok`, `failing`, `slowed`, `open` (its breaker) or `disabled`."""
        if self.disabled:
            return "disabled"
        if self.breaker.state != "closed":
            return "open"
        if self._rest_until_ms > self._now_ms():
            return "slowed"
        return "failing" if self.keeper.current.failing_since_ms else "ok"

    @property
    def lag_ms(self) -> int:
        """How long ago the oldest event happened that waits."""
        first = [lane.entries[0].message.time_ms for lane in self.table.lanes if lane.entries]
        return max(0, self._now_ms() - min(first)) if first else 0

    @property
    def under_way(self) -> int:
        """Attempts that are being made."""
        return len(self._running)

    def look(self) -> None:
        """Time may have passed: looks at once what is due."""
        self._wake.set()

    def passed(self, committed: Mapping[str, Position]) -> None:
        """The reader's cursors have come so far."""
        self.table.passed(committed)

    def _count(self, outcome: str) -> None:
        self._metrics.deliveries.labels(self.name, outcome).inc()

    def _show(self) -> None:
        self._metrics.owed.labels(self.name).set(self.held)
        self._metrics.disabled.labels(self.name).set(1 if self.disabled else 0)
        self._metrics.breaker.labels(self.breaker.name).set(NUMBERS[self.breaker.state])
