"""Rules §8: weekly from Monday 00:00 UTC, a part of the real money that was staked and not won."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from engine.catalog import Campaign
from engine.commands import (
    AddBet,
    Block,
    CancelRound,
    Deposit,
    ForceLevel,
    PayCashback,
    ReportBet,
    Result,
    Rollback,
    Unblock,
)
from engine.due import next_due, next_due_ms
from engine.events import CashbackSettled
from engine.loyalty.turnover import week_ends_ms, week_of
from engine.player import Replayed
from engine.state import Grant
from tests.support.judging import JudgedTable, with_fraud
from tests.support.judging import rules as fraud
from tests.support.ladder import EUR, at, rules, vip_house
from tests.support.playing import DAY_MS, Table, campaign, spins, wager

MONDAY, NEXT_MONDAY = "2026-01-05", "2026-01-12"
WEEK = week_of(at(MONDAY) // DAY_MS)


def at_level(level: str = "silver", *campaigns: Campaign, currency: str = "EUR") -> Table:
    """On the Monday, with 10 000 of real money in the currency, on a forced level."""
    table = Table(vip_house(*campaigns), 10_000 * EUR, currency)
    table.do(ForceLevel(level, "a test"))
    table.pass_until(at(MONDAY))
    return table


def settled(table: Table) -> list[CashbackSettled]:
    return [
        event for transition in table.transitions for event in transition.events if isinstance(event, CashbackSettled)
    ]


def cashback(table: Table) -> list[Grant]:
    grants = [*table.state.ended_grants, *table.state.grants]
    return [grant for grant in grants if grant.source == "cashback"]


def paid(table: Table) -> list[int]:
    return [grant.amount for grant in cashback(table)]


def lose(table: Table, amount: int, key: str | None = None) -> None:
    table.spin(amount, 0, key=key)


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


# --- rounds count in the week in which they settle


def over_the_weekend(table: Table, stake: int = 1_000 * EUR, key: str | None = None) -> str:
    """The session of a round that is opened on Sunday and still open on Monday at 01:00."""
    table.pass_until(at("2026-01-11T23:00"))
    session: str = table.spin(stake, key=key).session_id
    table.pass_until(at("2026-01-12T01:00"))
    return session


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


# --- the level at the end of the week


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


# --- reversals


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


def weeks_of(table: Table, *losses: int) -> list[int]:
    """What is paid for those weeks, one after the other, each with a loss of so many EUR."""
    before = len(settled(table))
    for loss in losses:
        if loss:
            lose(table, loss * EUR)
        ends = week_ends_ms(week_of(table.now // DAY_MS))
        table.pass_until(ends)
    return [event.amount for event in settled(table)[before:]]


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


# --- who, and how often


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
