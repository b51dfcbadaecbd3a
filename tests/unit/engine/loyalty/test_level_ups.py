"""Rules §3, §6 and §8: `level_up` campaigns fire when the round closes, each level in order, once per level."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import Eligibility, TriggerCondition
from engine.commands import (
    AddBet,
    Block,
    CancelRound,
    ExpireRound,
    ForceLevel,
    ReportBet,
    Result,
    Rollback,
    Unblock,
)
from tests.support.ladder import BRONZE, EUR, GOLD, PLATINUM, SILVER, on_climbing, rules, vip_house
from tests.support.playing import Table, campaign, spins

LADDER = (on_climbing("gold", "a-gold"), on_climbing("silver", "b-silver"), on_climbing("platinum", "c-platinum"))


def climber(*campaigns: Any) -> Table:
    return Table(vip_house(*(campaigns or LADDER)), 1_000_000 * EUR)


def had(table: Table) -> list[str]:
    """Campaigns and levels of all grants so far but cashback, in the order they came."""
    grants = [grant for grant in (*table.state.ended_grants, *table.state.grants) if grant.source != "cashback"]
    grants.sort(key=lambda grant: [int(part) for part in grant.grant_id[1:].split("-")])
    return [f"{grant.campaign_id}@{grant.level}" for grant in grants]


def test_a_bet_that_climbs_several_levels_fires_each_in_order_of_the_ladder() -> None:
    table = climber()
    table.spin(60_000 * EUR, 0)
    assert had(table) == ["b-silver@silver", "a-gold@gold"]
    assert table.events[:6] == [
        "BetPlaced",
        "WinCredited",
        "LevelChanged",
        "LevelChanged",
        "LevelUpDue",
        "GrantCreated",
    ]


def test_without_a_level_of_its_own_a_campaign_fires_for_every_level_once() -> None:
    table = climber(on_climbing(None, "any"))
    table.spin(10_000 * EUR, 0)
    table.spin(190_000 * EUR, 0)
    assert had(table) == ["any@silver", "any@gold", "any@platinum"]


def test_not_before_the_round_closes() -> None:
    table = climber()
    session = table.spin(9_000 * EUR).session_id
    assert table.do(AddBet(session, 1_000 * EUR)).level == "silver"
    table.do(Result(session, 5, final=False))
    assert had(table) == []
    table.do(Result(session, 0))
    assert had(table) == ["b-silver@silver"]


def test_a_time_out_that_closes_the_round_closes_it() -> None:
    table = climber()
    session = table.spin(10_000 * EUR).session_id
    for player in (table.player, table.shadow):
        opened = player.state.rounds[session]
        opened.timeout_ms, opened.timeout_action = 1_000, "close"
    table.now += 1_000
    table.do(ExpireRound(session))
    assert had(table) == ["b-silver@silver"]


@pytest.mark.parametrize("by_rollback", [True, False])
def test_a_cancelled_climb_fires_nothing_then_or_later(by_rollback: bool) -> None:
    table = climber()
    session = table.spin(60_000 * EUR, key="gs:a").session_id
    table.do(Rollback("gs:a") if by_rollback else CancelRound(session))
    table.spin(100 * EUR, 0)
    assert had(table) == []
    table.spin(9_900 * EUR, 0)
    assert had(table) == ["b-silver@silver"]


def test_a_climb_that_rests_on_a_round_still_open_waits_for_it() -> None:
    """6 000 EUR open and 5 000 settled make silver, but the open stake may be cancelled yet."""
    table = climber()
    session = table.spin(6_000 * EUR, game_id="dice").session_id
    assert table.spin(5_000 * EUR, 0).level == "silver"
    assert had(table) == []
    table.do(Result(session, 0))
    assert had(table) == ["b-silver@silver"]


def test_one_that_the_settled_rounds_support_alone_does_not_wait() -> None:
    table = climber()
    table.spin(6_000 * EUR, game_id="dice")
    table.spin(12_000 * EUR, 0)
    assert had(table) == ["b-silver@silver"]


def test_when_the_open_stake_is_cancelled_the_climb_is_gone() -> None:
    table = climber()
    session = table.spin(6_000 * EUR, game_id="dice").session_id
    table.spin(5_000 * EUR, 0)
    table.do(CancelRound(session))
    assert (table.state.loyalty.level, had(table)) == ("bronze", [])


def test_bets_elsewhere_are_settled_as_they_come() -> None:
    table = climber()
    answer = table.do(ReportBet(50_000 * EUR, "live"))
    assert [award.campaign_id for award in answer.granted] == ["b-silver", "a-gold"]


def test_the_answer_lists_what_each_level_brought_even_from_one_campaign() -> None:
    answer = climber(on_climbing(None, "any", free_spins=spins(5))).do(ReportBet(50_000 * EUR, "live"))
    assert [(each.grant_id, each.amount, each.package_id) for each in answer.granted] == [
        ("g3-1", 110, "p3-1"),
        ("g3-2", 125, "p3-2"),
    ]


def test_once_per_level_even_if_it_is_climbed_again() -> None:
    table = climber()
    table.spin(10_000 * EUR, 0)
    table.pass_days(31)
    table.do(ForceLevel("bronze", "a test"))
    table.spin(10_000 * EUR, 0)
    assert table.state.loyalty.level == "silver"
    assert had(table) == ["b-silver@silver"]


def test_what_a_reversed_bet_had_triggered_stays_and_is_listed() -> None:
    table = climber()
    table.spin(60_000 * EUR, 0, key="gs:a")
    kept = table.do(Rollback("gs:a")).kept_grants
    assert (len(kept), table.state.loyalty.level) == (2, "bronze")
    table.spin(60_000 * EUR, 0)
    assert had(table) == ["b-silver@silver", "a-gold@gold"]


def test_a_forced_level_fires_none() -> None:
    table = climber(*LADDER, on_climbing(None, "any"))
    table.do(ForceLevel("gold", "a favour"))
    table.spin(100 * EUR, 0)
    assert had(table) == []
    table.spin(150_000 * EUR, 0)
    assert had(table) == ["any@platinum", "c-platinum@platinum"]


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_climb_that_waited_when_the_level_was_forced_is_forgotten(cancelled: bool) -> None:
    table = climber()
    session = table.spin(10_000 * EUR).session_id
    table.do(ForceLevel("gold", "a favour"))
    table.do(CancelRound(session) if cancelled else Result(session, 0))
    table.spin(100 * EUR, 0)
    assert (table.state.loyalty.level, had(table)) == ("gold", [])


def test_a_round_from_before_the_level_was_forced_holds_up_no_later_climb() -> None:
    table = climber()
    table.spin(60_000 * EUR, game_id="dice")
    table.do(ForceLevel("bronze", "a mistake"))
    table.spin(10_000 * EUR, 0)
    assert had(table) == ["b-silver@silver"]


def test_a_level_that_left_the_ladder_and_came_back_fires_once() -> None:
    table = climber(on_climbing("gold", "gold", per_player=1))
    with_gold = table.catalog
    session = table.spin(60_000 * EUR).session_id
    table.catalog = replace(with_gold, loyalty=rules(BRONZE, SILVER, PLATINUM))
    table.spin(1 * EUR, game_id="dice")
    table.catalog = with_gold
    table.spin(1 * EUR, game_id="wheel")
    table.do(Result(session, 0))
    assert had(table) == ["gold@gold"]


def test_a_campaign_for_levels_looks_at_the_level_climbed_to() -> None:
    for_silver = on_climbing(None, "any", eligibility=Eligibility(levels=("silver", "platinum")))
    table = climber(for_silver)
    table.spin(200_000 * EUR, 0)
    assert had(table) == ["any@silver", "any@platinum"]


def test_the_award_is_multiplied_by_the_level_climbed_to() -> None:
    """100 for silver × 1.1, for gold × 1.25, for platinum × 1.5, although one bet climbs them all."""
    table = climber(on_climbing(None, "any"))
    table.spin(200_000 * EUR, 0)
    assert [grant.amount for grant in table.state.grants] == [110, 125, 150]


def test_turnover_campaigns_fire_beside_them_after_the_levels() -> None:
    reached = campaign(
        "a-turnover", 100, trigger="turnover_reached", condition=TriggerCondition(eur_micro=10_000_000_000)
    )
    table = climber(on_climbing("silver", "b-silver"), reached)
    answer = table.spin(10_000 * EUR, 0)
    assert answer.level == "silver"
    assert had(table) == ["b-silver@silver", "a-turnover@None"]


def test_a_round_that_closes_while_the_player_is_blocked_fires_none_then_or_later() -> None:
    table = climber()
    session = table.spin(10_000 * EUR).session_id
    table.do(Block("because"))
    table.do(Result(session, 0))
    table.do(Unblock("fine"))
    table.spin(100 * EUR, 0)
    assert (table.state.loyalty.level, had(table)) == ("silver", [])


def test_a_raised_ladder_does_not_hold_back_what_was_climbed() -> None:
    table = climber()
    session = table.spin(10_000 * EUR).session_id
    higher = replace(SILVER, threshold_micro=2 * SILVER.threshold_micro)
    table.catalog = replace(table.catalog, loyalty=rules(BRONZE, higher, GOLD, PLATINUM))
    table.do(Result(session, 0))
    assert had(table) == ["b-silver@silver"]
