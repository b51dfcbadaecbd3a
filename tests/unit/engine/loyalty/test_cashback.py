"""Rules §8: weekly from Monday 00:00 UTC, a part of the real money that was staked and not won."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.commands import (
    Block,
    Deposit,
    ForceLevel,
    PayCashback,
    ReportBet,
    Result,
)
from engine.due import next_due, next_due_ms
from engine.player import Replayed
from tests.support.judging import JudgedTable, with_fraud
from tests.support.judging import rules as fraud
from tests.support.ladder import EUR, at, rules, vip_house
from tests.support.playing import DAY_MS, campaign, spins, wager
from tests.unit.engine.loyalty.cashback_table import (
    MONDAY,
    NEXT_MONDAY,
    WEEK,
    at_level,
    cashback,
    lose,
    paid,
    settled,
)


@pytest.mark.parametrize(
    ("level", "amount"), [("bronze", []), ("silver", [1_000]), ("gold", [2_000]), ("platinum", [3_000])]
)
def test_a_loss_of_1000_eur_by_level(level: str, amount: list[int]) -> None:
    table = at_level(level)
    lose(table, 1_000 * EUR)
    table.pass_until(at(NEXT_MONDAY))
    assert paid(table) == amount


def test_it_is_granted_as_a_bonus_under_its_own_terms_at_the_end_of_the_week() -> None:
    table = at_level("gold")
    lose(table, 1_000 * EUR)
    table.pass_until(at(NEXT_MONDAY) - 1)
    assert paid(table) == []
    table.pass_until(at(NEXT_MONDAY))
    [grant] = cashback(table)
    assert (grant.campaign_id, grant.balance, grant.remaining_wager) == ("cashback", 20 * EUR, 20 * EUR)
    assert (grant.granted_ms, grant.valid_to_ms) == (at(NEXT_MONDAY), at("2026-01-19"))
    [event] = settled(table)
    assert (event.week, event.level, event.staked, event.won) == (WEEK, "gold", 100_000, 0)
    assert (event.percent_micro, event.amount, event.reason) == (2_000_000, 2_000, "")


def test_where_the_currency_has_left_the_platform_it_waits_until_that_is_back() -> None:
    table = at_level("gold", currency="JPY")
    lose(table, 100_000)
    offered = table.catalog
    table.catalog = replace(offered, currencies={"EUR": offered.currencies["EUR"]})
    table.pass_until(at(NEXT_MONDAY) + DAY_MS)
    assert table.refused(PayCashback(WEEK)).code == "unsupported_currency"
    assert paid(table) == []
    table.catalog = offered
    table.pass_until(table.now)
    assert paid(table) == [2_000]


def test_only_what_was_not_won_back() -> None:
    table = at_level()
    table.spin(1_000 * EUR, 250 * EUR)
    session = table.spin(500 * EUR).session_id
    table.do(Result(session, 50 * EUR, final=False))
    table.do(Result(session, 100 * EUR))
    table.pass_until(at(NEXT_MONDAY))
    assert paid(table) == [11 * EUR], "1 % of 1 500 - 400"


def test_a_week_won_pays_nothing_and_is_not_carried_over() -> None:
    table = at_level()
    table.spin(1_000 * EUR, 3_000 * EUR)
    table.pass_until(at(NEXT_MONDAY))
    assert settled(table) == []
    lose(table, 500 * EUR)
    table.pass_until(at("2026-01-19"))
    assert paid(table) == [5 * EUR]


@pytest.mark.parametrize(
    ("currency", "loss", "amount"),
    [
        ("EUR", 9_999, []),
        ("EUR", 10_000, [100]),
        ("EUR", 10_199, [101]),
        ("SEK", 99_999, []),
        ("SEK", 100_000, [1_000]),
        ("JPY", 14_999, []),
        ("JPY", 15_000, [150]),
    ],
)
def test_the_least_amount_of_each_currency_and_rounding_down(currency: str, loss: int, amount: list[int]) -> None:
    table = at_level(currency=currency)
    lose(table, loss)
    table.pass_until(at(NEXT_MONDAY))
    assert paid(table) == amount
    assert [event.reason for event in settled(table)] == [("" if amount else "under_minimum")]


def test_of_mixed_funds_only_the_real_part_counts() -> None:
    """600 real and 400 bonus are staked; of the 100 won 60 are real: 1 % of 540."""
    table = at_level("silver", campaign(fixed=500 * EUR, wager=wager(10)))
    lose(table, 9_400 * EUR)
    table.grant()
    table.spin(1_000 * EUR, 100 * EUR)
    table.pass_until(at(NEXT_MONDAY))
    [event] = settled(table)
    assert (event.staked, event.won) == (10_000 * EUR, 60 * EUR)


def test_neither_free_spins_nor_bets_elsewhere_nor_bonus_money_count() -> None:
    table = at_level("silver", campaign(fixed=500 * EUR, free_spins=spins(1, 5), wager=wager(10)))
    lose(table, 10_000 * EUR - 500)
    table.grant()
    table.free_spin(400)
    table.do(ReportBet(700 * EUR, "live"))
    table.spin(505, 100)
    table.pass_until(at(NEXT_MONDAY))
    [event] = settled(table)
    assert (event.staked, event.won) == (10_000 * EUR, 100 * 500 // 505 + 1)


@pytest.mark.parametrize(("last", "first"), [("2026-01-11T23:59:59.999", [1_000]), ("2026-01-12", [])])
def test_the_week_ends_with_sundays_last_millisecond_utc(last: str, first: list[int]) -> None:
    table = at_level()
    table.pass_until(at(last))
    lose(table, 1_000 * EUR)
    table.pass_until(at("2026-01-12T00:00:00.001"))
    assert paid(table) == first
    table.pass_until(at("2026-01-19"))
    assert paid(table) == [1_000]


def test_it_is_the_level_held_at_the_end_of_the_week() -> None:
    table = at_level("bronze")
    lose(table, 1_000 * EUR)
    table.do(ReportBet(49_000 * EUR, "live"))
    table.pass_until(at(NEXT_MONDAY))
    assert [(event.level, event.amount) for event in settled(table)] == [("gold", 20 * EUR)]


def test_cashback_comes_before_the_downgrade_of_the_same_midnight() -> None:
    """Gold since Saturday 10 January, quiet but for a loss: 30 days later, Monday 9 February, it falls."""
    table = at_level("bronze")
    table.pass_until(at("2026-01-10"))
    table.do(ForceLevel("gold", "a test"))
    table.pass_until(at("2026-02-03"))
    lose(table, 1_000 * EUR)
    table.pass_until(at("2026-02-09"))
    assert [(event.level, event.amount) for event in settled(table)] == [("gold", 20 * EUR)]
    assert table.state.loyalty.level == "silver"


def test_the_level_multiplies_no_cashback() -> None:
    table = at_level("platinum")
    lose(table, 1_000 * EUR)
    table.pass_until(at(NEXT_MONDAY))
    assert paid(table) == [30 * EUR]


def test_a_blocked_player_gets_none_and_it_does_not_wait_for_the_block_to_be_lifted() -> None:
    table = at_level()
    lose(table, 1_000 * EUR)
    table.do(Block("because"))
    table.pass_until(at("2026-03-01"))
    assert paid(table) == []
    assert [(event.amount, event.reason) for event in settled(table)] == [(0, "player_blocked")]


def test_it_is_paid_once_even_if_the_sweep_is_repeated() -> None:
    table = at_level()
    lose(table, 1_000 * EUR)
    due = next_due(table.state, catalog=table.catalog)
    assert due is not None
    assert (due.id, due.time_ms, due.body) == (f"due:cashback:{WEEK}", at(NEXT_MONDAY), PayCashback(WEEK))
    table.pass_until(at(NEXT_MONDAY))
    assert isinstance(table.run_command(due), Replayed)
    table.now += 1
    assert table.refused(PayCashback(WEEK)).code == "invalid_state"
    assert paid(table) == [10 * EUR]


def test_not_before_the_week_is_over() -> None:
    table = at_level()
    lose(table, 1_000 * EUR)
    assert table.refused(PayCashback(WEEK)).code == "invalid_state"
    assert next_due_ms(table.state, table.catalog) == at(NEXT_MONDAY)


def test_weeks_without_play_have_none() -> None:
    table = at_level()
    lose(table, 1_000 * EUR)
    table.pass_until(at("2026-06-01"))
    assert len(settled(table)) == 1


def test_without_cashback_rules_none_is_due() -> None:
    table = at_level()
    table.catalog = vip_house(loyalty=replace(rules(), cashback=None))
    lose(table, 1_000 * EUR)
    table.pass_until(at("2026-02-01"))
    assert settled(table) == []


def test_under_a_catalog_of_a_later_day_it_is_granted_on_that_day_and_lives_from_then() -> None:
    table = at_level()
    table.catalog = vip_house(loyalty=replace(rules(), cashback=None))
    lose(table, 1_000 * EUR)
    table.pass_until(at("2026-02-01T12:00"))
    table.catalog = vip_house(in_force_ms=table.now)
    table.pass_days(0)
    assert [(grant.amount, grant.valid_to_ms) for grant in cashback(table)] == [(10 * EUR, at("2026-02-08T12:00"))]


@pytest.mark.parametrize(("verdict", "state"), [("review", "initiated"), ("deny", "declined")])
def test_it_passes_the_one_gate(verdict: Any, state: str) -> None:
    table = JudgedTable(with_fraud(vip_house(), fraud(shared_device=(verdict, 1))), 10_000 * EUR)
    table.do(Deposit(100, device="shared"))
    table.do(ForceLevel("silver", "a test"))
    table.pass_until(at(MONDAY))
    lose(table, 1_000 * EUR)
    table.seen = replace(table.seen, device=2)
    table.pass_until(at(NEXT_MONDAY))
    [grant] = cashback(table)
    assert (grant.state, grant.reasons, grant.balance) == (state, ("shared_device",), 0)
