"""The bus in on a mock cluster: events to send, players who remember what they were told, and one that runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from actors.outcome import Answered, OnOutcome, Outcome
from engine.commands import CommandBody
from engine.queries import QueryBody
from feeds.bus.incoming.record import headers_of
from feeds.bus.incoming.settings import BusInSettings
from feeds.bus.kafka_in import run
from tests.support.kafka import MockKafka
from tests.support.patience import PATIENCE_S
from tests.support.reader_store import MemoryReaders
from tests.support.scripted_players import REPLIES, ROUND

DEPOSIT = "com.croupier.Deposit.v1"
TOPIC, DEAD = "cashier", "cashier.dead-letters"
_ids = count(1)


def settings(kafka: MockKafka, **changes: Any) -> BusInSettings:
    """One topic of deposits, read from its beginning."""
    return settings_of(kafka.bootstrap_servers, **changes)


def settings_of(brokers: str, **changes: Any) -> BusInSettings:
    """As `settings`, for brokers of another process."""
    document: dict[str, Any] = {
        "brokers": brokers.split(","),
        "topics": [{"name": TOPIC, "types": [DEPOSIT, "com.croupier.PostEvent.v1"]}],
        "first_start": "earliest",
    }
    sound = msgspec.convert(document | changes, BusInSettings)
    return msgspec.structs.replace(sound, session_timeout_s=1)  # the mock cluster waits for it when somebody leaves


class Event:
    """One CloudEvent in binary mode. `key` is the player unless told otherwise."""

    def __init__(self, player_id: str, data: Any = None, **changes: Any) -> None:
        self.id: str = changes.pop("id", f"e-{next(_ids)}")
        self.key: str = changes.pop("key", player_id)
        self.value: bytes = data if isinstance(data, bytes) else msgspec.json.encode(data or {"amount": 100})
        age_s: float = changes.pop("age_s", 0)
        happened = datetime.fromtimestamp(time.time() - age_s, UTC).isoformat()
        attributes = {"specversion": "1.0", "id": self.id, "source": "cashier", "type": DEPOSIT}
        attributes |= {"subject": player_id, "time": happened} | changes
        self.headers: list[tuple[str, bytes]] = [
            (f"ce_{name}", value.encode()) for name, value in attributes.items() if value is not None
        ]

    @property
    def command_id(self) -> str:
        """As the player is told."""
        return f"bus:cashier:{self.id}"


def produce(kafka: MockKafka, *events: Event, topic: str = TOPIC, partition: int | None = None) -> None:
    """All of them, at the broker when it returns."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "message.max.bytes": 20_000_000})
    placed: dict[str, int] = {} if partition is None else {"partition": partition}
    for event in events:
        while True:
            try:
                producer.produce(topic, event.value, event.key, headers=event.headers, **placed)  # type: ignore[arg-type]
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(20) == 0


class RememberingPlayers:
    """Accepts each id once and answers it again as a replay. `outcome_of` may say otherwise, before that."""

    def __init__(self) -> None:
        self.applied: dict[str, str] = {}
        """By command id, the player; in the order they were applied."""
        self.asked = 0
        self.repeated = 0
        self.delay_s = 0.0
        self.silent = False
        """Nobody is answered, until `speak`."""
        self._unanswered: list[Callable[[], None]] = []
        self.outcome_of: Callable[[str, str], Outcome | None] = lambda player_id, command_id: None

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        """See `outcome.Players`."""
        self.asked += 1
        if self.silent:
            self._unanswered.append(lambda: self._answer(player_id, command_id, body, on_outcome))
        elif self.delay_s:
            asyncio.get_running_loop().call_later(self.delay_s, self._answer, player_id, command_id, body, on_outcome)
        else:
            self._answer(player_id, command_id, body, on_outcome)

    def _answer(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        outcome = self.outcome_of(player_id, command_id)
        if outcome is None:
            replayed = command_id in self.applied
            self.repeated += replayed
            self.applied.setdefault(command_id, player_id)
            outcome = Answered(REPLIES.get(type(body), ROUND), replayed)
        on_outcome(outcome)

    def speak(self) -> None:
        """Answers all who wait, and everybody from now on."""
        self.silent = False
        waiting, self._unanswered = self._unanswered, []
        for answer in waiting:
            answer()

    def ids_of(self, player_id: str) -> list[str]:
        """What one player was told, in order."""
        return [command_id for command_id, owner in self.applied.items() if owner == player_id]


class Running:
    """A bus in that runs. `value` reads one of its metrics."""

    def __init__(self, registry: CollectorRegistry, stop: asyncio.Event, task: "asyncio.Task[None]") -> None:
        self.registry, self.stop, self.task = registry, stop, task

    def value(self, name: str, **labels: str) -> float:
        """0 if it was never set."""
        return self.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def bus_in(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, **changes: Any
) -> AsyncIterator[Running]:
    """Runs until the end of the block, and then lets go as in production."""
    registry, stop = CollectorRegistry(), asyncio.Event()
    task = asyncio.create_task(run(settings(kafka, **changes), players, store, stop, registry))
    try:
        yield Running(registry, stop, task)
    finally:
        stop.set()
        await task


async def until(what: str, holds: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Lets the loop run until it holds; an assertion with `what` if that takes too long."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"still not: {what}"
        await asyncio.sleep(0.02)


def letters(kafka: MockKafka, topic: str = DEAD) -> list[dict[str, str]]:
    """The headers of all dead letters, with `value` and `key`."""
    found = []
    for message in kafka.read([topic]):
        headers = {name: (value or b"").decode() for name, value in headers_of(message)}
        found.append(headers | {"value": repr(message.value()), "key": repr(message.key())})
    return found
