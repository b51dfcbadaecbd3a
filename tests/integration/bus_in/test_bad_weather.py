"""Shards that are busy or away, a store that is away, consumers that come and go: all is applied once, in order."""

import asyncio
from zlib import crc32

import pytest
from confluent_kafka import Consumer, TopicPartition

from actors.outcome import Unavailable
from feeds.bus.incoming import consuming, intake
from feeds.bus.incoming.lanes import LANES
from tests.support.bus_in import TOPIC, Event, RememberingPlayers, Running, bus_in, produce, until
from tests.support.kafka import MockKafka
from tests.support.reader_store import MemoryReaders

BUSY = Unavailable("overloaded", "Too much at once.", 1)
AWAY = Unavailable("shard_unavailable", "The player's shard can't be reached now.")


async def test_overload_pauses_the_partition_and_the_same_id_is_tried_again(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    refusals = iter([BUSY, BUSY])
    players.outcome_of = lambda *_: next(refusals, None)
    events = [Event("ann") for _ in range(5)]
    produce(kafka, *events, partition=0)
    async with bus_in(kafka, players, store) as running:
        await until("it pauses", lambda: running.value("bus_in_paused", topic=TOPIC) >= 1)
        await until("all are applied", lambda: len(players.applied) == 5)
        await until("it goes on", lambda: running.value("bus_in_paused", topic=TOPIC) == 0)
    assert players.ids_of("ann") == [event.command_id for event in events]
    assert running.value("bus_in_events_total", topic=TOPIC, outcome="retried") == 2


async def test_a_player_who_can_not_be_reached_blocks_nobody_else(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    players.outcome_of = lambda player_id, _: AWAY if player_id == "poison" else None
    shared = crc32(b"poison") % LANES
    names = [name for number in range(400) if crc32((name := f"p{number}").encode()) % LANES != shared]
    others = [Event(name) for name in names[:300]]
    poison = Event("poison")
    produce(kafka, poison, *others[:150], partition=0)
    async with bus_in(kafka, players, store) as running:
        await until("those in hand are applied", lambda: len(players.applied) == 150)
        produce(kafka, *others[150:], partition=0)
        await until("the others go on", lambda: len(players.applied) == 300)
        assert store.next_of(TOPIC, 0) == 0, "an offset behind the poison was committed"
        assert running.value("breaker_state", breaker="bus_in_players") == 0
        players.outcome_of = lambda *_: None
        await until("it is applied at last", lambda: poison.command_id in players.applied)
        await until("all is finished", lambda: store.next_of(TOPIC, 0) == 301)


async def test_an_outage_of_all_players_opens_the_breaker_and_passes(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    players.outcome_of = lambda *_: AWAY
    events = [Event(f"p{number % 40}") for number in range(400)]
    produce(kafka, *events)
    async with bus_in(kafka, players, store) as running:
        await until("the breaker opens", lambda: running.value("breaker_state", breaker="bus_in_players") == 2)
        await until("all partitions pause", lambda: running.value("bus_in_paused", topic=TOPIC) == 4)
        asked = players.asked
        await asyncio.sleep(1)
        assert players.asked - asked <= 2, "an open breaker lets one probe through"
        players.outcome_of = lambda *_: None
        await until("all are applied", lambda: len(players.applied) == 400)
    for player_id in {event.key for event in events}:
        assert players.ids_of(player_id) == [event.command_id for event in events if event.key == player_id]


async def test_a_group_that_is_reset_to_the_beginning_replays_nothing(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    produce(kafka, *(Event(f"p{number}") for number in range(200)))
    async with bus_in(kafka, players, store):
        await until("all are applied", lambda: len(players.applied) == 200)
    commit(kafka, "reset", dict.fromkeys(range(4), 0))  # the mock cluster resets no group that had members
    produce(kafka, late := Event("late"))
    async with bus_in(kafka, players, store, group="reset"):
        await until("the late one is applied", lambda: late.command_id in players.applied)
    assert players.asked == 201


async def test_a_store_that_is_away_delays_the_commit_and_loses_nothing(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    produce(kafka, Event("ann"), partition=0)
    async with bus_in(kafka, players, store):
        await until("one is finished", lambda: store.next_of(TOPIC, 0) == 1)
        store.down = True
        produce(kafka, Event("ann"), partition=0)
        await until("it is applied", lambda: len(players.applied) == 2)
        await asyncio.sleep(1.2)
        assert committed(kafka, "croupier")[0] == 1, "committed at the broker before our own store knew"
        store.down = False
        await until("it is noted", lambda: store.next_of(TOPIC, 0) == 2)
    assert committed(kafka, "croupier")[0] == 2


async def test_a_store_that_is_away_at_the_start_is_waited_for(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "CLAIM_MAX_S", 0.3)
    produce(kafka, event := Event("ann"))
    store.down = True
    async with bus_in(kafka, players, store) as running:
        await asyncio.sleep(2)
        assert not running.task.done()
        assert players.asked == 0, "read without knowing where to begin"
        store.down = False
        await until("it is applied", lambda: event.command_id in players.applied)


async def test_a_partition_that_another_process_has_claimed_is_asked_for_anew(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, caplog: pytest.LogCaptureFixture
) -> None:
    produce(kafka, Event("ann"), partition=0)
    async with bus_in(kafka, players, store):
        await until("one is finished", lambda: store.next_of(TOPIC, 0) == 1)
        await store.claim_notes(f"bus-in.{TOPIC}.0", "a process that believes to have it")
        produce(kafka, *(Event("ann") for _ in range(5)), partition=0)
        await until("all are finished", lambda: store.next_of(TOPIC, 0) == 6)
    assert "is another process's now" in caplog.text
    assert len(players.applied) == 6


async def test_brokers_that_are_down_for_a_while_cost_time_only(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    events = [Event(f"p{number % 30}") for number in range(600)]
    produce(kafka, *events[:300])
    async with bus_in(kafka, players, store) as running:
        await until("some are applied", lambda: len(players.applied) == 300)
        kafka.all_down()
        await asyncio.sleep(3)
        assert not running.task.done()
        kafka.all_up()
        produce(kafka, *events[300:])
        await until("all are applied", lambda: len(players.applied) == 600)
    for player_id in {event.key for event in events}:
        assert players.ids_of(player_id) == [event.command_id for event in events if event.key == player_id]


async def test_what_waits_is_bounded_and_the_group_is_not_left(
    kafka: MockKafka,
    players: RememberingPlayers,
    store: MemoryReaders,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = consuming.consumer_config
    monkeypatch.setattr(consuming, "consumer_config", lambda of: config(of) | {"max.poll.interval.ms": 2_000})
    players.silent = True
    events = [Event(f"p{number % 100}") for number in range(2_000)]
    produce(kafka, *events)
    async with bus_in(kafka, players, store, waiting_events_max=100) as running:
        await until("it is full", lambda: running.value("bus_in_waiting_events") >= 100)
        await asyncio.sleep(4)
        assert running.value("bus_in_waiting_events") <= 101
        players.speak()
        await until("all are applied", lambda: len(players.applied) == 2_000)
    assert "lost" not in caplog.text
    assert players.asked == 2_000
    for player_id in {event.key for event in events}:
        assert players.ids_of(player_id) == [event.command_id for event in events if event.key == player_id]


async def test_consumers_come_and_go_and_all_is_applied_once_in_order(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    players.delay_s = 0.003
    events, enough = list[Event](), asyncio.Event()
    async with bus_in(kafka, players, store) as first:
        flow = asyncio.create_task(produce_slowly(kafka, events, enough))
        await until("the first works", lambda: accepted(first) > 200)
        async with bus_in(kafka, players, store) as second:
            await until("the second works", lambda: accepted(second) > 200)
        left_at = len(events)
        await until("events go on", lambda: len(events) > left_at + 200)
        enough.set()
        await flow
        await until("all are applied", lambda: len(players.applied) == len(events))
    for player_id in {event.key for event in events}:
        assert players.ids_of(player_id) == [event.command_id for event in events if event.key == player_id]


async def produce_slowly(kafka: MockKafka, events: list[Event], enough: asyncio.Event) -> None:
    """Events of fifty players, noted in `events`, until that is enough."""
    while not enough.is_set():
        more = [Event(f"p{number}") for number in range(50)]
        await asyncio.to_thread(produce, kafka, *more)
        events += more
        await asyncio.sleep(0.07)


def accepted(running: Running) -> float:
    return running.value("bus_in_events_total", topic=TOPIC, outcome="accepted")


def commit(kafka: MockKafka, group: str, offsets: dict[int, int]) -> None:
    """Sets the offsets of a group without members, as `kafka-consumer-groups --reset-offsets` does."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": group})
    places = [TopicPartition(TOPIC, partition, offset) for partition, offset in offsets.items()]
    try:
        consumer.commit(offsets=places, asynchronous=False)
    finally:
        consumer.close()


def committed(kafka: MockKafka, group: str) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": group})
    found = consumer.committed([TopicPartition(TOPIC, partition) for partition in range(4)], 10)
    consumer.close()
    return {place.partition: place.offset for place in found}
