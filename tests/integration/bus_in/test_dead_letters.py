"""What can never be applied is kept with its bytes and its reason, and nobody behind it waits."""

import pytest
from confluent_kafka import KafkaError

from engine.rejections import PLAYER_BLOCKED, PLAYER_NOT_FOUND, Rejection
from feeds.bus.redrive import redrive
from tests.support.bus_in import TOPIC, Event, RememberingPlayers, bus_in, letters, produce, settings, until
from tests.support.kafka import PRODUCE, MockKafka
from tests.support.reader_store import MemoryReaders

HOUR_S = 3_600


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("undecodable", Event("ann", specversion=None)),
        ("undecodable", Event("ann", specversion="0.3")),
        ("undecodable", Event("ann", b"\xff\xfe", **{"content-type": "text/plain", "specversion": None})),
        ("invalid_event", Event("ann", time=None)),
        ("invalid_event", Event("ann", time="yesterday")),
        ("invalid_event", Event("no such player!", key="k")),
        ("invalid_event", Event("ann", id="")),
        ("invalid_event", Event("ann", source=None)),
        ("unknown_type", Event("ann", type="com.croupier.StartSession.v1")),
        ("unknown_type", Event("ann", type="com.somebody.Else.v7")),
        ("invalid_data", Event("ann", b"not json")),
        ("invalid_data", Event("ann", {"amount": -5})),
        ("invalid_data", Event("ann", {"amount": 5, "curency": "EUR"})),
        ("invalid_data", Event("ann", {"amount": 5, "ip": "999.1.1.1"})),
        ("invalid_data", Event("ann", b"[" * 60_000)),
        ("too_old", Event("ann", age_s=23.1 * HOUR_S)),
        ("time_ahead", Event("ann", age_s=-HOUR_S)),
        ("too_large", Event("ann", b"x" * 70_000)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_poison_is_kept_and_the_next_event_is_applied(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, code: str, event: Event
) -> None:
    good = Event("ann")
    produce(kafka, event, good, partition=0)
    async with bus_in(kafka, players, store) as running:
        await until("the good one is applied", lambda: good.command_id in players.applied)
        await until("it is counted", lambda: running.value("bus_in_dead_letters_total", code=code) == 1)
        await until("both are finished", lambda: store.next_of(TOPIC, 0) == 2)
    (letter,) = letters(kafka)
    assert (letter["x-error-code"], letter["value"]) == (code, repr(event.value))
    assert (letter["x-original-topic"], letter["x-original-partition"], letter["x-original-offset"]) == (
        TOPIC,
        "0",
        "0",
    )
    assert all(letter[name] == value.decode() for name, value in event.headers)
    assert letter["x-first-seen"] and letter["x-error-detail"]
    assert list(players.applied) == [good.command_id]


@pytest.mark.parametrize("code", [PLAYER_NOT_FOUND, PLAYER_BLOCKED])
async def test_what_the_player_refuses_for_good_is_kept(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, code: str
) -> None:
    refused, good = Event("bob"), Event("ann")
    players.outcome_of = lambda player_id, _: Rejection(code, "no") if player_id == "bob" else None
    produce(kafka, refused, good, partition=0)
    async with bus_in(kafka, players, store):
        await until("both are finished", lambda: store.next_of(TOPIC, 0) == 2)
    assert [letter["x-error-code"] for letter in letters(kafka)] == [code]
    assert list(players.applied) == [good.command_id]


async def test_a_message_of_5_megabytes_is_kept_whole(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    produce(kafka, Event("ann", b"x" * 5_000_000), partition=0)
    async with bus_in(kafka, players, store):
        await until("it is finished", lambda: store.next_of(TOPIC, 0) == 1)
    (letter,) = letters(kafka)
    assert letter["x-error-code"] == "too_large"
    assert len(letter["value"]) == 5_000_003


async def test_an_offset_counts_only_when_its_letter_is_durable(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, caplog: pytest.LogCaptureFixture
) -> None:
    async with bus_in(kafka, players, store):
        await until("it begins", lambda: store.next_of(TOPIC, 0) == 0)
        produce(kafka, Event("ann", b"not json"), partition=0)
        kafka.fail(PRODUCE, [KafkaError.TOPIC_AUTHORIZATION_FAILED] * 2)
        await until("the letter is refused", lambda: "can't be kept yet" in caplog.text)
        assert store.next_of(TOPIC, 0) == 0
        await until("it is finished", lambda: store.next_of(TOPIC, 0) == 1)
    assert len(letters(kafka)) == 1


async def test_a_letter_that_the_broker_finds_too_large_is_kept_without_its_value(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    async with bus_in(kafka, players, store):
        await until("it begins", lambda: store.next_of(TOPIC, 0) == 0)
        produce(kafka, Event("ann", b"x" * 100_000), partition=0)
        kafka.fail(PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE])
        await until("it is finished", lambda: store.next_of(TOPIC, 0) == 1)
    (letter,) = letters(kafka)
    assert (letter["x-error-code"], letter["x-value-omitted"], letter["value"]) == ("too_large", "100000", "None")
    assert redrive(settings(kafka), TOPIC, None, 10, lambda *_: None) == 0


@pytest.mark.parametrize("error", [KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError.INVALID_RECORD])
async def test_a_producer_that_fails_amid_many_letters_loses_none(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders, error: int
) -> None:
    poison = [Event(f"p{number}", b"not json") for number in range(200)]
    async with bus_in(kafka, players, store):
        await until("it begins", lambda: store.next_of(TOPIC, 0) == 0)
        produce(kafka, *poison, partition=0)
        kafka.fail(PRODUCE, [0, 0, error, 0, error])
        await until("all are finished", lambda: store.next_of(TOPIC, 0) == 200)
    assert {letter["ce_id"] for letter in letters(kafka)} == {event.id for event in poison}
