"""The bus out: every public event to its family's topic, at least once, in the order of each player's versions.

librdkafka repeats what brokers didn't take and keeps the order; a message that it can't place ends the producer. Then,
as after a restart, the reader begins again at its cursors, so that events are repeated but none is left out.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry

from actors.routing.breaker import NUMBERS, Breaker
from feeds.bus.envelope import Envelope
from feeds.bus.metrics import BusMetrics
from feeds.bus.partitions import changed, counted
from feeds.bus.placing import Placing
from feeds.bus.producing import Producing, Stopped, Told
from feeds.bus.settings import BusSettings
from feeds.credentials import CredentialMissing
from feeds.public.catalogue import FAMILIES
from feeds.public.event import PublicEvent
from feeds.public.mapping import public_events
from feeds.reading import Followed, Notes, SinkFailed
from feeds.settling import Debt, Settling
from snapshots.codec import decode_entry
from snapshots.contract import Position
from snapshots.errors import CorruptLog

log = logging.getLogger("croupier.bus")

BREAKER_OPEN_S: Final = 2.0
LOOK_AGAIN_S: Final = 0.25
"""How often one who waits for room looks whether the breaker lets a probe through."""
TOPICS_LOOK_S: Final = 60.0
"""How often the partitions are counted again."""
OPEN_RECORDS_MAX: Final = 100_000
"""Records that are not settled, with events or without."""


class State(msgspec.Struct, frozen=True):
    """The answer to an operator who asks. `partitions` by topic; `stopped` is why it had to begin again."""

    breaker: str
    waiting_events: int
    waiting_bytes: int
    open_records: int
    partitions: Mapping[str, int]
    stopped: str | None


class KafkaOut:
    """A `Sink`. `settled` and `take` raise SinkFailed once the producer has given up."""

    def __init__(self, settings: BusSettings, notes: Notes, registry: CollectorRegistry) -> None:
        self._settings, self._notes = settings, notes
        self._metrics = BusMetrics(registry)
        self._breaker = Breaker("bus", failures_max=1, open_s=BREAKER_OPEN_S)
        self._envelope = Envelope(settings.installation, settings.schemas_url)
        self._topics = {name: settings.by_family()[family] for name, family in FAMILIES.items()}
        self._settling = Settling()
        self._placing: dict[str, Placing] = {}
        self._producing: Producing | None = None
        self._looking: asyncio.Task[None] | None = None
        self._stopped: Stopped | None = None
        self._changed = asyncio.Event()
        self._waiting = self._waiting_bytes = 0

    async def open(self) -> None:
        """Connects, and counts the partitions. Raises SinkFailed."""
        try:
            self._producing = Producing(self._settings.producer(), self._hear)
            counts = await self._count(self._producing)
        except CredentialMissing as error:
            raise self._failed(Stopped("settings", str(error))) from error
        except Stopped as stopped:
            raise self._failed(stopped) from stopped
        self._placing = {topic: Placing(count) for topic, count in counts.items()}
        self._looking = asyncio.create_task(self._look_at_topics(self._producing))
        self._show()

    async def take(self, followed: Followed) -> None:
        """Produces the record's public events; waits while too many are not acknowledged. Raises SinkFailed."""
        await self._record_room()
        debt = self._settling.begin(followed.shard_id, followed.position)
        for keyed in followed.entries:
            try:
                transition = decode_entry(keyed)
            except CorruptLog as error:
                raise self._failed(Stopped("journal", f"record {followed.position} can't be read: {error}")) from error
            for event in public_events(transition):
                await self._produce(event, debt)
        debt.pay()
        await asyncio.sleep(0)  # others come in between, however much there is to read

    def settled(self) -> Mapping[str, Position]:
        """By shard, up to where the brokers have acknowledged everything. Raises SinkFailed."""
        self._check()
        return self._settling.settled()

    async def ask(self, request: bytes) -> bytes:
        """Any request is answered with the state."""
        state = State(
            breaker=self._breaker.state,
            waiting_events=self._waiting,
            waiting_bytes=self._waiting_bytes,
            open_records=self._settling.owed(),
            partitions={topic: placing.partitions for topic, placing in self._placing.items()},
            stopped=None if self._stopped is None else str(self._stopped),
        )
        return msgspec.json.encode(state)

    async def close(self) -> None:
        """Drops what is not acknowledged: it is read again."""
        if self._looking is not None:
            self._looking.cancel()
        producing, self._producing = self._producing, None
        if producing is not None:
            await asyncio.to_thread(producing.close)
        self._metrics.waiting.set(0)

    async def _count(self, producing: Producing) -> dict[str, int]:
        topics = sorted({topic for topic in self._topics.values() if topic is not None})
        settings = self._settings
        return await counted(
            producing, topics, self._notes, settings.partitions_acknowledged, settings.connect_timeout_s
        )

    async def _produce(self, event: PublicEvent, debt: Debt) -> None:
        topic = self._topics[event.type]
        if topic is None:
            return
        value = self._envelope.value(event)
        if len(value) > self._settings.event_bytes_max:
            raise self._failed(_too_large(event, value, self._settings.event_bytes_max))
        if not self._has_room():
            await self._room()
        while not self._send(topic, event, value, debt):
            self._breaker.gave_up()
            await self._pause()
            await self._room()
        debt.owe()
        self._waiting += 1
        self._waiting_bytes += len(value)

    def _send(self, topic: str, event: PublicEvent, value: bytes, debt: Debt) -> bool:
        producing = self._check()
        partition = self._placing[topic].of(event.player_id)
        try:
            return producing.send(topic, partition, event.player_id, value, self._envelope.headers(event), debt)
        except Stopped as stopped:
            raise self._failed(stopped) from stopped

    def _has_room(self) -> bool:
        settings = self._settings
        return (
            self._waiting < settings.waiting_events_max
            and self._waiting_bytes < settings.waiting_bytes_max
            and self._breaker.allows()
        )

    async def _room(self) -> None:
        """Waits until there is room and the breaker lets an event through; raises SinkFailed."""
        while not self._has_room():
            self._check()
            await self._pause()

    async def _record_room(self) -> None:
        """Records without events wait, too, behind one whose events do."""
        while self._settling.owed() >= OPEN_RECORDS_MAX:
            self.settled()  # lets go of those that owe nothing
            if self._settling.owed() >= OPEN_RECORDS_MAX:
                await self._pause()

    async def _pause(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._changed.wait()
        except TimeoutError:
            return

    def _hear(self, told: Told) -> None:
        """What the producer's thread has heard."""
        if self._producing is None:
            return
        for debt, size in told.landed:
            debt.pay()
            self._waiting_bytes -= size
        if told.landed:
            self._waiting -= len(told.landed)
            self._metrics.delivered.inc(len(told.landed))
            if self._breaker.state != "closed":
                self._breaker.succeeded()
        if told.unreachable is not None:
            self._breaker.failed(told.unreachable)
        if told.stopped is not None:
            self._stop(told.stopped)
        self._show()
        self._changed.set()

    def _show(self) -> None:
        self._metrics.waiting.set(self._waiting)
        self._metrics.breaker.labels("bus").set(NUMBERS[self._breaker.state])

    async def _look_at_topics(self, producing: Producing) -> None:
        """Whether somebody has added partitions meanwhile."""
        while True:
            await asyncio.sleep(TOPICS_LOOK_S)
            for topic, placing in self._placing.items():
                try:
                    found = await asyncio.to_thread(producing.partitions, topic, self._settings.connect_timeout_s)
                except Stopped as unknown:
                    log.info("bus: %s", unknown)
                    continue
                if found != placing.partitions:
                    self._stop(changed(topic, placing.partitions, found))
                    return

    def _check(self) -> Producing:
        if self._stopped is not None:
            raise SinkFailed(str(self._stopped))
        if self._producing is None:
            raise SinkFailed("the bus is closed")
        return self._producing

    def _stop(self, stopped: Stopped) -> None:
        """The first reason is the one that counts."""
        if self._stopped is None:
            log.error("bus: stopped: %s", stopped)
            self._metrics.stopped.labels(stopped.reason).set(1)
            self._stopped = stopped
        self._changed.set()

    def _failed(self, stopped: Stopped) -> SinkFailed:
        self._stop(stopped)
        return SinkFailed(str(self._stopped))


def _too_large(event: PublicEvent, value: bytes, limit: int) -> Stopped:
    return Stopped(
        "too_large", f"event {event.id} has {len(value)} bytes: raise event_bytes_max ({limit}), and that of the topic"
    )
