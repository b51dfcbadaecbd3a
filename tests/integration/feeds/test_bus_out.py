"""The bus out against librdkafka's mock cluster: real sockets, brokers that fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from random import Random

import pytest
from confluent_kafka import KafkaError, Message, Producer
from prometheus_client import CollectorRegistry

from feeds.bus.brokers import Login
from feeds.bus.kafka_out import KafkaOut
from feeds.bus.settings import BusSettings, FamilyTopics
from feeds.credentials import Credential
from feeds.public.mapping import public_events
from feeds.reading import Followed, SinkFailed
from tests.integration.feeds.topic import deduplicated, header
from tests.support.kafka import PRODUCE, MockKafka, mock_kafka
from tests.support.notes import MemoryNotes
from tests.support.played_journal import played, records, spin, transitions
from tests.support.reader_double import ReaderDouble
from tests.support.shard_harness import eventually

pytestmark = pytest.mark.timeout(240)

TOPIC = "events"
THREADS_OF_A_PRODUCER = 3
"""At least: one of its own, and one for each broker that it knows. Three left open would be nine."""


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    with mock_kafka() as cluster:
        cluster.create_topic(TOPIC, partitions=4)
        yield cluster


@pytest.fixture
def one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mock cluster takes requests behind one that it refuses; brokers check the sequence and refuse these, too."""
    producer = BusSettings.producer
    monkeypatch.setattr(BusSettings, "producer", lambda settings: producer(settings) | {"max.in.flight": 1})


class Bus:
    """A bus over one cluster, with the notes of all its sinks, and the metrics of the last one."""

    def __init__(self, kafka: MockKafka, **settings: object) -> None:
        chosen = {"topic": TOPIC, "linger_ms": 1} | settings
        self.settings = BusSettings(brokers=tuple(kafka.bootstrap_servers.split(",")), **chosen)  # type: ignore[arg-type]
        self.notes, self.registry = MemoryNotes(), CollectorRegistry()

    def sink(self) -> KafkaOut:
        self.registry = CollectorRegistry()
        return KafkaOut(self.settings, self.notes, self.registry)

    def reader(self, journal: list[Followed]) -> ReaderDouble:
        return ReaderDouble(journal, self.sink)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def expected(journal: list[Followed]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for transition in transitions(journal):
        told.setdefault(transition.player_id, []).extend(event.id for event in public_events(transition))
    return told


def one_partition_per_player(messages: list[Message[bytes, bytes]]) -> bool:
    by_player = sorted((message.key() or b"", message.partition() or 0) for message in messages)
    return all(len({part for _, part in group}) == 1 for _, group in groupby(by_player, key=lambda pair: pair[0]))


async def test_every_event_leaves_in_the_order_of_its_player(kafka: MockKafka) -> None:
    journal = played(seed=1, players=20, spins=2_000)
    bus = Bus(kafka)
    await bus.reader(journal).read_all()
    messages = kafka.read([TOPIC])
    assert deduplicated(messages) == expected(journal)
    assert len(messages) == sum(map(len, expected(journal).values()))
    assert one_partition_per_player(messages)
    assert bus.metric("bus_out_delivered_total") == len(messages)


async def test_a_bus_that_works_warns_of_nothing(kafka: MockKafka, caplog: pytest.LogCaptureFixture) -> None:
    await Bus(kafka).reader(records([[spin("anna", 1)]])).read_all()
    await asyncio.sleep(0.2)
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []


async def test_a_message_is_a_cloud_event_in_binary_mode(kafka: MockKafka) -> None:
    bus = Bus(kafka, installation="casino-1")
    await bus.reader(records([[spin("anna", 1)]])).read_all()
    bet, points, win = kafka.read([TOPIC])
    assert bet.key() == b"anna"
    assert {name: value.decode() for name, value in bet.headers() or []} == {
        "ce_specversion": "1.0",
        "ce_id": "anna-1-0",
        "ce_source": "/croupier/casino-1",
        "ce_type": "com.croupier.BetPlaced.v1",
        "ce_subject": "anna",
        "ce_time": "2025-10-09T08:53:20.001Z",
        "ce_sequence": "1.0",
        "ce_dataschema": "urn:croupier:events:BetPlaced:v1",
        "content-type": "application/json",
    }
    assert [header(message, "ce_sequence") for message in (points, win)] == ["1.1", "1.4"]
    data = json.loads(win.value() or b"")
    assert (data["player_id"], data["real"], data["currency"], data["game_id"]) == ("anna", 20, "EUR", "book")


async def test_families_have_topics_of_their_own_or_are_left_out(kafka: MockKafka) -> None:
    kafka.create_topic("points")
    bus = Bus(kafka, topic=None, topics=FamilyTopics(TOPIC, TOPIC, None, "points", None))
    await bus.reader(records([[spin("anna", 1)]])).read_all()
    assert [header(message, "ce_type") for message in kafka.read(["points"])] == ["com.croupier.PointsAccrued.v1"]
    assert len(kafka.read([TOPIC])) == 2


async def test_brokers_that_are_down_for_a_while_cost_nothing_but_time(kafka: MockKafka) -> None:
    journal = played(seed=2, players=5, spins=3_000)
    bus = Bus(kafka, waiting_events_max=500)
    reader = bus.reader(journal)
    reading = asyncio.create_task(reader.read_all())
    await eventually(lambda: reader.cursor.seq)
    kafka.all_down()
    await eventually(lambda: bus.metric("breaker_state", breaker="bus") > 0)
    await until_it_stands(reader)
    assert bus.metric("bus_out_waiting_events") <= 500
    assert not reading.done()
    kafka.all_up()
    await reading
    assert reader.failures == []
    assert deduplicated(kafka.read([TOPIC])) == expected(journal)
    assert bus.metric("breaker_state", breaker="bus") == 0


async def until_it_stands(reader: ReaderDouble) -> None:
    """What the brokers had confirmed before they went is settled; after that nothing moves."""
    before = None
    while before != reader.cursor:
        before = reader.cursor
        await asyncio.sleep(0.5)


@pytest.mark.usefixtures("one_request_at_a_time")
async def test_the_order_stays_when_leaders_move_and_requests_are_repeated(kafka: MockKafka) -> None:
    journal = played(seed=3, players=10, spins=3_000)
    reader = Bus(kafka).reader(journal)
    reading = asyncio.create_task(reader.read_all())
    for turn in range(8):
        for partition in range(4):
            kafka.lead(TOPIC, partition, 1 + (turn + partition) % 3)
        kafka.fail(PRODUCE, [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT])
        await asyncio.sleep(0.05)
    await reading
    assert reader.failures == []
    assert deduplicated(kafka.read([TOPIC])) == expected(journal)


@pytest.mark.parametrize(
    "error", [KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD]
)
@pytest.mark.usefixtures("one_request_at_a_time")
async def test_an_error_that_would_leave_a_gap_begins_again_at_the_cursor(kafka: MockKafka, error: int) -> None:
    """The producer may send a batch more before it ends. Brokers refuse that for its sequence, the mock cluster does
    not check it: so it refuses all that the producer sends from then on.
    """
    journal = played(seed=5, players=6, spins=1_500)
    bus, sinks = Bus(kafka, waiting_events_max=200), list[KafkaOut]()

    def another() -> KafkaOut:
        if sinks:
            kafka.fail_no_more(PRODUCE)
        sinks.append(bus.sink())
        return sinks[-1]

    kafka.fail(PRODUCE, [0] * 5 + [error] * 500)
    reader = ReaderDouble(journal, another)
    await reader.read_all()
    assert (len(reader.failures), len(sinks)) == (1, 2)
    assert deduplicated(kafka.read([TOPIC])) == expected(journal)


async def test_repeats_after_a_restart_are_harmless(kafka: MockKafka) -> None:
    journal = played(seed=4, players=8, spins=600)
    bus = Bus(kafka)
    assert len(journal) > 150
    for upto in (100, 150, len(journal)):
        sink = bus.sink()
        await sink.open()
        for record in journal[max(0, upto - 120) : upto]:
            await sink.take(record)
        while sink.settled().get("shard-1") != journal[upto - 1].position:
            await asyncio.sleep(0.01)
        await sink.close()
    messages = kafka.read([TOPIC])
    assert deduplicated(messages) == expected(journal)
    assert len(messages) > sum(map(len, expected(journal).values()))


@pytest.mark.parametrize("seed", range(3))
async def test_a_reader_that_is_killed_at_any_moment_leaves_nothing_out(kafka: MockKafka, seed: int) -> None:
    """Between taking and delivery, delivery and cursor: the next one begins at the cursor that was committed last."""
    random = Random(seed)
    journal = played(seed=seed, players=12, spins=4_000)
    reader = Bus(kafka, waiting_events_max=400, linger_ms=random.choice((0, 3, 15))).reader(journal)
    kills = 0
    while not reader.done:
        reading = asyncio.create_task(reader.read_once())
        await asyncio.wait([reading], timeout=random.uniform(0.02, 0.25))
        kills += reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert kills > 1
    assert reader.failures == []
    messages = kafka.read([TOPIC])
    assert deduplicated(messages) == expected(journal)
    assert one_partition_per_player(messages)


async def test_another_number_of_partitions_stops_the_bus_until_it_is_acknowledged(kafka: MockKafka) -> None:
    bus = Bus(kafka)
    await bus.reader(records([[spin("anna", 1)]])).read_all()
    bus.notes.kept["partitions:events"] = b"3"
    with pytest.raises(SinkFailed, match=r"topic events had 3 partitions and has 4.*acknowledged: \{?events: 4"):
        await opened(bus.sink())
    assert bus.metric("bus_out_stopped", reason="partitions") == 1
    acknowledged = Bus(kafka, partitions_acknowledged={TOPIC: 4})
    acknowledged.notes = bus.notes
    await opened(acknowledged.sink())
    assert bus.notes.kept["partitions:events"] == b"4"
    await opened(bus.sink())


async def test_partitions_that_are_added_meanwhile_stop_the_bus(
    kafka: MockKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.bus.kafka_out.TOPICS_LOOK_S", 0.05)
    sink = Bus(kafka).sink()
    await sink.open()
    kafka.delete_topic(TOPIC)
    kafka.create_topic(TOPIC, partitions=6)
    with pytest.raises(SinkFailed, match="topic events had 4 partitions and has 6"):
        await looked_at(sink)
    await sink.close()


async def looked_at(sink: KafkaOut) -> None:
    """As a reader does: until it fails."""
    while True:
        sink.settled()
        await asyncio.sleep(0.01)


async def test_players_lie_where_java_would_put_them(kafka: MockKafka) -> None:
    players = [f"player-{number}" for number in range(300)] + ["ключ", "x", "a" * 200]
    await Bus(kafka).reader(records([[spin(player_id, 1)] for player_id in players])).read_all()
    ours = {message.key(): message.partition() for message in kafka.read([TOPIC])}
    kafka.create_topic("theirs", partitions=4)
    theirs: Producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "partitioner": "murmur2_random"})
    for player_id in players:
        theirs.produce("theirs", b"", player_id)
    theirs.flush(10)
    assert ours == {message.key(): message.partition() for message in kafka.read(["theirs"])}


@pytest.mark.parametrize("error", [KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError.MSG_SIZE_TOO_LARGE])
async def test_a_failure_is_noticed_though_nothing_more_comes(kafka: MockKafka, error: int) -> None:
    journal = records([[spin("anna", 1)]])
    kafka.fail(PRODUCE, [error])
    reader = Bus(kafka).reader(journal)
    await reader.read_all()
    assert len(reader.failures) == 1
    assert deduplicated(kafka.read([TOPIC])) == expected(journal)


@pytest.mark.parametrize("down", [False, True])
async def test_a_closed_bus_leaves_no_thread_behind(kafka: MockKafka, down: bool) -> None:
    """Each failure opens a new one: threads of the old ones would add up."""
    before = 0
    for turn in range(4):
        if turn == 1:  # the cluster of the tests has made its own threads by then
            before = kafka_threads()
        sink = Bus(kafka).sink()
        await sink.open()
        if down:
            kafka.all_down()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                for record in played(seed=8, players=20, spins=300):
                    await sink.take(record)
        await sink.close()
        kafka.all_up()
    await eventually(lambda: kafka_threads() < before + THREADS_OF_A_PRODUCER)


def kafka_threads() -> int:
    """How many threads of librdkafka this process has: it names them "rdk:main", "rdk:broker1" and so on."""
    names = []
    for comm in Path("/proc/self/task").glob("*/comm"):
        with suppress(FileNotFoundError):
            names.append(comm.read_text())
    assert any(name.startswith("rdk:") for name in names), "the broker of the tests runs in this process"
    return sum(name.startswith("rdk:") for name in names)


async def test_settings_that_the_client_refuses_are_said(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Bus(kafka, tls=True, ca_file="/nowhere/ca.pem")
    with pytest.raises(SinkFailed, match=r"ca_file /nowhere/ca\.pem can't be read: No such file or directory"):
        await opened(bus.sink())
    monkeypatch.setattr(BusSettings, "producer", lambda settings: {"linger.ms": -1})
    with pytest.raises(SinkFailed, match=r"the settings of the bus can't be used: .*queue.buffering.max.ms"):
        await opened(bus.sink())
    assert bus.metric("bus_out_stopped", reason="settings") == 1


async def test_a_password_that_is_not_there_is_missed(kafka: MockKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUS_PASSWORD", raising=False)
    login = Login(user="croupier", password=Credential(env="BUS_PASSWORD"))
    with pytest.raises(SinkFailed, match="environment variable BUS_PASSWORD is not set or empty"):
        await opened(Bus(kafka, login=login).sink())


async def test_a_topic_that_is_not_there_is_named(kafka: MockKafka) -> None:
    kafka.spoil(TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART)
    with pytest.raises(SinkFailed, match="topic events can't be used"):
        await opened(Bus(kafka, connect_timeout_s=2).sink())


async def test_brokers_that_do_not_answer_at_the_start_are_said(kafka: MockKafka) -> None:
    kafka.all_down()
    with pytest.raises(SinkFailed, match="the brokers don't tell about topic events"):
        await opened(Bus(kafka, connect_timeout_s=0.5).sink())


async def test_an_event_that_is_too_large_stops_the_bus_and_is_named(kafka: MockKafka) -> None:
    bus = Bus(kafka, event_bytes_max=16_384)
    large = spin("anna" * 5_000, 1)
    with pytest.raises(SinkFailed, match=r"event (anna)+-1-0 has \d+ bytes: raise event_bytes_max"):
        await opened(bus.sink(), records([[large]])[0])
    assert bus.metric("bus_out_stopped", reason="too_large") == 1


async def test_an_operator_who_asks_sees_the_state(kafka: MockKafka) -> None:
    sink = Bus(kafka).sink()
    await sink.open()
    state = json.loads(await sink.ask(b"{}"))
    await sink.close()
    assert state == {
        "breaker": "closed",
        "waiting_events": 0,
        "waiting_bytes": 0,
        "open_records": 0,
        "partitions": {TOPIC: 4},
        "stopped": None,
    }


async def opened(sink: KafkaOut, *taken: Followed) -> None:
    """Opens a sink, lets it take these records, and closes it whatever happens."""
    try:
        await sink.open()
        for record in taken:
            await sink.take(record)
    finally:
        await sink.close()
