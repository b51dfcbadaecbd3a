"""Rules §8: what is reversed is taken off the week that it counted in, or off the next reckonings."""

import pytest
from msgspec.structs import replace

from engine.commands import (
    Block,
    CancelRound,
    ForceLevel,
    Rollback,
    Unblock,
)
from engine.loyalty.turnover import week_ends_ms, week_of
from tests.support.ladder import EUR, at
from tests.support.playing import DAY_MS
from tests.unit.engine.loyalty.cashback_table import NEXT_MONDAY, at_level, lose, paid, settled, weeks_of


def test_a_reversal_within_the_week_takes_the_bet_and_its_win_out() -> None:
    table = at_level()
    lose(table, 1_000 * EUR)
    table.spin(500 * EUR, 900 * EUR, key="gs:won")
    lose(table, 300 * EUR, "gs:lost")
    session = table.spin(200 * EUR).session_id
    table.do(CancelRound(session))
    table.do(Rollback("gs:won"))
    table.do(Rollback("gs:lost"))
    table.pass_until(at(NEXT_MONDAY))
    assert paid(table) == [10 * EUR]


def test_what_is_reversed_after_its_week_was_paid_is_taken_off_the_next_reckoning() -> None:
    table = at_level()
    lose(table, 1_000 * EUR, "gs:a")
    assert weeks_of(table, 0) == [10 * EUR]
    table.do(Rollback("gs:a"))
    assert weeks_of(table, 1_500) == [5 * EUR]
    [_, event] = settled(table)
    assert (event.staked, event.won, event.taken_off) == (1_500 * EUR, 0, 1_000 * EUR)
    assert weeks_of(table, 1_500) == [15 * EUR]


def test_what_can_not_be_taken_off_at_once_waits_for_the_reckonings_after_it() -> None:
    table = at_level()
    lose(table, 1_000 * EUR, "gs:a")
    assert weeks_of(table, 0) == [10 * EUR]
    table.do(Rollback("gs:a"))
    assert weeks_of(table, 400, 0, 400, 700) == [0, 0, 5 * EUR]
    assert [event.taken_off // EUR for event in settled(table)] == [0, 400, 400, 200]


def test_losing_and_reversing_in_turn_brings_nothing() -> None:
    """Every week a loss that is taken back in the next one: only the first could be paid."""
    table = at_level()
    for week in range(6):
        lose(table, 1_000 * EUR, f"gs:{week}-lost")
        table.pass_until(week_ends_ms(week_of(table.now // DAY_MS)))
        table.do(Rollback(f"gs:{week}-lost"))
    assert sum(paid(table)) == 10 * EUR
    assert weeks_of(table, 1_000, 1_000) == [0, 10 * EUR]


def test_of_a_reversed_bet_only_what_it_lost_is_taken_off() -> None:
    table = at_level()
    table.spin(1_000 * EUR, 400 * EUR, key="gs:a")
    lose(table, 400 * EUR)
    assert weeks_of(table, 0) == [10 * EUR]
    table.do(Rollback("gs:a"))
    assert weeks_of(table, 1_000) == [4 * EUR]


def test_never_more_is_taken_off_than_its_week_was_paid_for() -> None:
    """1 000 lost and 900 won: one percent of 100 was paid, and that is all that the reversal can take back."""
    table = at_level()
    lose(table, 1_000 * EUR, "gs:a")
    table.spin(100 * EUR, 1_000 * EUR)
    assert weeks_of(table, 0) == [1 * EUR]
    table.do(Rollback("gs:a"))
    assert weeks_of(table, 500) == [4 * EUR]


@pytest.mark.parametrize("why", ["won", "under_minimum", "level", "blocked"])
def test_a_week_that_was_paid_nothing_has_nothing_to_give_back(why: str) -> None:
    table = at_level("bronze" if why == "level" else "silver")
    lose(table, 90 * EUR if why == "under_minimum" else 1_000 * EUR, "gs:a")
    if why == "won":
        table.spin(100 * EUR, 5_000 * EUR)
    if why == "blocked":
        table.do(Block("because"))
    table.pass_until(at(NEXT_MONDAY))
    assert paid(table) == []
    if why == "blocked":
        table.do(Unblock("because"))
    table.do(Rollback("gs:a"))
    table.do(ForceLevel("silver", "a test"))
    assert weeks_of(table, 500) == [5 * EUR]


@pytest.mark.parametrize("why", ["under_minimum", "level", "blocked"])
def test_a_week_that_is_paid_nothing_anyway_uses_nothing_up_of_what_is_to_be_taken_off(why: str) -> None:
    table = at_level()
    lose(table, 1_000 * EUR, "gs:a")
    assert weeks_of(table, 0) == [10 * EUR]
    table.do(Rollback("gs:a"))
    table.do(ForceLevel("bronze" if why == "level" else "silver", "a test"))
    lose(table, 90 * EUR if why == "under_minimum" else 800 * EUR)
    if why == "blocked":
        table.do(Block("because"))
    assert weeks_of(table, 0) == [0]
    table.do(Unblock("because"))
    table.do(ForceLevel("silver", "a test"))
    assert weeks_of(table, 1_200) == [2 * EUR]


def test_the_loss_that_made_up_for_a_reversal_counts_as_paid_when_it_is_reversed_itself() -> None:
    table = at_level()
    lose(table, 1_000 * EUR, "gs:a")
    assert weeks_of(table, 0) == [10 * EUR]
    table.do(Rollback("gs:a"))
    lose(table, 1_000 * EUR, "gs:b")
    assert weeks_of(table, 0) == [0]
    table.do(Rollback("gs:b"))
    assert weeks_of(table, 1_000, 1_000) == [0, 10 * EUR]


def test_a_reversal_several_weeks_later_still_finds_its_week() -> None:
    table = at_level()
    lose(table, 1_000 * EUR, "gs:a")
    assert weeks_of(table, 200, 300, 400) == [12 * EUR, 3 * EUR, 4 * EUR]
    table.do(Rollback("gs:a"))
    assert weeks_of(table, 1_500) == [5 * EUR]


def test_a_loss_that_still_waits_to_be_reckoned_is_corrected_before_it_is() -> None:
    """Its currency had left the platform when the week ended."""
    table = at_level("gold", currency="JPY")
    lose(table, 100_000, "gs:a")
    lose(table, 50_000)
    offered = table.catalog
    table.catalog = replace(offered, currencies={"EUR": offered.currencies["EUR"]})
    table.pass_until(at(NEXT_MONDAY) + DAY_MS)
    table.do(Rollback("gs:a"))
    table.catalog = offered
    table.pass_until(table.now)
    assert paid(table) == [1_000]


@pytest.mark.parametrize("played_since", [True, False])
def test_a_week_that_was_won_stays_won_when_a_win_is_reversed_later(played_since: bool) -> None:
    table = at_level()
    lose(table, 1_000 * EUR)
    table.spin(100 * EUR, 5_000 * EUR, key="gs:won")
    table.pass_until(at("2026-01-14"))
    if played_since:
        table.spin(1 * EUR, 1 * EUR)
    table.do(Rollback("gs:won"))
    table.pass_until(at("2026-02-01"))
    assert settled(table) == []
