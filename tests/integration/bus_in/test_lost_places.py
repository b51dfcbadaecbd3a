"""A place that the topic no longer has is told and never jumped over; an operator says where to go on."""

import pytest

from feeds.bus.incoming.watermarks import Watermarks, unix_ms
from feeds.bus.start_at import start_at
from tests.support.bus_in import TOPIC, Event, RememberingPlayers, bus_in, produce, settings, until
from tests.support.kafka import MockKafka
from tests.support.reader_store import MemoryReaders


async def test_a_topic_that_was_made_anew_is_not_read_until_somebody_says_where(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, caplog: pytest.LogCaptureFixture
) -> None:
    claim = await store.claim_notes(f"bus-in.{TOPIC}.0", "a former life")
    await store.commit_reader(claim, {}, {"next": b"5000"})
    produce(kafka, Event("ann"), partition=0)
    produce(kafka, other := Event("bob"), partition=1)
    async with bus_in(kafka, players, store) as running:
        await until("it is counted", lambda: running.value("bus_in_stalled_total", topic=TOPIC) == 1)
        await until("the other partition is read", lambda: other.command_id in players.applied)
    assert f"{TOPIC}/0 is not read any more" in caplog.text
    assert players.ids_of("ann") == []
    assert (await start_at(settings(kafka, group="anew"), store, TOPIC, "earliest"))[0] == 0
    async with bus_in(kafka, players, store, group="anew"):
        await until("it is applied", lambda: players.ids_of("ann") != [])


async def test_latest_passes_what_is_there_and_nothing_that_comes(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    produce(kafka, *(Event(f"old-{number}") for number in range(20)))
    async with bus_in(kafka, players, store, first_start="latest"):
        await until("it begins", lambda: all(store.next_of(TOPIC, partition) is not None for partition in range(4)))
    produce(kafka, new := Event("new"))
    async with bus_in(kafka, players, store, first_start="latest"):
        await until("the new one is applied", lambda: new.command_id in players.applied)
    assert list(players.applied) == [new.command_id]


async def test_nothing_is_missed_of_a_partition_that_is_added_later(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    long_ago = Watermarks(store, lambda: unix_ms() - 3_600_000)
    await long_ago.claim((TOPIC, 0))
    await long_ago.write((TOPIC, 0), 0)
    produce(kafka, added := Event("ann"), partition=3)
    async with bus_in(kafka, players, store, first_start="latest"):
        await until("it is applied", lambda: added.command_id in players.applied)
