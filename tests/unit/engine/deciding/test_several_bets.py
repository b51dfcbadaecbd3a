"""Rules §2.4, §3, §4: rounds of several bets and several results.

What holds for a bet holds for it alone, what holds for a round for all its stakes together.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import MaxBetCounts
from engine.commands import AddBet, CancelRound, Deposit, Result, Rollback, Spin
from engine.queries import GetRound
from engine.state import BETS_PER_ROUND_MAX
from engine.state.window import HOUR_MS
from tests.support.playing import Table, campaign, catalog_with, wager


def doubled(real: int = 1_000) -> tuple[Table, str]:
    """A round with bets of 20 [gs:a] and 80 [gs:b]."""
    table = Table(real=real)
    session = table.spin(20, key="gs:a").session_id
    table.do(AddBet(session, 80), "gs:b")
    return table, session


# --- a rollback reverses the bet it names


def test_the_round_goes_on_without_the_bet() -> None:
    table, session = doubled()
    answer = table.do(Rollback("gs:b"))
    assert (answer.status, answer.session_id, table.money()) == ("rolled_back", session, (980, 0))
    shown = table.ask(GetRound(session))
    assert (shown.state, shown.bet_amount) == ("open", 20)
    closed = table.do(Result(session, 700))
    assert (closed.state, closed.bet_amount, closed.win_amount, table.money()) == ("closed", 20, 700, (1_680, 0))
    assert table.refused(Rollback("gs:a")).code == "round_has_result"


@pytest.mark.parametrize("order", [("gs:a", "gs:b"), ("gs:b", "gs:a")])
def test_in_any_order_the_last_one_cancels_the_round(order: tuple[str, str]) -> None:
    table, session = doubled()
    for bet_id in order:
        table.do(Rollback(bet_id))
    assert (table.money(), table.state.rounds, table.state.turnover_micro) == ((1_000, 0), {}, 0)
    assert table.ask(GetRound(session)).state == "cancelled"
    assert table.refused(Result(session, 5)).code == "round_closed"
    for bet_id in order:
        assert table.do(Rollback(bet_id)).status == "rolled_back"
    assert table.money() == (1_000, 0)


def test_what_is_left_can_still_be_cancelled() -> None:
    table, session = doubled()
    table.do(Rollback("gs:a"))
    table.do(CancelRound(session))
    assert (table.money(), table.state.rounds) == ((1_000, 0), {})
    assert table.again(AddBet(session, 80), "gs:b").bet_amount == 100, "cancelled, not rolled back: its first answer"


def test_a_bet_that_was_rolled_back_is_barred_as_long_as_the_round_is_open() -> None:
    table, session = doubled()
    table.do(Rollback("gs:b"))
    table.now += 72 * HOUR_MS
    for number in range(130):
        table.do(Deposit(1), f"pms:{number}")
    assert table.refused(AddBet(session, 80), "gs:b").code == "rolled_back"
    assert table.do(Rollback("gs:b")).status == "rolled_back"
    assert table.money() == (1_110, 0)


def test_bets_that_were_rolled_back_count_for_the_bound() -> None:
    table = Table(real=10_000)
    session = table.spin(10).session_id
    for number in range(BETS_PER_ROUND_MAX - 1):
        table.do(AddBet(session, 10), f"gs:b{number}")
    table.do(Rollback("gs:b0"))
    assert table.refused(AddBet(session, 10)).code == "overloaded"


def test_of_bonus_money_and_wagering() -> None:
    table = Table(catalog_with(campaign(fixed=500, wager=wager(2))), real=30)
    table.grant()
    session = table.spin(100, key="gs:a").session_id
    table.do(AddBet(session, 50), "gs:b")
    grant = table.state.grants[0]
    assert (table.money(), grant.remaining_wager) == ((0, 380), 850)
    table.do(Rollback("gs:a"))
    assert (table.money(), grant.remaining_wager) == ((30, 450), 950)
    table.do(Result(session, 10))
    assert table.money() == (30, 460), "what is left was staked with bonus money alone"


# --- results that name their bet


def test_a_named_result_leaves_the_other_bets_to_be_rolled_back() -> None:
    table, session = doubled()
    part = table.do(Result(session, 50, final=False, settles="gs:a"))
    assert (part.state, part.win_amount) == ("open", 50)
    assert table.refused(Rollback("gs:a")).code == "round_has_result"
    assert table.do(Rollback("gs:b")).status == "rolled_back"
    table.do(Result(session, 0))
    assert table.money() == (1_030, 0)


@pytest.mark.parametrize("named_before", [True, False])
def test_a_result_for_the_whole_round_forbids_all_rollbacks(named_before: bool) -> None:
    table, session = doubled()
    if named_before:
        table.do(Result(session, 0, final=False, settles="gs:a"))
    table.do(Result(session, 0, final=False))
    for bet_id in ("gs:a", "gs:b"):
        assert table.refused(Rollback(bet_id)).code == "round_has_result"


def test_a_result_settles_a_bet_of_its_round_that_stands() -> None:
    table, session = doubled()
    table.do(Rollback("gs:b"))
    assert table.refused(Result(session, 5, settles="gs:b")).code == "rolled_back"
    for stranger in ("gs:1", "gs:never"):
        assert table.refused(Result(session, 5, settles=stranger)).code == "not_a_bet"
    assert table.money() == (980, 0)
    assert table.refused(CancelRound("p1-99")).code == "session_not_found"


def test_a_final_named_result_closes_the_round() -> None:
    table, session = doubled()
    assert table.do(Result(session, 5, settles="gs:b")).state == "closed"
    assert table.refused(Rollback("gs:a")).code == "round_has_result"


# --- partial results split as one


def mixed(bonus: int, real: int, stake: int) -> tuple[Table, str]:
    table = Table(catalog_with(campaign(fixed=bonus, wager=wager(10))), real)
    table.grant()
    return table, table.spin(stake, key="gs:a").session_id


@pytest.mark.parametrize("wins", [[1] * 100, [33, 33, 34], [99, 1], [0, 100, 0], [7] * 14 + [2]])
def test_many_results_split_as_one(wins: list[int]) -> None:
    table, session = mixed(70, 30, 100)
    for win in wins:
        table.do(Result(session, win, final=False))
    table.do(Result(session, 0))
    assert table.money() == (30, 70)


def test_stakes_between_results_never_take_back_what_was_paid() -> None:
    table, session = mixed(70, 30, 100)
    table.do(Result(session, 100, final=False, settles="gs:a"))
    assert table.money() == (30, 70)
    table.do(AddBet(session, 30), "gs:b")  # real money alone: 60 of 130 are real now
    table.do(Result(session, 1, final=False, settles="gs:b"))
    assert table.money() == (1, 70), "54 of the 101 would be the grant's, which has had 70 already"
    table.do(Result(session, 100))
    assert table.money() == (63, 108), "floor(201 x 70 / 130) is 108"


def test_when_the_bonus_bet_is_rolled_back_wins_are_real() -> None:
    table = Table(catalog_with(campaign(fixed=100, wager=wager(10))), 50)
    table.grant()
    session = table.spin(50, key="gs:a").session_id
    table.do(AddBet(session, 50), "gs:b")
    table.do(Rollback("gs:b"))
    table.do(Result(session, 40))
    assert table.money() == (40, 100)


# --- limits look at the round


def limited(counts: MaxBetCounts = "round", **terms: Any) -> Table:
    """A bonus of 10.00 with `max_bet` 1.00."""
    given = {"max_bet": {"EUR": 100}, "max_bet_counts": counts} | terms
    table = Table(catalog_with(campaign(fixed=1_000, wager=wager(10, **given))), 10_000)
    table.grant()
    return table


def test_max_bet_holds_for_all_stakes_together() -> None:
    table = limited()
    session = table.spin(60).session_id
    refusal = table.refused(AddBet(session, 41))
    assert (refusal.code, refusal.fields["max_bet"]) == ("bonus_max_bet", 100)
    assert "41, and 101 with the other stakes" in refusal.detail
    table.do(AddBet(session, 40))
    assert table.state.grants[0].remaining_wager == 9_900


def test_max_bet_of_each_stake_alone() -> None:
    table = limited("stake")
    session = table.spin(60).session_id
    table.do(AddBet(session, 100))
    assert table.refused(AddBet(session, 101)).code == "bonus_max_bet"


def test_a_rollback_makes_room_again() -> None:
    table = limited()
    session = table.spin(60).session_id
    table.do(AddBet(session, 40), "gs:b")
    table.do(Rollback("gs:b"))
    table.do(AddBet(session, 30))


@pytest.mark.parametrize(("counts", "remaining"), [("round", 9_940), ("stake", 9_880)])
def test_what_takes_the_round_over_max_bet_is_not_counted(counts: MaxBetCounts, remaining: int) -> None:
    table = limited(counts, over_max_bet="not_counted")
    session = table.spin(60).session_id
    table.do(AddBet(session, 60))
    table.do(Result(session, 0))
    assert table.state.grants[0].remaining_wager == remaining


@pytest.mark.parametrize(("counts", "state"), [("round", "cancelled"), ("stake", None)])
def test_what_takes_the_round_over_max_bet_cancels_the_grant(counts: MaxBetCounts, state: str | None) -> None:
    table = limited(counts, over_max_bet="cancel")
    session = table.spin(60).session_id
    table.do(AddBet(session, 60))
    table.do(Result(session, 0))
    assert [grant.state for grant in table.state.ended_grants] == ([state] if state else [])


@pytest.mark.parametrize(("counts", "held"), [("round", None), ("stake", "min_average_bet")])
def test_the_mean_bet_is_that_of_rounds(counts: MaxBetCounts, held: str | None) -> None:
    terms = wager(1, min_average_bet={"EUR": 150}, max_bet_counts=counts)
    table = Table(catalog_with(campaign(fixed=400, wager=terms)), 10_000)
    table.grant()
    for _ in range(2):
        session = table.spin(100).session_id
        table.do(AddBet(session, 100))
        table.do(Result(session, 200))
    grant = (table.state.grants + table.state.ended_grants)[0]
    assert grant.held == held
    assert grant.counted_bets == (2 if counts == "round" else 4)


@pytest.mark.parametrize("undone", ["gs:a", "gs:b"])
def test_a_round_is_one_in_the_mean_while_any_of_its_bets_stands(undone: str) -> None:
    table = limited(max_bet={}, min_average_bet={"EUR": 10})
    session = table.spin(60, key="gs:a").session_id
    table.do(AddBet(session, 40), "gs:b")
    grant = table.state.grants[0]
    assert (grant.counted_stakes, grant.counted_bets) == (100, 1)
    table.do(Rollback(undone))
    assert (grant.counted_stakes, grant.counted_bets) == (40 if undone == "gs:a" else 60, 1)
    table.do(CancelRound(session))
    assert (grant.counted_stakes, grant.counted_bets, grant.remaining_wager) == (0, 0, 10_000)


def test_limits_of_a_game_hold_for_the_round() -> None:
    table = Table(real=40_000)
    session = table.spin(9_990).session_id
    refusal = table.refused(AddBet(session, 11))
    assert refusal.code == "bet_above_max"
    assert "with this one of 11 the round's stakes are 10001" in refusal.detail
    table.do(AddBet(session, 10))
    assert table.refused(AddBet(session, 1)).code == "bet_above_max"
    small = table.spin(10, game_id="dice").session_id
    table.do(AddBet(small, 1))


def test_limits_of_a_game_can_hold_for_each_stake() -> None:
    catalog = catalog_with()
    alone = replace(catalog.games["book"], max_bet_counts="stake")
    table = Table(replace(catalog, games=catalog.games | {"book": alone}), real=40_000)
    session = table.spin(10_000).session_id
    table.do(AddBet(session, 10_000))
    assert table.refused(AddBet(session, 10_001)).code == "bet_above_max"
    assert table.refused(AddBet(session, 9)).code == "bet_below_min"
    assert table.refused(Spin("book", "real", 10)).code == "round_open"
