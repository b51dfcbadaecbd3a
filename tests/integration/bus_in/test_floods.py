"""Repetitions by the hundred thousand: nothing moves, and no more is in memory than may be."""

import asyncio

import pytest

from tests.support.bus_in import TOPIC, Event, RememberingPlayers, Running, bus_in, produce, until
from tests.support.kafka import MockKafka
from tests.support.reader_store import MemoryReaders

COPIES, EVENTS = 100, 1_000
IN_TOPIC_MAX = 15_000
"""The mock cluster forgets what is beyond 5 MB of a partition."""


@pytest.mark.timeout(120)
async def test_a_hundred_thousand_repetitions_move_nothing(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    events = [Event(f"p{number % 200}") for number in range(EVENTS)]
    async with bus_in(kafka, players, store, waiting_events_max=2_000) as running:
        most = await feed(kafka, players, running, events)
        await until("all are finished", lambda: players.asked == COPIES * EVENTS, 60)
        assert most <= 2_001
        await until("counted", lambda: repeated(running) == (COPIES - 1) * EVENTS)
    assert len(players.applied) == EVENTS


async def feed(kafka: MockKafka, players: RememberingPlayers, running: Running, events: list[Event]) -> float:
    """Sends all copies, no faster than they are read; the most that was in memory."""
    most = 0.0
    for copy in range(0, COPIES, 5):
        await asyncio.to_thread(produce, kafka, *(events * 5))
        while (copy + 5) * EVENTS - players.asked > IN_TOPIC_MAX:
            most = max(most, running.value("bus_in_waiting_events"))
            await asyncio.sleep(0.01)
    return most


def repeated(running: Running) -> float:
    return running.value("bus_in_events_total", topic=TOPIC, outcome="repeated")
