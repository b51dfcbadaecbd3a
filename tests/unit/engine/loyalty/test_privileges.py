"""Rules §4, §6, §8, §9: what a level gives: bonus multiplier, its worth in budgets, return to player, withdrawals."""

from typing import Any

import pytest

from engine.catalog import BonusAward, Eligibility, Limits
from engine.commands import Deposit, ForceLevel, GrantCampaign, ReportBet, Spin, StartSession, Withdraw
from engine.queries import GetLoyalty, GetPlayer, GetRtp
from tests.support.judging import JudgedTable
from tests.support.ladder import BRONZE, EUR, EUR_MICRO, PLATINUM, SILVER, rules, vip_house
from tests.support.playing import Table, campaign, catalog_with, match, spins, wager


def on(level: str, *campaigns: Any, **fields: Any) -> Table:
    table = Table(vip_house(*campaigns, **fields))
    table.do(ForceLevel(level, "a test"))
    return table


# --- bonus multiplier


@pytest.mark.parametrize(
    ("level", "amount"), [("bronze", 10_000), ("silver", 11_000), ("gold", 12_500), ("platinum", 15_000)]
)
def test_the_award_is_capped_first_then_multiplied_so_that_a_vip_gets_more_than_the_cap(
    level: str, amount: int
) -> None:
    """100 % of 300.00, at most 100.00, times 1, 1.1, 1.25 or 1.5; wagering counts from what was granted."""
    table = on(level, match(100, 10_000, wager=wager(35)))
    [award] = table.do(Deposit(300 * EUR)).granted
    assert award.amount == amount
    assert table.state.grants[0].remaining_wager == 35 * amount


@pytest.mark.parametrize(("level", "amount"), [("silver", 366), ("gold", 416), ("platinum", 499)])
def test_fixed_awards_are_multiplied_too_and_rounded_down(level: str, amount: int) -> None:
    """333 × 1.1 = 366.3, × 1.25 = 416.25, × 1.5 = 499.5."""
    assert on(level, campaign(fixed=333, wager=wager(10))).grant().amount == amount


def test_the_matched_part_of_the_deposit_is_not_multiplied() -> None:
    """Gold, 50 % of 100.00 is 50.00, granted 62.50; the deposit was matched whole: 10 × (62.50 + 100.00)."""
    table = on("gold", match(50, wager=wager(10, basis="bonus_plus_deposit")))
    table.do(Deposit(100 * EUR))
    [grant] = table.state.grants
    assert (grant.amount, grant.remaining_wager) == (6_250, 10 * (6_250 + 10_000))


def test_free_spins_and_their_winnings_are_not_multiplied() -> None:
    table = on("platinum", campaign(free_spins=spins(10, 2, max_win={"EUR": 500})))
    assert table.grant().free_spins == 10
    answer = table.free_spin(300)
    assert (answer.bet_amount, answer.win_amount) == (10, 300)
    assert [(grant.amount, grant.remaining_wager) for grant in table.state.grants] == [(300, 600)]


def test_a_grant_keeps_what_it_was_given_when_the_level_changes() -> None:
    table = on("platinum", campaign(fixed=1_000, wager=wager(10)))
    table.grant()
    table.do(ForceLevel("bronze", "a mistake"))
    assert [grant.amount for grant in table.state.grants] == [1_500]


def test_without_a_ladder_nothing_is_multiplied() -> None:
    table = Table(catalog_with(campaign(fixed=1_000, wager=wager(10))))
    assert table.grant().amount == 1_000


def test_the_budget_is_charged_with_the_eur_value_after_the_multiplier() -> None:
    """Gold: 100.00 × 1.25, and 20 free spins of 0.10 at face value."""
    award = {"bonus": BonusAward(fixed={"EUR": 10_000}), "free_spins": spins(20), "wager": wager(10)}
    table = JudgedTable(vip_house(campaign(**award, limits=Limits(budget_micro_eur=10**12))))
    table.do(ForceLevel("gold", "a test"))
    table.do(GrantCampaign("gift", "because"))
    assert table.asked is not None
    [wanted] = table.asked.awards
    assert (wanted.value_micro_eur, wanted.bonus_micro_eur) == (127 * EUR_MICRO, 125 * EUR_MICRO)


def test_campaigns_may_be_for_levels() -> None:
    vips = campaign(fixed=1_000, eligibility=Eligibility(levels=("gold", "platinum")))
    assert on("silver", vips).refused(GrantCampaign("gift", "because")).code == "not_eligible"
    assert on("gold", vips).grant().amount == 1_250


def test_where_a_level_is_asked_for_it_is_the_one_shown_that_counts() -> None:
    """From before the ladder, or off a level that was removed: what the turnover reaches, before the next bet too."""
    vips = campaign(fixed=1_000, eligibility=Eligibility(levels=("platinum",)))
    silver = campaign("silver", 1_000, eligibility=Eligibility(levels=("silver",)))
    newcomer = Table(catalog_with(), 1_000 * EUR)
    removed = Table(vip_house(), 100_000 * EUR)
    removed.spin(60_000 * EUR, 0)
    for table, amount, level in ((newcomer, 10_000, ""), (removed, 1, "gold")):
        table.do(ReportBet(amount * EUR, "live"))
        table.catalog = vip_house(vips, silver, loyalty=rules(BRONZE, SILVER, PLATINUM))
        assert (table.state.loyalty.level, table.ask(GetLoyalty()).level) == (level, "silver")
        assert table.refused(GrantCampaign("gift", "because")).detail.endswith("it is not for level silver.")
        assert table.grant("silver").amount == 1_100


# --- return to player


@pytest.mark.parametrize(
    ("level", "flags", "expected"),
    [
        ("platinum", {"rtp_by_level": True}, 970_000),
        ("gold", {"rtp_by_level": True}, None),
        ("platinum", {"rtp_by_level": False}, None),
        ("platinum", {}, None),
    ],
)
def test_min_rtp_is_given_on_session_start_and_asked_for_behind_its_flag(
    level: str, flags: dict[str, bool], expected: int | None
) -> None:
    table = on(level, flags=flags)
    assert table.do(StartSession()).min_rtp_micro == expected
    shown = table.ask(GetRtp("book"))
    assert (shown.min_rtp_micro, shown.level, shown.flag) == (expected, level, flags.get("rtp_by_level", False))


def test_the_flag_is_hot_and_a_session_keeps_the_answer_it_had() -> None:
    table = on("platinum", flags={"rtp_by_level": False})
    table.do(StartSession(), "gs:s")
    table.catalog = vip_house()
    assert table.again(StartSession(), "gs:s").min_rtp_micro is None
    assert table.ask(GetRtp("book")).min_rtp_micro == 970_000


def test_rtp_of_no_game() -> None:
    assert on("platinum").ask(GetRtp("chess")).code == "unknown_game"


# --- withdrawals, and the rest


@pytest.mark.parametrize(("level", "privilege"), [("gold", "standard"), ("platinum", "accelerated")])
def test_the_withdrawal_privilege_is_in_the_answer_the_event_and_the_view(level: str, privilege: str) -> None:
    table = on(level)
    table.do(Deposit(1_000))
    assert table.do(Withdraw(500)).privilege == privilege
    [event] = table.transitions[-1].events
    assert event.privilege == privilege  # type: ignore[union-attr]
    assert [withdrawal.privilege for withdrawal in table.ask(GetPlayer()).withdrawals] == [privilege]


def test_an_open_withdrawal_is_served_as_it_was_requested() -> None:
    table = on("platinum")
    table.do(Deposit(1_000))
    table.do(Withdraw(500))
    table.do(ForceLevel("bronze", "a mistake"))
    assert [withdrawal.privilege for withdrawal in table.ask(GetPlayer()).withdrawals] == ["accelerated"]


def test_all_privileges_are_shown() -> None:
    assert on("platinum").ask(GetLoyalty()).privileges == PLATINUM.privileges


def test_spin_answers_carry_level_and_points() -> None:
    table = on("gold")
    table.do(Deposit(100 * EUR))
    answer = table.do(Spin("wheel", "real", 10 * EUR))
    assert (answer.level, answer.points) == ("gold", 15)
