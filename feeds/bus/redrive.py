"""Sends dead letters back to the topic where they came from, for `croupier bus redrive`.

A letter is sent back once: a consumer group of its own remembers how far it came, one group for each code, since a run
for one code passes the others over. After a crash up to `BATCH_MAX` letters may be sent twice, which their ids make
harmless. Letters that died after the run began are left for the next one, so that a run ends.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from feeds.bus.incoming.dead_letters import MESSAGE_BYTES_MAX, OMITTED, OWN_HEADERS
from feeds.bus.incoming.record import headers_of
from feeds.bus.incoming.settings import CLIENT_ID, BusInSettings

BATCH_MAX: Final = 200
ANSWER_S: Final = 15.0
"""How long the brokers may be silent."""
REDRIVEN: Final = "x-redriven"
OnProgress = Callable[[int, int], None]
"""Letters sent back, and letters looked at, so far."""


class RedriveFailed(Exception):
    """It can't go on. What was told as sent is sent; the next run begins after it."""


def redrive(settings: BusInSettings, topic: str, code: str | None, limit: int, on_progress: OnProgress) -> int:
    """Sends up to `limit` letters back, all or those of one code; how many. Raises RedriveFailed, CredentialMissing."""
    group = f"{settings.group}-redrive" + (f"-{code}" if code else "")
    client = settings.client(CLIENT_ID)
    try:
        consumer = Consumer(client | {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
        producer = Producer(
            client | {"enable.idempotence": True, "message.max.bytes": MESSAGE_BYTES_MAX, "message.timeout.ms": 15_000}
        )
        try:
            return _Run(settings, consumer, producer, topic, code, limit).run(on_progress)
        finally:
            consumer.close()
    except KafkaException as failure:
        raise RedriveFailed(f"the brokers don't do it: {failure.args[0]}") from failure


class _Run:
    """One run over all partitions of the dead letters, one after the other."""

    def __init__(
        self,
        settings: BusInSettings,
        consumer: Consumer,
        producer: Producer,
        topic: str,
        code: str | None,
        limit: int,
    ) -> None:
        self._consumer, self._producer = consumer, producer
        self._topic, self._dead = topic, settings.dead_letters_of(topic)
        self._code, self._limit = code, limit
        self._sent = self._looked_at = 0
        self._failures: list[KafkaError] = []

    def run(self, on_progress: OnProgress) -> int:
        """To the limit, or to where the partitions ended when it began."""
        for partition, (begin, end) in self._spans().items():
            place = TopicPartition(self._dead, partition, begin)
            self._consumer.assign([place])
            while place.offset < end and self._sent < self._limit:
                place = self._batch(place, end)
                on_progress(self._sent, self._looked_at)
        return self._sent

    def _spans(self) -> dict[int, tuple[int, int]]:
        """By partition, the offsets from where the last run ended to the end of the partition."""
        described = self._consumer.list_topics(self._dead, timeout=ANSWER_S).topics[self._dead]
        if described.error is not None:
            raise RedriveFailed(f"topic {self._dead}: {described.error.str()}")
        places = [TopicPartition(self._dead, partition) for partition in described.partitions]
        spans = {}
        for place in self._consumer.committed(places, ANSWER_S):
            low, high = self._consumer.get_watermark_offsets(place, ANSWER_S)
            spans[place.partition] = max(low, place.offset), high
        return spans

    def _batch(self, place: TopicPartition, end: int) -> TopicPartition:
        """Sends some letters back, and commits when the broker has them; where to go on."""
        for message in self._letters(place.partition, end):
            self._looked_at += 1
            place = TopicPartition(place.topic, place.partition, (message.offset() or 0) + 1)
            if self._wanted(message):
                self._send(message)
        if self._producer.flush(ANSWER_S) or self._failures:
            reason = self._failures[0] if self._failures else "no answer"
            raise RedriveFailed(f"topic {self._topic} takes nothing: {reason}")
        self._consumer.commit(offsets=[place], asynchronous=False)
        return place

    def _letters(self, partition: int, end: int) -> Iterator[Message]:
        """The next letters of the partition, below `end`."""
        deadline = time.monotonic() + ANSWER_S
        for _ in range(BATCH_MAX):
            message = self._consumer.poll(max(0.0, deadline - time.monotonic()))
            if message is None:
                raise RedriveFailed(f"partition {partition} of {self._dead} is not answered")
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            yield message
            if (message.offset() or 0) + 1 >= end or self._sent >= self._limit:
                return

    def _wanted(self, message: Message) -> bool:
        headers = dict(headers_of(message))
        if OMITTED in headers:
            return False
        return self._code is None or headers.get("x-error-code") == self._code.encode()

    def _send(self, message: Message) -> None:
        headers: list[tuple[str, str | bytes | None]] = [
            (name, value) for name, value in headers_of(message) if name not in OWN_HEADERS and name != REDRIVEN
        ]
        headers.append((REDRIVEN, datetime.now(UTC).isoformat(timespec="seconds").encode()))
        self._producer.produce(self._topic, message.value(), message.key(), headers=headers, on_delivery=self._answered)
        self._producer.poll(0)
        self._sent += 1

    def _answered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failures.append(error)
