"""Rules §8: rounds count for cashback in the week in which they settle."""

from typing import Any

import msgspec
import pytest

from engine.commands import (
    AddBet,
    CancelRound,
    Result,
    Rollback,
)
from tests.support.ladder import EUR, at
from tests.support.playing import Table
from tests.unit.engine.loyalty.cashback_table import (
    NEXT_MONDAY,
    WEEK,
    at_level,
    lose,
    over_the_weekend,
    paid,
    settled,
)


def test_a_stake_left_open_on_sunday_and_cancelled_on_monday_brings_nothing() -> None:
    table = at_level()
    table.do(CancelRound(over_the_weekend(table)))
    table.pass_until(at("2026-02-01"))
    assert settled(table) == []


def test_nor_does_one_that_is_rolled_back_or_one_that_its_time_out_refunds() -> None:
    table = at_level()
    over_the_weekend(table, key="gs:open")
    table.do(Rollback("gs:open"))
    session = table.spin(500 * EUR).session_id
    times_out(table, session, "refund", at("2026-01-20"))
    table.pass_until(at("2026-02-01"))
    assert (settled(table), table.state.rounds) == ([], {})


def test_a_round_over_the_weekend_counts_in_the_week_of_its_result_with_stake_and_win() -> None:
    table = at_level()
    session = over_the_weekend(table)
    table.do(Result(session, 400 * EUR))
    lose(table, 700 * EUR)
    table.pass_until(at("2026-01-19"))
    [event] = settled(table)
    assert (event.week, event.staked, event.won, event.amount) == (WEEK + 1, 1_700 * EUR, 400 * EUR, 13 * EUR)


def test_partial_results_count_with_the_last_one_and_every_bet_of_the_round() -> None:
    table = at_level()
    session = over_the_weekend(table)
    table.do(Result(session, 100 * EUR, final=False))
    table.do(AddBet(session, 500 * EUR), "gs:double")
    table.pass_until(at("2026-01-20"))
    assert settled(table) == []
    table.do(Result(session, 200 * EUR))
    table.pass_until(at("2026-01-26"))
    [event] = settled(table)
    assert (event.week, event.staked, event.won) == (WEEK + 2, 1_500 * EUR, 300 * EUR)


def test_of_a_round_of_several_bets_those_count_that_were_not_rolled_back() -> None:
    table = at_level()
    session = over_the_weekend(table)
    table.do(AddBet(session, 500 * EUR), "gs:double")
    table.do(Rollback("gs:double"))
    table.do(Result(session, 0))
    table.pass_until(at("2026-01-19"))
    assert paid(table) == [10 * EUR]


def test_a_round_that_its_time_out_closes_counts_in_the_week_of_that() -> None:
    table = at_level()
    session = over_the_weekend(table)
    table.do(Result(session, 250 * EUR, final=False))
    times_out(table, session, "close", at("2026-01-20"))
    table.pass_until(at("2026-01-26"))
    [event] = settled(table)
    assert (event.week, event.staked, event.won) == (WEEK + 2, 1_000 * EUR, 250 * EUR)


def test_a_round_that_its_time_out_closes_when_the_week_ends_counts_in_the_next_one_and_loses_none() -> None:
    table = at_level()
    lose(table, 300 * EUR)
    session = table.spin(1_000 * EUR).session_id
    times_out(table, session, "close", at(NEXT_MONDAY))
    table.pass_until(at("2026-01-19"))
    assert paid(table) == [3 * EUR, 10 * EUR]


def times_out(table: Table, session: str, action: Any, time_ms: int) -> None:
    """As a round opened with that time-out: it ends at `time_ms`."""
    for player in (table.player, table.shadow):
        opened = player.state.rounds[session]
        opened.timeout_ms, opened.timeout_action = time_ms - opened.opened_ms, action


def stored_before(of: Any, fields_more: int) -> Any:
    """As a snapshot of an earlier version, which lacked the last fields, is loaded."""
    return msgspec.convert(msgspec.to_builtins(of)[:-fields_more], type(of))


@pytest.mark.parametrize("undo", [False, True])
def test_a_round_opened_under_an_earlier_version_counts_each_stake_and_win_at_once(undo: bool) -> None:
    """Its first stake had counted when it was placed: it must not count again when the round ends."""
    table = at_level()
    session = table.spin(1_000 * EUR, key="gs:old").session_id
    for state in (table.state, table.shadow.state):
        state.loyalty.week, state.loyalty.week_staked = WEEK, 1_000 * EUR
        state.loyalty = stored_before(state.loyalty, 2)
        state.rounds[session] = stored_before(state.rounds[session], 1)
    table.do(AddBet(session, 500 * EUR), "gs:new")
    if undo:
        table.do(Rollback("gs:old"))
    else:
        table.do(Result(session, 100 * EUR, final=False))
    table.do(Result(session, 200 * EUR))
    table.pass_until(at(NEXT_MONDAY))
    assert paid(table) == ([3 * EUR] if undo else [12 * EUR])
