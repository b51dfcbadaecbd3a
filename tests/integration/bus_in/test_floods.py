"""Repetitions by the ten thousand, when it is long by the hundred thousand: nothing moves, memory is bounded."""

import asyncio

import pytest

from tests.support.bus_in import TOPIC, Event, RememberingPlayers, Running, bus_in, produce, until
from tests.support.kafka import MockKafka
from tests.support.reader_store import MemoryReaders

EVENTS = 1_000
IN_TOPIC_MAX = 15_000
"""The mock cluster forgets what is beyond 5 MB of a partition."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("copies", [25, pytest.param(100, marks=pytest.mark.long)])
async def test_repetitions_of_a_thousand_events_move_nothing(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, copies: int
) -> None:
    events = [Event(f"p{number % 200}") for number in range(EVENTS)]
    async with bus_in(kafka, players, store, waiting_events_max=2_000) as running:
        most = await feed(kafka, players, running, events, copies)
        await until("all are finished", lambda: players.asked == copies * EVENTS, 60)
        assert most <= 2_001
        await until("counted", lambda: repeated(running) == (copies - 1) * EVENTS)
    assert len(players.applied) == EVENTS


async def feed(
    kafka: MockKafka, players: RememberingPlayers, running: Running, events: list[Event], copies: int
) -> float:
    """Sends all copies, no faster than they are read; the most that was in memory."""
    most = 0.0
    for copy in range(0, copies, 5):
        await asyncio.to_thread(produce, kafka, *(events * 5))
        while (copy + 5) * EVENTS - players.asked > IN_TOPIC_MAX:
            most = max(most, running.value("bus_in_waiting_events"))
            await asyncio.sleep(0.01)
    return most


def repeated(running: Running) -> float:
    return running.value("bus_in_events_total", topic=TOPIC, outcome="repeated")
