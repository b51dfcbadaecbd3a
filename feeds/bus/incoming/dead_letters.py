"""What can't be applied is kept: the original bytes and headers in the topic of dead letters, durable at the broker.

A letter has the headers `x-error-code`, `x-error-detail`, `x-first-seen` (RFC 3339), `x-original-topic`,
`x-original-partition` and `x-original-offset` beside the original ones. If the broker refuses its size, it is kept
without its value, and `x-value-omitted` says how many bytes that was.
"""

import asyncio
import logging
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from actors.routing.breaker import Breaker
from feeds.bus.incoming.cloud_events import EventRefused
from feeds.bus.incoming.library_log import library_log
from feeds.bus.incoming.record import MessageHeaders, Record
from feeds.bus.incoming.settings import CLIENT_ID, MEGABYTE, BusInSettings

log = logging.getLogger("croupier.bus_in")

OWN_HEADERS: Final = frozenset(
    ("x-error-code", "x-error-detail", "x-original-topic", "x-original-partition", "x-original-offset")
)
FIRST_SEEN, OMITTED = "x-first-seen", "x-value-omitted"
MESSAGE_BYTES_MAX: Final = 64 * MEGABYTE
DETAIL_MAX: Final = 500
RETRY_FIRST_S, RETRY_MAX_S = 0.5, 15.0
FLUSH_S: Final = 5.0


class NotKept(Exception):
    """The broker did not take the message."""

    def __init__(self, error: KafkaError) -> None:
        super().__init__(str(error))
        self.error = error

    @property
    def too_large(self) -> bool:
        """Whether it is the message's size that is refused."""
        return bool(self.error.code() == KafkaError.MSG_SIZE_TOO_LARGE)


class DurableProducer:
    """Produces one message at a time per caller, and says when the broker has it for good.

    Answers of the broker are collected by a thread of its own, which never waits for the loop.
    """

    def __init__(self, settings: BusInSettings) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._producer = self._new()
        self._retired: list[Producer] = []
        """Failed for good; what they still owe an answer for is answered."""
        self._thread = threading.Thread(target=self._collect, name="bus-in producer", daemon=True)
        self._thread.start()

    def _new(self) -> Producer:
        return Producer(
            self._settings.client(CLIENT_ID)
            | {
                "enable.idempotence": True,
                "message.timeout.ms": 0,
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "compression.type": "zstd",
                "linger.ms": 2,
            },
            logger=library_log,
        )

    def _collect(self) -> None:
        while not self._stopping.is_set():
            try:
                self._producer.poll(0.1)
            except KafkaException as failure:  # how the library tells that a producer has failed for good
                self._replace(failure.args[0])
            for producer in list(self._retired):
                with suppress(KafkaException):
                    producer.poll(0)
                if not len(producer):
                    self._retired.remove(producer)

    def _replace(self, error: KafkaError) -> None:
        """The next message gets a new producer. Those that wait for the old one are answered that it failed."""
        log.warning("the producer of dead letters is replaced: %s", error)
        broken, self._producer = self._producer, self._new()
        broken.purge()
        self._retired.append(broken)

    async def put(self, topic: str, key: bytes | None, value: bytes | None, headers: MessageHeaders) -> None:
        """Returns when the broker has the message for good. Raises NotKept."""
        kept: asyncio.Future[KafkaError | None] = self._loop.create_future()

        def answered(error: KafkaError | None, _: object) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_resolve, kept, error)

        more: dict[str, Any] = {"headers": list(headers), "on_delivery": answered}
        try:
            self._producer.produce(topic, value, key, **more)
        except BufferError:
            raise NotKept(KafkaError(KafkaError._QUEUE_FULL)) from None  # noqa: SLF001
        except KafkaException as failure:
            raise NotKept(failure.args[0]) from None
        error = await kept
        if error is not None:
            raise NotKept(error)

    async def close(self) -> None:
        """Waits a little for what is under way."""
        with suppress(KafkaException):
            await asyncio.to_thread(self._producer.flush, FLUSH_S)
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)


def _resolve(kept: "asyncio.Future[KafkaError | None]", error: KafkaError | None) -> None:
    if not kept.done():
        kept.set_result(error)


class DeadLetters:
    """Keeps messages until the broker has them, however long that takes."""

    def __init__(self, settings: BusInSettings, producer: DurableProducer, breaker: Breaker) -> None:
        self._settings, self._producer, self._breaker = settings, producer, breaker

    async def keep(self, record: Record, refused: EventRefused) -> None:
        """Returns when the letter is durable."""
        delay_s = RETRY_FIRST_S
        whole = True
        while True:
            while not self._breaker.allows():
                await asyncio.sleep(max(self._breaker.left_s, 0.1))
            try:
                await self._put(record, refused, whole)
            except NotKept as failure:
                if failure.too_large and whole:
                    self._breaker.gave_up()
                    whole = False
                    continue
                self._breaker.failed(f"dead letter of {record}: {failure}")
                log.warning("the dead letter of %s can't be kept yet: %s", record, failure)
            else:
                self._breaker.succeeded()
                return
            await asyncio.sleep(delay_s)
            delay_s = min(RETRY_MAX_S, delay_s * 2)

    async def _put(self, record: Record, refused: EventRefused, whole: bool) -> None:
        headers = letter_headers(record, refused)
        if not whole:
            headers += ((OMITTED, b"%d" % len(record.value)),)
        topic = self._settings.dead_letters_of(record.topic)
        await self._producer.put(topic, record.key, record.value if whole else None, headers)


def letter_headers(record: Record, refused: EventRefused) -> MessageHeaders:
    """The original headers, then why and where from. A letter that dies again keeps when it was first seen."""
    kept = tuple((name, value) for name, value in record.headers if name not in OWN_HEADERS)
    first_seen = () if record.header(FIRST_SEEN) else ((FIRST_SEEN, _rfc3339(record.seen_ms)),)
    return (
        *kept,
        *first_seen,
        ("x-error-code", refused.code.encode()),
        ("x-error-detail", refused.detail[:DETAIL_MAX].encode(errors="replace")),
        ("x-original-topic", record.topic.encode()),
        ("x-original-partition", b"%d" % record.partition),
        ("x-original-offset", b"%d" % record.offset),
    )


def _rfc3339(time_ms: int) -> bytes:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds").encode()
