"""Rules §8: points of paid bets, what multiplies them, what takes them back, and their buckets."""

import pytest

from engine.catalog import Currency, Eligibility
from engine.commands import (
    AddBet,
    AdjustPoints,
    CancelRound,
    ConfirmRedemption,
    ExpireRound,
    ForceLevel,
    ReportBet,
    RequestRedemption,
    Result,
    Rollback,
    RollbackReportedBet,
)
from engine.queries import GetLoyalty
from engine.state import POINTS_MAX, Loyalty
from tests.support.ladder import EUR, POINT, at, promotion, vip_house
from tests.support.playing import Table, campaign, catalog_with, spins, wager


def points(table: Table) -> tuple[int, int, int, int, int]:
    """The buckets in micro-points: available, locked, spent, expired, lifetime."""
    loyalty: Loyalty = table.state.loyalty
    return loyalty.available, loyalty.locked, loyalty.spent, loyalty.expired, loyalty.lifetime


def available(table: Table) -> int:
    return table.state.loyalty.available


# --- what a bet earns


@pytest.mark.parametrize(
    ("game_id", "micro_points"),
    [("book", 12_340_000), ("dice", 6_170_000), ("wheel", 18_510_000), ("vault", 24_680_000)],
)
def test_12_34_eur_by_game_type(game_id: str, micro_points: int) -> None:
    table = Table(vip_house(), 100 * EUR)
    answer = table.spin(1_234, 0, game_id)
    assert (available(table), answer.points) == (micro_points, micro_points // POINT)


@pytest.mark.parametrize(
    ("currency", "stake", "micro_points"),
    [("EUR", 1, 10_000), ("SEK", 100, 87_100), ("SEK", 333, 290_043), ("JPY", 100, 610_000), ("JPY", 1, 6_100)],
)
def test_points_are_for_eur_whatever_the_currency(currency: str, stake: int, micro_points: int) -> None:
    table = Table(vip_house(), 1_000, currency)
    table.spin(stake, 0)
    assert available(table) == micro_points


def test_fractions_add_up_and_are_shown_rounded_down() -> None:
    table = Table(vip_house(), 100 * EUR)
    assert [table.spin(30, 0).points for _ in range(10)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert available(table) == 3 * POINT


def test_every_stake_of_a_round_earns_and_so_does_bonus_money() -> None:
    table = Table(vip_house(campaign(fixed=5 * EUR, wager=wager(10))), 2 * EUR)
    table.grant()
    session = table.spin(3 * EUR).session_id
    table.do(AddBet(session, 4 * EUR))
    table.do(Result(session, 50 * EUR))
    assert available(table) == 7 * POINT


def test_free_spins_earn_none() -> None:
    table = Table(vip_house(campaign(free_spins=spins(2))))
    table.grant()
    table.free_spin(500)
    table.free_spin(500)
    assert points(table) == (0, 0, 0, 0, 0)
    assert table.state.loyalty.days == []


@pytest.mark.parametrize(
    ("game_type", "micro_points"), [("slot", 250), ("table", 125), ("live", 375), ("exclusive", 500)]
)
def test_bets_elsewhere_have_their_own_game_type(game_type: str, micro_points: int) -> None:
    table = Table(vip_house(), 10 * EUR)
    answer = table.do(ReportBet(250 * EUR, game_type), "pms:b")
    assert (answer.points_micro, available(table)) == (micro_points * POINT, micro_points * POINT)
    assert table.money() == (10 * EUR, 0)
    table.do(RollbackReportedBet("pms:b"))
    assert (points(table), table.state.turnover_micro) == ((0, 0, 0, 0, 0), 0)
    assert (table.state.loyalty.qualifying, table.state.loyalty.days) == (0, [0])


def test_without_a_ladder_there_are_none() -> None:
    table = Table(catalog_with(), real=100)
    assert (table.spin(100, 0).points, points(table)) == (0, (0, 0, 0, 0, 0))


def test_points_stop_where_they_can_not_be_counted_any_more() -> None:
    table = Table(vip_house(promotion("double", "999999")))
    for _ in range(6):
        table.do(ReportBet(10**12, "exclusive"))
    assert available(table) == POINTS_MAX


def test_a_multiplier_for_a_level_counts_for_who_is_shown_on_it() -> None:
    silver, gold = (promotion(each, "3", eligibility=Eligibility(levels=(each,))) for each in ("silver", "gold"))
    for offered, earned in ((gold, 10), (silver, 30)):
        player = Table(catalog_with(), 1_000 * EUR)
        player.do(ReportBet(10_000 * EUR, "live"))
        player.catalog = vip_house(offered)
        assert player.spin(10 * EUR, 0).points == earned


# --- promotions


def test_a_double_points_week_that_starts_and_ends_between_two_bets() -> None:
    week = promotion("week", "2", valid_from_ms=at("2026-01-05"), valid_to_ms=at("2026-01-12"))
    table = Table(vip_house(week), 100 * EUR)
    earned = []
    for moment in ("2026-01-04T23:59:59.999", "2026-01-05", "2026-01-11T23:59:59.999", "2026-01-12"):
        table.pass_until(at(moment))
        before = available(table)
        table.spin(10 * EUR, 0)
        earned.append((available(table) - before) // POINT)
    assert earned == [10, 20, 20, 10]


def test_a_week_nobody_bet_in_leaves_no_trace() -> None:
    week = promotion("week", "2", valid_from_ms=at("2026-01-05"), valid_to_ms=at("2026-01-12"))
    table = Table(vip_house(week), 100 * EUR)
    table.spin(10 * EUR, 0)
    table.pass_until(at("2026-01-12"))
    table.spin(10 * EUR, 0)
    assert available(table) == 20 * POINT


def test_of_several_multipliers_the_highest_counts_on_top_of_the_game_types() -> None:
    promotions = [promotion("a", "2"), promotion("b", "3"), promotion("c", "1.5")]
    table = Table(vip_house(*promotions), 100 * EUR)
    table.spin(10 * EUR, 0)
    assert available(table) == 30 * POINT
    table.spin(10 * EUR, 0, "wheel")
    assert available(table) == (30 + 45) * POINT


def test_a_multiplier_is_for_eligible_players_only() -> None:
    others = [
        promotion("gold", "10", eligibility=Eligibility(levels=("gold",))),
        promotion("vips", "5", eligibility=Eligibility(segments=("vip",))),
        promotion("sweden", "4", eligibility=Eligibility(currencies=("SEK",))),
    ]
    table = Table(vip_house(*others, promotion("all", "2")), 100 * EUR)
    table.spin(10 * EUR, 0)
    assert available(table) == 20 * POINT


def test_the_bet_that_climbs_still_earns_by_the_level_it_was_placed_on() -> None:
    silver = promotion("silver", "2", eligibility=Eligibility(levels=("silver",)))
    table = Table(vip_house(silver), 20_000 * EUR)
    assert table.spin(10_000 * EUR, 0).points == 10_000
    assert table.spin(10 * EUR, 0).points == 10_000 + 20


def test_a_reversal_takes_back_what_the_bet_earned_whatever_holds_now() -> None:
    table = Table(vip_house(promotion("double", "2")), 100 * EUR)
    table.spin(10 * EUR, 0, key="gs:a")
    table.catalog = vip_house()
    table.spin(10 * EUR, 0)
    table.do(Rollback("gs:a"))
    assert points(table) == (10 * POINT, 0, 0, 0, 10 * POINT)


# --- reversals


def test_cancelled_refunded_and_rolled_back_rounds_keep_nothing() -> None:
    table = Table(vip_house(), 100 * EUR)
    session = table.spin(10 * EUR).session_id
    table.do(AddBet(session, 5 * EUR))
    table.do(CancelRound(session))
    table.spin(20 * EUR, 30 * EUR, key="gs:one")
    table.do(Rollback("gs:one"))
    table.spin(7 * EUR, key="gs:open")
    table.do(Rollback("gs:open"))
    assert points(table) == (0, 0, 0, 0, 0)


def test_a_refund_by_time_out_too() -> None:
    table = Table(vip_house(), 100 * EUR)
    session = table.spin(10 * EUR).session_id
    for player in (table.player, table.shadow):
        opened = player.state.rounds[session]
        opened.timeout_ms, opened.timeout_action = 1_000, "refund"
    table.now += 1_000
    table.do(ExpireRound(session))
    assert (points(table), table.state.loyalty.qualifying) == ((0, 0, 0, 0, 0), 0)


def test_points_already_spent_make_the_available_balance_negative_and_reported_as_such() -> None:
    table = Table(vip_house(), 2_000 * EUR)
    table.spin(1_500 * EUR, 0, key="gs:a")
    redemption = table.do(RequestRedemption(1_200))
    table.do(ConfirmRedemption(redemption.redemption_id))
    table.do(Rollback("gs:a"))
    assert points(table) == (-1_200 * POINT, 0, 1_200 * POINT, 0, 0)
    assert table.ask(GetLoyalty()).points.available == -1_200
    assert table.spin(50, 0).points == -1_200, "rounded down: -1 199.5"
    assert table.refused(RequestRedemption(1_000)).fields == {"available": -1_200}
    table.do(ReportBet(2_200 * EUR, "slot"))
    assert table.do(RequestRedemption(1_000)).state == "locked"


def test_locked_points_stay_locked_through_a_reversal() -> None:
    table = Table(vip_house(), 2_000 * EUR)
    table.spin(1_500 * EUR, 0, key="gs:a")
    table.do(RequestRedemption(1_000))
    table.do(Rollback("gs:a"))
    assert points(table) == (-1_000 * POINT, 1_000 * POINT, 0, 0, 0)


def test_a_stake_too_small_to_count_in_eur_is_a_paid_bet_all_the_same() -> None:
    catalog = vip_house(currencies={"EUR": Currency(2, 40)})
    table = Table(catalog, 100)
    table.pass_until(at("2026-03-02"))
    table.spin(1, 0)
    loyalty = table.state.loyalty
    assert (table.state.turnover_micro, loyalty.available) == (0, 0)
    assert (loyalty.idle_since_ms, loyalty.week_staked) == (at("2026-03-02"), 1)


# --- by hand


def test_an_operator_adds_and_takes_but_never_below_nothing() -> None:
    table = Table(vip_house())
    assert table.do(AdjustPoints(500, "sorry")).points.available == 500
    assert table.do(AdjustPoints(-200, "too much")).points.lifetime == 300
    refusal = table.refused(AdjustPoints(-301, "more"))
    assert (refusal.code, refusal.fields) == ("insufficient_points", {"available": 300})
    assert points(table) == (300 * POINT, 0, 0, 0, 300 * POINT)


@pytest.mark.parametrize("amount", [0, 10**9 + 1, -(10**9) - 1])
def test_adjustments_are_bounded(amount: int) -> None:
    refusal = Table(vip_house()).refused(AdjustPoints(amount, "because"))
    assert (refusal.code, refusal.fields["errors"][0]["field"]) == ("invalid_request", "points")


def test_level_depends_on_turnover_only_never_on_points() -> None:
    table = Table(vip_house(), 100 * EUR)
    table.do(AdjustPoints(900_000, "jackpot"))
    assert table.spin(10 * EUR, 0).level == "bronze"
    table.do(ForceLevel("gold", "friend"))
    assert available(table) == 900_010 * POINT
