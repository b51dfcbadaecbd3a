"""One librdkafka producer and the thread that polls it. What it tells reaches the event loop in batches.

A producer ends with the first error that would leave a gap. Then nothing more can be sent, and a new one is needed.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from feeds.bus.envelope import Headers
from feeds.settling import Debt

log = logging.getLogger("croupier.bus")
library_log = logging.getLogger("croupier.bus.librdkafka")
library_log.addFilter(lambda record: "enable.gapless.guarantee is experimental" not in record.getMessage())

POLL_S: Final = 0.1
BETWEEN_POLLS_S: Final = 0.002
"""A rest after deliveries, in which others gather: waking for each one would cost more than handling it."""
CLOSE_TIMEOUT_S: Final = 1.0
_OUT_OF_REACH: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001  # the library has no public name for its own codes
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError._SSL,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
    }
)

StopReason = Literal["fatal", "delivery", "too_large", "partitions", "unreachable", "settings", "journal"]


class Stopped(Exception):
    """The producer is of no use any more; `reason` is for the metric, the message for the operator."""

    def __init__(self, reason: StopReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Told(msgspec.Struct):
    """What the thread has heard since it last told the loop."""

    landed: list[tuple[Debt, int]] = []
    """Debts paid by a delivery, and how many bytes no longer wait."""
    unreachable: str | None = None
    stopped: Stopped | None = None

    def __bool__(self) -> bool:
        return bool(self.landed) or self.unreachable is not None or self.stopped is not None


class Producing:
    """`hear` is called on the loop with what the thread has heard. Raises Stopped if the settings can't be used."""

    def __init__(self, settings: Mapping[str, Any], hear: Callable[[Told], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._hear = hear
        self._told = Told()
        self._ending = False
        try:
            self._producer: Producer = Producer({**settings, "error_cb": self._erred, "logger": library_log})
        except KafkaException as error:
            raise Stopped("settings", f"the settings of the bus can't be used: {_said(error)}") from error
        self._thread = threading.Thread(target=self._poll, name="bus-producer", daemon=True)
        self._thread.start()

    def send(self, topic: str, partition: int, player_id: str, value: bytes, headers: Headers, debt: Debt) -> bool:
        """Hands a message over, which pays `debt` when it is delivered; False if the producer takes none now.

        Raises Stopped. After a fatal error the producer takes none; the thread tells which error it was.
        """
        landing = partial(self._landed, debt, len(value))
        try:
            self._producer.produce(topic, value, player_id, partition, landing, headers=headers)
        except BufferError:
            return False
        except KafkaException as error:
            if error.args[0].code() == KafkaError._FATAL:  # noqa: SLF001
                return False
            raise Stopped("delivery", f"the producer refused an event for {topic}: {_said(error)}") from error
        return True

    def partitions(self, topic: str, timeout_s: float) -> int:
        """How many partitions the topic has now. It asks the brokers and blocks meanwhile. Raises Stopped."""
        try:
            described = self._producer.list_topics(topic, timeout=timeout_s).topics[topic]
        except KafkaException as error:
            raise Stopped("unreachable", f"the brokers don't tell about topic {topic}: {_said(error)}") from error
        if described.error is not None:
            raise Stopped("settings", f"topic {topic} can't be used: {described.error.str()}")
        return len(described.partitions)

    def close(self) -> None:
        """Drops what was not sent and ends all threads. It blocks for a few times `CLOSE_TIMEOUT_S` at the worst.

        The producer and its callbacks know each other: it ends only when it has told the fate of every message, and is
        forgotten here.
        """
        self._ending = True
        self._thread.join(CLOSE_TIMEOUT_S)
        self._drop(in_flight=False)
        if len(self._producer):
            self._drop(in_flight=True)
        del self._producer

    def _drop(self, *, in_flight: bool) -> None:
        """To drop what is in flight is a fatal error, because nobody knows whether it has arrived."""
        self._producer.purge(in_flight=in_flight)
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        while len(self._producer) and time.monotonic() < deadline:
            with suppress(KafkaException):
                self._producer.poll(POLL_S)

    def _poll(self) -> None:
        while not self._ending:
            try:
                self._producer.poll(POLL_S)
            except KafkaException as error:  # how the library tells a fatal one, whatever its callbacks
                self._told.stopped = Stopped("fatal", f"the producer had to give up: {_said(error)}")
            except Exception as error:
                log.exception("bus: the producer's thread met a bug")
                self._told.stopped = Stopped("fatal", f"the producer can't be polled: {error}")
            if self._told:
                self._tell()

    def _tell(self) -> None:
        told, self._told = self._told, Told()
        try:
            self._loop.call_soon_threadsafe(self._hear, told)
        except RuntimeError:  # the loop is closed: nobody listens any more
            self._ending = True
            return
        time.sleep(BETWEEN_POLLS_S)

    def _landed(self, debt: Debt, size: int, error: KafkaError | None, message: Message) -> None:
        """Called by the thread's poll. Callbacks never raise."""
        if error is None:
            self._told.landed.append((debt, size))
        elif not self._ending and self._told.stopped is None:
            self._told.stopped = Stopped("delivery", f"an event for {message.topic()} was not delivered: {error.str()}")

    def _erred(self, error: KafkaError) -> None:
        """Called by the thread's poll, too. What librdkafka deals with by itself is in its log."""
        if error.code() in _OUT_OF_REACH:
            self._told.unreachable = error.str()


def _said(error: KafkaException) -> str:
    """In the library's words, without its codes."""
    told: KafkaError = error.args[0]
    return told.str().strip()
