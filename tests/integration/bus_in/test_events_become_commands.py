"""What comes by the bus is applied once, in order per player, and committed after that."""

from tests.support.bus_in import Event, RememberingPlayers, bus_in, produce, until
from tests.support.kafka import MockKafka
from tests.support.reader_store import MemoryReaders


async def test_an_event_that_is_sent_three_times_is_applied_once(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    deposit = Event("ann")
    produce(kafka, deposit, deposit, deposit)
    async with bus_in(kafka, players, store) as running:
        await until("all three are finished", lambda: players.asked == 3)
        await until("counted", lambda: running.value("bus_in_events_total", topic="cashier", outcome="repeated") == 2)
    assert players.applied == {deposit.command_id: "ann"}


async def test_events_of_a_player_are_applied_in_their_order(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    names = [f"p{number}" for number in range(20)]
    events = [Event(name) for _ in range(50) for name in names]
    produce(kafka, *events)
    async with bus_in(kafka, players, store):
        await until("all are applied", lambda: len(players.applied) == len(events))
    for name in names:
        assert players.ids_of(name) == [event.command_id for event in events if event.key == name]


async def test_what_is_finished_is_not_read_again_after_a_restart(
    kafka: MockKafka, players: RememberingPlayers, store: MemoryReaders
) -> None:
    produce(kafka, *(Event(f"p{number}") for number in range(100)))
    async with bus_in(kafka, players, store):
        await until("all are applied", lambda: len(players.applied) == 100)
    late = Event("late")
    produce(kafka, late)
    async with bus_in(kafka, players, store):
        await until("the late one is applied", lambda: late.command_id in players.applied)
    assert players.asked == 101
