"""The consumer's thread: all calls of librdkafka's consumer are made here. It hands messages over and obeys the loop.

Where a partition begins: the higher of the group's offset and our own watermark; if there is neither, the topic was
never read, and the settings say where it begins. A place that the broker no longer has is an error and never a silent
jump (`auto.offset.reset=error`).
"""

import asyncio
import logging
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from feeds.bus.incoming.intake import Intake
from feeds.bus.incoming.library_log import library_log
from feeds.bus.incoming.metrics import BusInMetrics
from feeds.bus.incoming.record import Partition, Record, headers_of
from feeds.bus.incoming.settings import CLIENT_ID, BusInSettings
from feeds.bus.incoming.watermarks import Left

log = logging.getLogger("croupier.bus_in")
T = TypeVar("T")

POLL_S: Final = 0.05
BATCH_MAX: Final = 500
ROOM_S: Final = 1.0
"""Without room for so long, the thread pauses all partitions and goes on polling, so that it stays in the group."""
COMMIT_S: Final = 0.5
LAG_S: Final = 2.0
BROKER_S: Final = 10.0
"""For questions to the broker."""
CALL_S: Final = 90.0
"""For answers of the loop; longer than it may wait for the store."""


class FencedOff(Exception):
    """This consumer is behind the times: a new one asks the group what is its own."""


class ConsumerThread:
    """One consumer from its subscription to its end. `ended` tells the exception that ended it, or None."""

    def __init__(self, settings: BusInSettings, intake: Intake, metrics: BusInMetrics) -> None:
        self._settings, self._intake, self._metrics = settings, intake, metrics
        intake.fenced = False  # its predecessor has let every partition go
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._consumer = Consumer(consumer_config(settings), logger=library_log)
        self._assigned: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._committed: dict[Partition, int] = {}
        self._commit_at = self._lag_at = 0.0
        self._full = False
        self.ended: asyncio.Future[Exception | None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._main, name="bus-in consumer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Lets every partition go, leaves the group; `ended` tells when."""
        self._stopping.set()

    # --- the thread

    def _main(self) -> None:
        failure: Exception | None = None
        try:
            topics = [topic.name for topic in self._settings.topics]
            self._consumer.subscribe(
                topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._stopping.is_set():
                self._round()
        except Exception as error:
            failure = error
        failure = self._leave() or failure
        self._loop.call_soon_threadsafe(self.ended.set_result, failure)

    def _leave(self) -> Exception | None:
        try:
            self._consumer.close()
        except Exception as error:
            return error
        return None

    def _round(self) -> None:
        if self._intake.fenced:
            raise FencedOff("another process has taken one of its partitions")
        now = time.monotonic()
        self._pause()
        if now >= self._commit_at:
            self._commit_at = now + COMMIT_S
            self._commit()
        if now >= self._lag_at:
            self._lag_at = now + LAG_S
            self._tell_lag()
        self._gather()

    def _gather(self) -> None:
        """Hands over what has come, as far as there is room."""
        room = self._intake.room
        if not room.left and not self._full:
            self._full = not room.wait(ROOM_S)
        elif self._full:
            self._full = not room.half_empty
        if not room.left:
            self._take(self._consumer.poll(POLL_S))  # paused: only rebalancing and errors come
            return
        message = self._consumer.poll(POLL_S)
        records: list[Record] = []
        while message is not None:
            record = self._record(message)
            if record is not None:
                room.take(record.size)
                records.append(record)
            message = self._consumer.poll(0) if room.left and len(records) < BATCH_MAX else None
        if records:
            self._loop.call_soon_threadsafe(self._intake.arrived, records)

    def _take(self, message: Message | None) -> None:
        """Takes one message although there is no room: it may have been on its way when its partition was paused."""
        record = None if message is None else self._record(message)
        if record is not None:
            self._intake.room.take(record.size)
            self._loop.call_soon_threadsafe(self._intake.arrived, [record])

    def _record(self, message: Message) -> Record | None:
        """The message; None if it is an error, which is told. Raises KafkaException if the consumer is done for."""
        error = message.error()
        if error is not None:
            self._failed(message, error)
            return None
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None
        return Record(
            topic=topic,
            partition=partition,
            offset=offset,
            key=message.key(),
            value=message.value() or b"",
            headers=headers_of(message),
            seen_ms=int(time.time() * 1_000),
        )

    def _failed(self, message: Message, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        place = f"{message.topic()}/{message.partition()}"
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # its public constants look so
            self._metrics.stalled(message.topic() or "")
            log.error(
                "%s is not read any more: the place to go on at is not in the topic (%s). Either the topic was made "
                "anew, or messages expired before they were read; see docs/bus-in.md, Lost places", place, error.str()
            )  # fmt: skip
        else:
            log.warning("%s: %s", place, error)

    # --- pausing, committing, lag

    def _pause(self) -> None:
        wanted = self._assigned if self._full else self._assigned & self._intake.paused
        more, less = wanted - self._paused, self._paused - wanted
        if more:
            self._consumer.pause(_partitions(more))
        if less & self._assigned:
            self._consumer.resume(_partitions(less & self._assigned))
        self._paused = set(wanted)

    def _commit(self) -> None:
        """Commits what our own store has noted."""
        moved = {
            place: offset
            for place, offset in self._intake.committable.items()
            if place in self._assigned and self._committed.get(place) != offset
        }
        if moved:
            self._consumer.commit(offsets=_partitions(moved), asynchronous=True)
            self._committed |= moved

    def _tell_lag(self) -> None:
        for topic, partition in self._assigned:
            _, high = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            finished = self._intake.committable.get((topic, partition))
            if high >= 0 and finished is not None:
                self._metrics.lag(topic, partition, max(0, high - finished))

    # --- rebalancing; called by librdkafka within poll and close

    def _on_assign(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        places = [(given.topic, given.partition) for given in partitions]
        if not places:
            consumer.incremental_assign([])
            return
        left = self._call(self._intake.claim(places))
        committed = {
            (found.topic, found.partition): found.offset for found in consumer.committed(list(partitions), BROKER_S)
        }
        starts = {place: self._start(place, left[place], committed[place]) for place in places}
        self._call(self._intake.begin(starts))
        consumer.incremental_assign(_partitions(starts))
        self._assigned |= starts.keys()
        log.info("reads %s", ", ".join(f"{topic}/{number} from {at}" for (topic, number), at in starts.items()))

    def _start(self, place: Partition, left: Left, committed: int) -> int:
        """The offset to begin at. A partition that a known topic got later begins at its beginning."""
        noted = -1 if left.next_offset is None else left.next_offset
        if 0 <= committed < noted:
            log.warning("%s/%d: the group's offset %d is behind ours, %d, which counts", *place, committed, noted)
        if max(noted, committed) >= 0:
            return max(noted, committed)
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*place), BROKER_S)
        return low if left.known_topic or self._settings.first_start == "earliest" else high

    def _on_revoke(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        finished = self._let_go(partitions)
        if finished:
            try:
                consumer.commit(offsets=_partitions(finished), asynchronous=False)
            except KafkaException as failure:
                log.warning("offsets can't be committed at the end; our own watermarks count: %s", failure)
        consumer.incremental_unassign(list(partitions))

    def _on_lost(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._let_go(partitions)
        consumer.incremental_unassign(list(partitions))
        log.warning("%d partitions were lost to other consumers", len(partitions))

    def _let_go(self, partitions: Sequence[TopicPartition]) -> Mapping[Partition, int]:
        places = [(taken.topic, taken.partition) for taken in partitions]
        finished = self._call(self._intake.let_go(places))
        for place in self._assigned.intersection(places):
            self._assigned.discard(place)
            self._paused.discard(place)
            self._committed.pop(place, None)
            self._metrics.lag_gone(*place)
        return finished

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Has the loop do something and waits for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(CALL_S)


def consumer_config(settings: BusInSettings) -> dict[str, Any]:
    """What librdkafka is told; how much it fetches ahead is bounded, too. Raises CredentialMissing."""
    config: dict[str, Any] = settings.client(CLIENT_ID) | {
        "group.id": settings.group,
        "group.protocol": settings.group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "queued.max.messages.kbytes": 8_192,
        "queued.min.messages": 10_000,
        "fetch.queue.backoff.ms": 10,
        "fetch.message.max.bytes": 1_048_576,
        "fetch.wait.max.ms": 100,
        "topic.metadata.refresh.interval.ms": 60_000,
        "isolation.level": "read_committed",
    }
    if settings.group_protocol == "classic":
        config["partition.assignment.strategy"] = "cooperative-sticky"
        config["session.timeout.ms"] = settings.session_timeout_s * 1_000
        config["heartbeat.interval.ms"] = settings.session_timeout_s * 200
    return config


def _partitions(places: "Mapping[Partition, int] | set[Partition]") -> list[TopicPartition]:
    if isinstance(places, Mapping):
        return [TopicPartition(topic, partition, offset) for (topic, partition), offset in places.items()]
    return [TopicPartition(topic, partition) for topic, partition in places]
