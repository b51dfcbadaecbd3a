"""One endpoint: takes what it is to be told, keeps each player's order, sends, and judges what came of it.

Nothing is lost: a message is settled when it was delivered or when a note of it is durable. In mode `latest` a message
is sent only after it is noted, and the place that was told stays noted until the reader's cursor has passed it; so a
restart sends nothing older than what was sent.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

from actors.routing.breaker import NUMBERS, Breaker
from feeds.settling import Debt
from feeds.webhooks.lanes import Entry, Lane, Lanes
from feeds.webhooks.ledger import Ledger
from feeds.webhooks.messages import Message
from feeds.webhooks.metrics import WebhookMetrics
from feeds.webhooks.owed import (
    DEAD_MAX,
    Origin,
    Owed,
    Rest,
    Sent,
    encode,
    owed_decoder,
    place_key,
    player_key,
    rest_decoder,
    sent_decoder,
)
from feeds.webhooks.schedule import ATTEMPTS_MAX, RETRY_AFTER_MAX_MS, wait_ms
from feeds.webhooks.sending import GONE, Attempt, Sender
from feeds.webhooks.settings import EndpointSettings
from feeds.webhooks.standings import Keeper
from snapshots.contract import Position

log = logging.getLogger("croupier.webhooks")

UNNOTED_MAX: Final = 256
UNNOTED_MS: Final = 5_000
"""So many messages wait without a note, and for so long; then all are noted, so that no cursor waits for an endpoint
that is slow.
"""
BREAKER_OPEN_S: Final = 30.0
LOOK_S: Final = 1.0
"""How long the endpoint sleeps at most."""
SENT_KEPT_MS: Final = 7 * 24 * 3_600_000
"""A note of what was sent is removed after this, even if its shard is never heard of again."""


NOWHERE: Final = Origin("", Position(0, 0))
"""Of what was not read from the journal now."""


class Endpoint:
    """Belongs to one sink and its event loop. `now_ms`: real time (Unix ms)."""

    def __init__(
        self,
        name: str,
        settings: EndpointSettings,
        *,
        ledger: Ledger,
        sender: Sender,
        metrics: WebhookMetrics,
        now_ms: Callable[[], int],
        breaker: Breaker | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.name, self.settings = name, settings
        self.keeper = Keeper(name, ledger, now_ms)
        self.sender = sender
        self.breaker = breaker or Breaker(f"webhook:{name}", open_s=BREAKER_OPEN_S)
        self.dead: set[str] = set()
        """Keys of what was given up and is kept for a replay."""
        self._latest = settings.delivers == "latest"
        self._lanes = Lanes(durable_only=self._latest)
        self._ledger, self._metrics, self._now_ms = ledger, metrics, now_ms
        self.chance = chance or random.Random()
        self._unnoted: dict[Entry, None] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._wake, self._roomy = asyncio.Event(), asyncio.Event()
        self._rest_until_ms = 0
        self._loop: asyncio.Task[None] | None = None

    # --- opening and closing

    async def open(self) -> None:
        """Takes over what is noted, and begins to send. Raises StoreError."""
        standing = await self._ledger.pages(f"endpoint/{self.name}")
        self.keeper.load(standing.get(f"endpoint/{self.name}"), self.settings)
        self.dead = set(await self._ledger.pages(f"dead/{self.name}/"))
        if not self.disabled:
            await self._load()
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

    async def _load(self) -> None:
        for value in (await self._ledger.pages(f"owed/{self.name}/")).values():
            owed = owed_decoder.decode(value)
            lane = self._lanes.of(owed.message.player_id)
            lane.entries.append(Entry(owed.message, owed.origin, None))
            lane.newest = max(lane.newest, owed.message.place)
            self._lanes.held += 1
        for key, value in (await self._ledger.pages(f"sent/{self.name}/")).items():
            lane = self._lanes.of(key.rpartition("/")[2])
            lane.sent = sent_decoder.decode(value)
            lane.newest = max(lane.newest, lane.sent.place)
        for key, value in (await self._ledger.pages(f"lane/{self.name}/")).items():
            resting = self._lanes.known(key.rpartition("/")[2])
            if resting is not None:
                rest = rest_decoder.decode(value)
                resting.attempts, resting.next_ms = rest.attempts, rest.next_ms
        for lane in list(self._lanes):
            self._lanes.schedule(lane, self._now_ms())

    # --- taking

    @property
    def disabled(self) -> str:
        """Why it gets nothing; empty if it does."""
        return self.keeper.current.disabled

    @property
    def held(self) -> int:
        """Messages that wait to be delivered."""
        return self._lanes.held

    async def room(self) -> None:
        """Waits until another message may be offered."""
        if self.has_room():
            return
        log.warning("webhook %s: %d events wait, as many as may; the reader waits for it", self.name, self.held)
        while not self.has_room():
            self._roomy.clear()
            await self._roomy.wait()

    def has_room(self) -> bool:
        """Whether another message may be offered."""
        return bool(self.disabled) or max(self.held, len(self._lanes)) < self.settings.owed_max

    def offer(self, message: Message, origin: Origin, debt: Debt) -> None:
        """Takes a message that must be delivered. What it is owed for is settled when it was, or when it is noted."""
        if self.disabled:
            self._count("skipped")
            return
        lane = self._lanes.of(message.player_id)
        if message.place <= lane.newest:
            return
        lane.newest = message.place
        if message.too_large:
            self._too_large(lane, message)
            return
        debt.owe()
        self._line_up(lane, Entry(message, origin, debt, self._now_ms()))

    def _too_large(self, lane: Lane, message: Message) -> None:
        self._count("too_large")
        log.error("webhook %s: event %s has more than 20 kB and is not sent", self.name, message.id)
        self._lanes.drop_if_done(lane)

    def _line_up(self, lane: Lane, entry: Entry) -> None:
        noted_before = lane.noted
        earlier = lane.supersede(entry) if self._latest else None
        lane.entries.append(entry)
        if earlier is None:
            self._lanes.held += 1
        else:
            self._count("superseded")
        self._unnoted[entry] = None
        if self._latest or noted_before or not self._flows() or len(self._unnoted) > UNNOTED_MAX:
            self._note_all([earlier] if earlier is not None else [])
        self._lanes.schedule(lane, self._now_ms())
        self._wake.set()

    def _flows(self) -> bool:
        return self.breaker.state == "closed" and self._rest_until_ms <= self._now_ms()

    def _note_all(self, gone: Iterable[Entry] = ()) -> None:
        """Notes all that is not noted yet, in one write with the removal of what is gone."""
        changes: dict[str, bytes | None] = {self._key(entry): None for entry in gone}
        entries, self._unnoted = list(self._unnoted), {}
        for entry in entries:
            entry.noted = True
            changes[self._key(entry)] = encode(Owed(entry.message, entry.origin))
        self._ledger.write(changes, lambda: self._noted(entries))

    def _noted(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            entry.durable = True
            entry.settle()
            lane = self._lanes.known(entry.message.player_id)
            if lane is not None:
                self._lanes.schedule(lane, self._now_ms())
        self._wake.set()

    def _note_what_waits_long(self) -> None:
        oldest = next(iter(self._unnoted), None)
        if oldest is not None and self._now_ms() - oldest.since_ms >= UNNOTED_MS:
            self._note_all()

    def again(self, message: Message) -> bool:
        """Lines a message up that was told or given up before, after what its player is owed; False: it is owed."""
        lane = self._lanes.of(message.player_id)
        if any(entry.message.place == message.place for entry in lane.entries):
            return False
        lane.entries.append(Entry(message, NOWHERE, None))
        self._lanes.held += 1
        dead_key = place_key("dead", self.name, message)
        self.dead.discard(dead_key)
        self._ledger.write({place_key("owed", self.name, message): encode(Owed(message, NOWHERE)), dead_key: None})
        self._lanes.schedule(lane, self._now_ms())
        self._wake.set()
        return True

    # --- sending

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            self._start_what_may_go()
            self._note_what_waits_long()
            self._show()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sleep_s()):
                    await self._wake.wait()

    def _sleep_s(self) -> float:
        due_ms = self._lanes.next_due_ms()
        if due_ms is None:
            return LOOK_S
        return min(LOOK_S, max(0.01, (due_ms - self._now_ms()) / 1_000))

    def _start_what_may_go(self) -> None:
        while len(self._running) < self.settings.connections and not self.disabled:
            now = self._now_ms()
            lane = self._lanes.first(now)
            if lane is None or now < self._rest_until_ms or not self.breaker.allows():
                return
            entry = self._lanes.begin(lane)
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
        else:
            self._failed(lane, entry, attempt)
        self._lanes.schedule(lane, self._now_ms())
        self._lanes.drop_if_done(lane)

    def _delivered(self, lane: Lane, entry: Entry) -> None:
        self.keeper.succeeded()
        self._finish(lane, entry)
        self._answers()

    def _answers(self) -> None:
        """The endpoint works. If it did not before, all that rested for its sake goes on."""
        was = self.breaker.state
        self.breaker.succeeded()
        if was != "closed":
            self._lanes.wake_all(self._now_ms())

    def _finish(self, lane: Lane, entry: Entry) -> None:
        """The lane's first message needs no further attempt."""
        changes: dict[str, bytes | None] = {self._key(entry): None} if entry.noted else {}
        if lane.attempts:
            changes[player_key("lane", self.name, lane.player_id)] = None
        if self._latest:
            lane.sent = Sent(entry.message.place, entry.origin, self._now_ms())
            changes[player_key("sent", self.name, lane.player_id)] = encode(lane.sent)
        lane.attempts, lane.next_ms, lane.own_fault = 0, 0, False
        self._take_out(lane, entry)
        if not entry.noted:
            entry.settle()
        if not self._latest:
            self._ledger.write(changes)
            return
        lane.busy = True  # until it is noted what was sent: else a restart could send it after what follows
        self._ledger.write(changes, lambda: self._let_go(lane))

    def _let_go(self, lane: Lane) -> None:
        lane.busy = False
        self._lanes.schedule(lane, self._now_ms())
        self._lanes.drop_if_done(lane)
        self._wake.set()

    def _take_out(self, lane: Lane, entry: Entry) -> None:
        lane.entries.popleft()
        self._unnoted.pop(entry, None)
        if self._lanes.has(lane):
            self._lanes.held -= 1
            self._roomy.set()

    # --- failures

    def _failed(self, lane: Lane, entry: Entry, attempt: Attempt) -> None:
        if self.disabled:
            return
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
        lane.next_ms = now + max(wait_ms(lane.attempts, self.chance), asked_ms)
        rest = encode(Rest(lane.attempts, lane.next_ms))
        self._ledger.write({player_key("lane", self.name, lane.player_id): rest})
        successor = lane.successor() if self._latest else None
        if successor is not None:
            self._skip_for(lane, entry, successor)
        self._note_all()

    def _skip_for(self, lane: Lane, entry: Entry, successor: Entry) -> None:
        """The first message was not delivered, and what came meanwhile makes it worthless."""
        successor.message = successor.message.instead_of(entry.message)
        self._take_out(lane, entry)
        self._count("superseded")
        successor.durable = False
        noted = encode(Owed(successor.message, successor.origin))
        self._ledger.write({self._key(entry): None, self._key(successor): noted}, lambda: self._noted([successor]))

    def _give_up(self, lane: Lane, entry: Entry, why: str) -> None:
        self._count("dead")
        log.error(
            "webhook %s: event %s is given up after %d attempts: %s", self.name, entry.message.id, ATTEMPTS_MAX, why
        )
        if len(self.dead) < DEAD_MAX:
            key = place_key("dead", self.name, entry.message)
            self.dead.add(key)
            self._ledger.write({key: encode(Owed(entry.message, entry.origin))})
        self._finish(lane, entry)

    # --- disabling

    def disable(self, why: str) -> None:
        """Stops sending. What is owed stays noted; what comes from now on is not taken."""
        if self.disabled:
            return
        self._note_all()
        self.keeper.disable(why)
        self._lanes.clear()
        self._roomy.set()
        log.error("webhook %s is disabled: %s; `croupier webhooks enable %s` ends that", self.name, why, self.name)
        self._show()

    async def enable(self) -> None:
        """Sends again: first what is owed since before. Raises StoreError, SinkFailed."""
        if not self.disabled:
            return
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._ledger.flush()
        self.breaker.succeeded()
        self._rest_until_ms = 0
        await self._load()
        self.keeper.enable()
        for lane in list(self._lanes):
            lane.next_ms = 0
            self._lanes.schedule(lane, self._now_ms())
        self._show()
        self._wake.set()

    def look(self) -> None:
        """Time may have passed: looks at once what is due."""
        self._wake.set()

    @property
    def under_way(self) -> int:
        """Attempts that are being made."""
        return len(self._running)

    # --- what is known of cursors, and what is shown

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
        first = [lane.entries[0].message.time_ms for lane in self._lanes if lane.entries]
        return max(0, self._now_ms() - min(first)) if first else 0

    def passed(self, committed: Mapping[str, Position]) -> None:
        """The reader's cursors have come so far: what was sent from before need not be remembered."""
        if not self._latest:
            return
        now = self._now_ms()
        gone = [lane for lane in self._lanes if lane.sent is not None and _is_over(lane.sent, committed, now)]
        for lane in gone:
            lane.sent = None
            self._lanes.drop_if_done(lane)
        self._ledger.write({player_key("sent", self.name, lane.player_id): None for lane in gone})
        if gone:
            self._roomy.set()

    def _key(self, entry: Entry) -> str:
        return place_key("owed", self.name, entry.message)

    def _count(self, outcome: str) -> None:
        self._metrics.deliveries.labels(self.name, outcome).inc()

    def _show(self) -> None:
        self._metrics.owed.labels(self.name).set(self.held)
        self._metrics.disabled.labels(self.name).set(1 if self.disabled else 0)
        self._metrics.breaker.labels(self.breaker.name).set(NUMBERS[self.breaker.state])


def _is_over(sent: Sent, committed: Mapping[str, Position], now_ms: int) -> bool:
    position = committed.get(sent.origin.shard_id)
    return (position is not None and sent.origin.position <= position) or now_ms - sent.at_ms > SENT_KEPT_MS
