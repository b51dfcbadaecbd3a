"""Rules §8: a player's standing as shown, and what silence would cost."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.answers import Points
from engine.commands import CancelRedemption, ForceLevel, ReportBet, RequestRedemption, Rollback
from engine.queries import GetLoyalty, GetPlayer, GetRtp
from engine.views import LoyaltyView, NextLevel
from tests.support.ladder import (
    BRONZE,
    EUR,
    EUR_MICRO,
    GOLD,
    PLATINUM,
    SILVER,
    at,
    rules,
    vip_house,
)
from tests.support.playing import START_MS, Table, catalog_with, picture_of


def shown(table: Table) -> LoyaltyView:
    view = table.ask(GetLoyalty())
    assert isinstance(view, LoyaltyView)
    return view


def bettor(eur: int) -> Table:
    table = Table(vip_house(), 1_000_000 * EUR)
    if eur:
        table.spin(eur * EUR, 0)
    return table


def missing(table: Table) -> tuple[str, int] | None:
    """The next level, and the whole EUR to it."""
    above = shown(table).next_level
    return None if above is None else (above.level_id, above.remaining_micro // EUR_MICRO)


def test_a_new_player() -> None:
    view = shown(bettor(0))
    assert (view.level, view.points, view.level_since_ms) == ("bronze", Points(0, 0, 0, 0, 0), START_MS)
    assert (view.cumulative_micro, view.qualifying_micro, view.rolling_micro) == (0, 0, 0)
    assert view.next_level == NextLevel("silver", 10_000 * EUR_MICRO, 10_000 * EUR_MICRO)
    assert (view.privileges, view.points_expire_ms) == (BRONZE.privileges, None)
    assert (view.downgrade_at_risk, view.forced, view.redemptions) == (False, False, ())


@pytest.mark.parametrize(
    ("eur", "above"),
    [
        (1, ("silver", 9_999)),
        (10_000, ("gold", 40_000)),
        (49_999, ("gold", 1)),
        (50_000, ("platinum", 150_000)),
        (200_000, None),
    ],
)
def test_what_is_missing_to_the_next_level(eur: int, above: tuple[str, int] | None) -> None:
    assert missing(bettor(eur)) == above


def test_the_three_turnovers_part_ways() -> None:
    """60 000 EUR long ago, a downgrade to silver, and 1 500 EUR now."""
    table = bettor(60_000)
    table.pass_until(at("2026-03-01"))
    table.spin(1_500 * EUR, 0)
    view = shown(table)
    turnovers = (view.cumulative_micro, view.qualifying_micro, view.rolling_micro)
    assert [micro // EUR_MICRO for micro in turnovers] == [61_500, 11_500, 1_500]
    assert missing(table) == ("gold", 38_500)


def test_the_rolling_window_moves_with_the_time_of_the_question() -> None:
    """100 EUR on 1 January, 20 on the 5th: thirty UTC days, today included."""
    table = bettor(100)
    table.pass_until(at("2026-01-05T23:59"))
    table.do(ReportBet(20 * EUR, "live"))
    rolling = []
    for moment in ("2026-01-30T23:59:59.999", "2026-01-31", "2026-02-03T23:59", "2026-02-04"):
        table.now = at(moment)
        rolling.append(shown(table).rolling_micro // EUR_MICRO)
    assert rolling == [120, 20, 20, 0]
    assert shown(table).cumulative_micro == 120 * EUR_MICRO


def test_looking_changes_nothing() -> None:
    table = bettor(60_000)
    before = picture_of(table.player)
    table.now = at("2028-01-01")
    for question in (GetLoyalty(), GetPlayer(), GetRtp("book")):
        table.ask(question)
    assert picture_of(table.player) == before


def test_points_expire_and_only_if_there_are_any() -> None:
    table = bettor(0)
    table.pass_until(at("2026-02-28T10:00"))
    table.spin(10 * EUR, 0, key="gs:a")
    assert shown(table).points_expire_ms == at("2027-03-01")
    table.do(Rollback("gs:a"))
    assert shown(table).points_expire_ms is None


@pytest.mark.parametrize(
    ("eur", "day", "risk"),
    [
        (60_000, "2026-01-01", True),
        (20_000, "2026-01-01", False),
        (5_000, "2026-01-01", False),
        (250_000, "2026-01-01", True),
    ],
)
def test_at_risk_is_a_level_that_some_sweep_of_the_next_30_days_would_take(eur: int, day: str, risk: bool) -> None:
    table = bettor(eur)
    table.now = at(day)
    assert shown(table).downgrade_at_risk is risk


def test_at_risk_includes_the_thirtieth_day_from_now() -> None:
    """10 000 EUR on 20 January hold gold up to 18 February; a level set on the 21st is held up to 19 February."""
    table = bettor(60_000)
    table.pass_until(at("2026-01-20"))
    table.spin(10_000 * EUR, 0)
    assert shown(table).downgrade_at_risk
    table.pass_until(at("2026-01-21"))
    table.do(ForceLevel("platinum", "a favour"))
    table.do(ForceLevel("gold", "a mistake"))
    assert shown(table).downgrade_at_risk


def test_a_level_held_by_grace_beyond_thirty_days_is_not_at_risk() -> None:
    longer = rules(downgrade=replace(rules().downgrade, grace_days=31))  # type: ignore[type-var]
    table = Table(vip_house(loyalty=longer), 1_000_000 * EUR)
    table.spin(60_000 * EUR, 0)
    assert not shown(table).downgrade_at_risk
    table.pass_until(at("2026-01-02"))
    assert shown(table).downgrade_at_risk


def test_locked_redemptions_are_listed_until_they_end() -> None:
    table = bettor(5_000)
    first, second = (table.do(RequestRedemption(points)).redemption_id for points in (1_000, 1_500))
    table.do(CancelRedemption(first))
    view = shown(table)
    assert [(each.redemption_id, each.points, each.state) for each in view.redemptions] == [(second, 1_500, "locked")]
    assert view.points == Points(3_500, 1_500, 0, 0, 5_000)


def test_a_forced_level_is_shown_as_such() -> None:
    table = bettor(60_000)
    table.do(ForceLevel("silver", "a mistake"))
    view = shown(table)
    assert (view.level, view.forced, view.qualifying_micro) == ("silver", True, 10_000 * EUR_MICRO)
    assert missing(table) == ("gold", 40_000)


def test_off_a_removed_level_the_one_that_the_next_bet_leads_to_is_shown() -> None:
    table = bettor(60_000)
    table.catalog = vip_house(loyalty=rules(BRONZE, SILVER, PLATINUM))
    view = shown(table)
    assert (view.level, view.privileges, missing(table)) == ("silver", SILVER.privileges, ("platinum", 140_000))
    assert table.ask(GetRtp("book")).level == "silver"
    assert table.spin(1 * EUR, 0).level == "silver"


def test_after_a_ladder_got_lower_nothing_is_missing_until_the_next_bet() -> None:
    table = bettor(45_000)
    lower = replace(GOLD, threshold_micro=40_000 * EUR_MICRO)
    table.catalog = vip_house(loyalty=rules(BRONZE, SILVER, lower, PLATINUM))
    assert (shown(table).level, missing(table)) == ("silver", ("gold", 0))
    assert table.spin(1 * EUR, 0).level == "gold"


@pytest.mark.parametrize("question", [GetLoyalty(), GetPlayer()])
def test_without_a_ladder_there_is_turnover_but_no_level(question: Any) -> None:
    table = Table(catalog_with(), 1_000)
    table.spin(100, 0)
    reply = table.ask(question)
    view = reply if isinstance(question, GetLoyalty) else reply.loyalty
    assert (view.level, view.next_level, view.rolling_micro) == ("", None, EUR_MICRO)


def test_the_player_carries_it_along() -> None:
    table = bettor(60_000)
    assert table.ask(GetPlayer()).loyalty == shown(table)
