"""Rules §8: twelve calendar months without a paid bet or a gift, and all points expire at the next daily sweep."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from engine.catalog import PointRules
from engine.commands import (
    AdjustPoints,
    Block,
    CancelRedemption,
    ConfirmRedemption,
    Deposit,
    ExpirePoints,
    ReportBet,
    RequestRedemption,
    Rollback,
    StartSession,
)
from engine.due import next_due, next_due_ms
from engine.player import Replayed
from engine.queries import GetLoyalty
from tests.support.ladder import EUR, FACTORS, POINT, at, rules, vip_house
from tests.support.playing import DAY_MS, Table, campaign, spins


def bettor(last_bet: str = "2026-02-10T12:00", months: int | None = 12) -> Table:
    """100 points, earned on a slot at `last_bet`; no cashback and no other due work."""
    points = PointRules(FACTORS, expire_after_months=months)
    gifts = campaign(free_spins=spins(1, valid_days=1), valid_to_ms=at("2030-01-01"))
    table = Table(vip_house(gifts, loyalty=replace(rules(points=points), cashback=None)), 1_000 * EUR)
    table.pass_until(at(last_bet))
    table.spin(100 * EUR, 0)
    return table


def left(table: Table) -> tuple[int, int]:
    """Available and expired points."""
    return table.state.loyalty.available // POINT, table.state.loyalty.expired // POINT


@pytest.mark.parametrize(
    ("last_bet", "months", "expire"),
    [
        ("2026-02-10", 12, "2027-02-10"),
        ("2026-02-10T00:00:00.001", 12, "2027-02-11"),
        ("2026-02-10T23:59:59.999", 12, "2027-02-11"),
        ("2027-02-28", 12, "2028-02-28"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29T12:00", 12, "2029-03-01"),
        ("2027-02-28T12:00", 12, "2028-02-29"),
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-03-31T12:00", 1, "2026-05-01"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2027-12-31", 2, "2028-02-29"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-02-10", 1_200, "2126-02-10"),
    ],
)
def test_calendar_months_end_where_the_month_does_and_the_next_midnight_sweeps(
    last_bet: str, months: int, expire: str
) -> None:
    table = bettor(last_bet, months)
    assert next_due_ms(table.state, table.catalog) == at(expire)
    table.pass_until(at(expire) - 1)
    assert left(table) == (100, 0)
    table.pass_until(at(expire))
    assert (left(table), table.events) == ((0, 100), ["PointsExpired"])


def spin(table: Table) -> None:
    table.spin(1 * EUR, 0)


def report(table: Table) -> None:
    table.do(ReportBet(1 * EUR, "live"))


@pytest.mark.parametrize("bet", [spin, report])
def test_every_paid_bet_starts_the_twelve_months_again(bet: Callable[[Table], None]) -> None:
    table = bettor()
    table.pass_until(at("2027-02-10T11:00"))
    bet(table)
    table.pass_until(at("2028-02-10"))
    assert left(table)[0] >= 101
    table.pass_until(at("2028-02-11"))
    assert left(table)[0] == 0


def test_neither_free_spins_nor_deposits_nor_sessions_do() -> None:
    table = bettor()
    table.pass_until(at("2027-02-10"))
    table.grant()
    table.free_spin(0)
    table.do(Deposit(100))
    table.do(StartSession())
    table.pass_until(at("2027-02-11"))
    assert left(table) == (0, 100)


def test_a_player_who_never_bet_counts_from_registration() -> None:
    table = Table(vip_house())
    table.do(AdjustPoints(300, "welcome"))
    table.pass_until(at("2027-01-01"))
    assert left(table) == (0, 300)


@pytest.mark.parametrize("gift", ["2027-02-10T23:59:59", "2027-02-11", "2029-06-01T12:00"])
def test_points_added_by_hand_start_the_twelve_months_again(gift: str) -> None:
    """Just before the others would have gone, at that very midnight after they went, and after years of silence."""
    table = bettor()
    table.pass_until(at(gift))
    before = left(table)[0]
    table.do(AdjustPoints(300, "come back"))
    table.pass_until(at(gift) + 364 * DAY_MS)
    assert left(table) == (before + 300, 100 - before)
    table.pass_until(at(gift) + 367 * DAY_MS)
    assert left(table) == (0, 400)


def test_a_gift_to_a_silent_player_is_told_its_day() -> None:
    table = bettor()
    table.pass_until(at("2027-06-01T12:00"))
    table.do(AdjustPoints(300, "come back"))
    view = table.ask(GetLoyalty())
    assert (view.points.available, view.points_expire_ms) == (300, at("2028-06-02"))


def test_points_taken_by_hand_start_nothing_again() -> None:
    table = bettor()
    table.pass_until(at("2027-02-10T12:00"))
    table.do(AdjustPoints(-30, "too many"))
    table.pass_until(at("2027-02-11"))
    assert (left(table), table.state.loyalty.lifetime) == ((0, 70), 70 * POINT)


def test_points_that_come_back_from_a_redemption_start_nothing_again() -> None:
    table = bettor()
    table.spin(900 * EUR, 0)
    redemption = ""
    for moment in ("2027-02-09T12:00", "2027-02-10T23:00"):
        table.pass_until(at(moment))
        if redemption:
            table.do(CancelRedemption(redemption))
        redemption = table.do(RequestRedemption(1_000)).redemption_id
    table.pass_until(at("2027-02-15"))
    assert left(table) == (0, 1_000)


def test_a_new_bet_after_the_expiry_earns_anew() -> None:
    table = bettor()
    table.pass_until(at("2027-03-01"))
    spin(table)
    assert (left(table), table.state.loyalty.lifetime) == ((1, 100), 101 * POINT)


def test_a_blocked_players_points_expire_too() -> None:
    table = bettor()
    table.do(Block("because"))
    table.pass_until(at("2027-02-11"))
    assert left(table) == (0, 100)


def test_a_debt_does_not_expire() -> None:
    table = bettor()
    table.spin(900 * EUR, 0, key="gs:a")
    table.do(ConfirmRedemption(table.do(RequestRedemption(1_000)).redemption_id))
    table.do(Rollback("gs:a"))
    table.pass_until(at("2028-01-01"))
    assert left(table) == (-900, 0)


def test_the_reversal_of_a_bet_whose_points_have_expired_is_a_debt_too() -> None:
    table = bettor()
    table.spin(50 * EUR, 0, key="gs:a")
    table.pass_until(at("2027-02-11"))
    assert left(table) == (0, 150)
    table.do(Rollback("gs:a"))
    assert (left(table), table.state.loyalty.lifetime) == ((-50, 150), 100 * POINT)


def test_points_unlocked_at_the_very_midnight_of_the_sweep_go_at_the_next_one() -> None:
    table = bettor()
    table.spin(900 * EUR, 900 * EUR)
    table.spin(500 * EUR, 0)
    table.pass_until(at("2027-02-09T12:00"))
    redemption = table.do(RequestRedemption(1_000)).redemption_id
    table.pass_until(at("2027-02-11"))
    table.do(CancelRedemption(redemption))
    assert left(table) == (1_000, 500)
    table.pass_until(at("2027-02-12") - 1)
    assert left(table) == (1_000, 500)
    table.pass_until(at("2027-02-12"))
    assert left(table) == (0, 1_500)


# --- fractions


def shown(table: Table) -> tuple[int, int, int, int, int]:
    """The buckets as a player sees them: available, locked, spent, expired, lifetime."""
    of = table.ask(GetLoyalty()).points
    assert of.available + of.locked + of.spent + of.expired == of.lifetime
    return of.available, of.locked, of.spent, of.expired, of.lifetime


def yen(months: int = 1) -> Table:
    """100 JPY are 0.61 points."""
    points = PointRules(FACTORS, expire_after_months=months)
    return Table(vip_house(loyalty=replace(rules(points=points), cashback=None)), 1_000_000, "JPY")


def test_less_than_a_point_does_not_expire_and_counts_on() -> None:
    table = yen()
    table.spin(100, 0)
    assert next_due_ms(table.state, table.catalog) is None
    assert table.ask(GetLoyalty()).points_expire_ms is None
    table.pass_days(70)
    table.spin(100, 0)
    assert shown(table) == (1, 0, 0, 0, 1)


@pytest.mark.parametrize(
    ("stakes", "expired"),
    [((100, 100), [0, 1]), ((300, 300, 300), [1, 3, 5]), ((1, 163, 1), [0, 1, 1]), ((165, 165), [1, 2])],
)
def test_whole_points_expire_and_fractions_stay(stakes: tuple[int, ...], expired: list[int]) -> None:
    table = yen()
    seen = []
    for stake in stakes:
        table.spin(stake, 0)
        shown(table)
        table.pass_days(70)
        seen.append(shown(table)[3])
    assert (seen, shown(table)[0]) == (expired, 0)
    assert table.state.loyalty.available == sum(stakes) * 6_100 - expired[-1] * POINT


def test_the_buckets_add_up_through_gifts_redemptions_and_reversals() -> None:
    table = yen()
    table.spin(333, 0, key="gs:a")
    table.do(AdjustPoints(2_000, "welcome"))
    table.spin(50, 0, key="gs:b")
    first, second = (table.do(RequestRedemption(1_000)).redemption_id for _ in range(2))
    assert shown(table) == (2, 2_000, 0, 0, 2_002)
    table.do(ConfirmRedemption(first))
    table.do(Rollback("gs:a"))
    table.do(CancelRedemption(second))
    assert shown(table) == (1_000, 0, 1_000, 0, 2_000)
    table.pass_days(70)
    assert shown(table) == (0, 0, 1_000, 1_000, 2_000)
    table.do(Rollback("gs:b"))
    table.do(AdjustPoints(5, "sorry"))
    table.do(AdjustPoints(-4, "too much"))
    table.spin(100, 0)
    assert shown(table) == (1, 0, 1_000, 1_000, 2_001)


def test_a_reversal_after_the_expiry_is_a_debt_that_adds_up() -> None:
    table = yen()
    table.spin(300, 0, key="gs:a")
    table.spin(50, 0)
    table.pass_days(70)
    assert shown(table) == (0, 0, 0, 2, 2)
    table.do(Rollback("gs:a"))
    assert shown(table) == (-2, 0, 0, 2, 0)


def test_a_fraction_that_expired_under_an_earlier_version_is_shown_among_the_expired() -> None:
    """0.61 points were lost then: what is missing of the lifetime's whole points is what has expired."""
    table = yen()
    table.spin(100, 0)
    for state in (table.state, table.shadow.state):
        state.loyalty.available, state.loyalty.expired = 0, 610_000
    table.spin(100, 0)
    assert shown(table) == (0, 0, 0, 1, 1)


def test_where_points_never_expire_they_stay() -> None:
    table = bettor(months=None)
    table.pass_until(at("2036-01-01"))
    assert left(table) == (100, 0)


def test_fewer_months_in_a_new_catalog_count_at_the_next_sweep() -> None:
    table = bettor()
    table.pass_until(at("2026-09-01T12:00"))
    shorter = rules(points=PointRules(FACTORS, expire_after_months=3))
    table.catalog = replace(table.catalog, loyalty=replace(shorter, cashback=None), in_force_ms=table.now)
    assert next_due_ms(table.state, table.catalog) == at("2026-09-02")


def test_it_is_due_work_done_once_and_refused_before_its_time() -> None:
    table = bettor()
    due = next_due(table.state, catalog=table.catalog)
    day = at("2027-02-11") // DAY_MS
    assert due is not None
    assert (due.id, due.body) == (f"due:expire_points:{day}", ExpirePoints(day))
    assert table.refused(ExpirePoints(day - 1)).code == "invalid_state"
    table.pass_until(at("2027-02-11"))
    assert isinstance(table.run_command(due), Replayed)
    assert table.refused(ExpirePoints(day + 400)).code == "invalid_state"
    assert left(table) == (0, 100)
