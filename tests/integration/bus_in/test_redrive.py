"""Dead letters are sent back once, all or those with one code."""

from engine.rejections import PLAYER_NOT_FOUND, Rejection
from feeds.bus.redrive import redrive
from tests.support.bus_in import (
    DEAD,
    TOPIC,
    Event,
    RememberingPlayers,
    Running,
    bus_in,
    letters,
    produce,
    settings,
    until,
)
from tests.support.kafka import MockKafka
from tests.support.reader_store import MemoryReaders


async def test_letters_are_applied_after_the_redrive_and_sent_back_once(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    early = [Event("early") for _ in range(3)]
    players.outcome_of = lambda player_id, _: Rejection(PLAYER_NOT_FOUND, "not yet")
    produce(kafka, *early, Event("ann", b"not json"))
    async with bus_in(kafka, players, store) as running:
        await until("four letters", lambda: dead(running) == 4)
        players.outcome_of = lambda *_: None
        assert redrive(settings(kafka), TOPIC, PLAYER_NOT_FOUND, 100, lambda *_: None) == 3
        await until("applied", lambda: len(players.applied) == 3)
        assert redrive(settings(kafka), TOPIC, PLAYER_NOT_FOUND, 100, lambda *_: None) == 0
    assert players.ids_of("early") == [event.command_id for event in early]
    again = [message for message in kafka.read([TOPIC]) if "x-redriven" in dict(message.headers() or ())]
    assert len(again) == 3
    assert all("x-error-code" not in dict(message.headers() or ()) for message in again)


async def test_what_dies_again_keeps_when_it_was_first_seen_and_ends_the_run(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    produce(kafka, Event("ann", b"not json"))
    async with bus_in(kafka, players, store) as running:
        await until("a letter", lambda: dead(running) == 1)
        assert redrive(settings(kafka), TOPIC, None, 100, lambda *_: None) == 1
        await until("it dies again", lambda: dead(running) == 2)
    first, second = sorted(letters(kafka, DEAD), key=lambda letter: int("x-redriven" in letter))
    assert first["x-first-seen"] == second["x-first-seen"]
    assert (second["x-original-topic"], second["value"]) == (TOPIC, first["value"])


async def test_the_limit_ends_a_run_and_the_next_goes_on_there(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    produce(kafka, *(Event("ann", b"not json") for _ in range(7)))
    async with bus_in(kafka, players, store) as running:
        await until("letters", lambda: dead(running) == 7)
    assert [redrive(settings(kafka), TOPIC, None, 3, lambda *_: None) for _ in range(4)] == [3, 3, 1, 0]


def dead(running: Running) -> float:
    codes = ("invalid_data", PLAYER_NOT_FOUND)
    return sum(running.value("bus_in_dead_letters_total", code=code) for code in codes)
