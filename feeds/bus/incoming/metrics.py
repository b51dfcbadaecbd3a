"""What the bus in counts."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from actors.routing.breaker import NUMBERS, Breaker

EventOutcome = Literal["accepted", "repeated", "dead", "retried"]


class BusInMetrics:
    """In the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "bus_in_events_total",
            "Messages by what became of them; retried counts attempts",
            ["topic", "outcome"],
            registry=registry,
        )
        self._dead = Counter("bus_in_dead_letters_total", "Messages kept as dead letters", ["code"], registry=registry)
        self._stalled = Counter(
            "bus_in_stalled_total", "Partitions that can't be read where they should", ["topic"], registry=registry
        )
        self._lag = Gauge("bus_in_lag_records", "Messages not finished", ["topic", "partition"], registry=registry)
        self._paused = Gauge("bus_in_paused", "Partitions not read now", ["topic"], registry=registry)
        self._waiting = Gauge("bus_in_waiting_events", "Messages in memory", registry=registry)
        self._breakers = Gauge("breaker_state", "0 closed, 1 half open, 2 open", ["breaker"], registry=registry)

    def reads(self, topics: Iterable[str]) -> None:
        """Shows these topics from now on, with 0: Prometheus can't tell that a counter has grown which begins at 1."""
        for topic in topics:
            self._stalled.labels(topic)
            self._paused.labels(topic).set(0)
            for outcome in get_args(EventOutcome):
                self._events.labels(topic, outcome)

    def event(self, topic: str, outcome: EventOutcome) -> None:
        """Counts one message."""
        self._events.labels(topic, outcome).inc()

    def dead_letter(self, code: str) -> None:
        """Counts one dead letter."""
        self._dead.labels(code).inc()

    def stalled(self, topic: str) -> None:
        """A partition's offset is not there."""
        self._stalled.labels(topic).inc()

    def lag(self, topic: str, partition: int, records: int) -> None:
        """How many messages of a partition are not finished."""
        self._lag.labels(topic, str(partition)).set(records)

    def lag_gone(self, topic: str, partition: int) -> None:
        """The partition is read by another process now."""
        with suppress(KeyError):  # nothing was told of it yet
            self._lag.remove(topic, str(partition))

    def paused(self, topic: str, partitions: int) -> None:
        """How many partitions of a topic are paused."""
        self._paused.labels(topic).set(partitions)

    def waiting(self, events: int) -> None:
        """How many messages are in memory."""
        self._waiting.set(events)

    def watch(self, breaker: Breaker) -> None:
        """Shows a breaker's state from now on."""
        self._breakers.labels(breaker.name).set_function(lambda: NUMBERS[breaker.state])
