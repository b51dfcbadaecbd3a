"""Rules §10: what becomes due, when, and as which command."""

from engine.commands import Result
from engine.due import next_due, next_due_ms
from tests.unit.engine.playing import DAY_MS, START_MS, Table, campaign, house, spins, wager


def full() -> Table:
    """A package for 2 days, a grant for 3."""
    table = Table(house(campaign(fixed=100, free_spins=spins(2, valid_days=2), wager=wager(5, valid_days=3))))
    table.grant()
    return table


def test_nothing_is_due_without_grants() -> None:
    assert next_due(Table(real=100).state) is None
    assert next_due_ms(Table(real=100).state) is None


def test_in_order_of_due_times_and_each_at_its_own() -> None:
    table = full()
    assert next_due_ms(table.state) == START_MS + 2 * DAY_MS
    table.pass_days(10)
    done = [(t.command_id, t.time_ms) for t in table.transitions[2:]]
    assert done == [("due:expire:p2-1", START_MS + 2 * DAY_MS), ("due:expire:g2-1", START_MS + 3 * DAY_MS)]
    assert next_due(table.state) is None


def test_never_earlier_than_the_players_last_event() -> None:
    table = full()
    session = table.spin(10).session_id
    table.now += 5 * DAY_MS
    free = next_due(table.state)
    assert free is not None
    assert free.time_ms == START_MS + 2 * DAY_MS
    assert next_due_ms(table.state) == START_MS + 2 * DAY_MS
    table.state.time_ms = table.shadow.state.time_ms = START_MS + 4 * DAY_MS
    late = next_due(table.state)
    assert late is not None
    assert late.time_ms == START_MS + 4 * DAY_MS
    table.do(Result(session, 0))


def test_what_an_open_round_ties_is_not_due() -> None:
    table = full()
    session = table.free_spin().session_id
    assert next_due_ms(table.state) == START_MS + 3 * DAY_MS
    table.do(Result(session, 0))
    table.spin(10, game_id="dice")
    assert next_due_ms(table.state) == START_MS + 2 * DAY_MS


def test_a_used_up_package_is_never_due() -> None:
    table = Table(house(campaign(free_spins=spins(1))))
    table.grant()
    table.free_spin(0)
    assert next_due_ms(table.state) is None


def test_expiring_what_is_gone_does_nothing() -> None:
    table = full()
    due = next_due(table.state)
    assert due is not None
    table.free_spin(0)
    table.free_spin(0)
    table.run_command(due)
    assert table.transitions[-1].events == ()
