"""Rules §8 and §2.5: the level goes up with a bet, back with its reversal, and where an operator sets it."""

import pytest

from engine.commands import (
    AddBet,
    CancelRound,
    ForceLevel,
    ReportBet,
    Result,
    Rollback,
    RollbackReportedBet,
)
from engine.events import LevelChanged
from engine.state import Loyalty
from tests.support.ladder import BRONZE, EUR, EUR_MICRO, GOLD, PLATINUM, SILVER, level, rules, vip_house
from tests.support.playing import Table, catalog_with


def rich(**fields: object) -> Table:
    return Table(vip_house(**fields), 1_000_000 * EUR)  # type: ignore[arg-type]


def bet(table: Table, eur: int, key: str | None = None) -> str:
    """The level after a slot bet of whole EUR that loses."""
    answer = table.spin(eur * EUR, 0, key=key)
    assert answer.level == table.state.loyalty.level
    return str(answer.level)


def standing(table: Table) -> tuple[str, int]:
    """Level, and qualifying turnover in whole EUR."""
    loyalty: Loyalty = table.state.loyalty
    return loyalty.level, loyalty.qualifying // EUR_MICRO


def changes(table: Table) -> list[tuple[str, str, str]]:
    """Old, new and reason of the level changes in the last transition."""
    found = [event for event in table.transitions[-1].events if isinstance(event, LevelChanged)]
    return [(event.old, event.new, event.reason) for event in found]


# --- up


@pytest.mark.parametrize(
    ("eur", "reached"),
    [
        (9_999, "bronze"),
        (10_000, "silver"),
        (49_999, "silver"),
        (50_000, "gold"),
        (199_999, "gold"),
        (200_000, "platinum"),
        (900_000, "platinum"),
    ],
)
def test_a_threshold_is_reached_with_its_last_eur(eur: int, reached: str) -> None:
    assert bet(rich(), eur) == reached


def test_one_bet_from_bronze_to_gold_climbs_one_level_at_a_time() -> None:
    table = rich()
    assert bet(table, 60_000) == "gold"
    assert changes(table) == [("bronze", "silver", "play"), ("silver", "gold", "play")]
    changed = [event for event in table.transitions[-1].events if isinstance(event, LevelChanged)]
    assert [event.privileges for event in changed] == [SILVER.privileges, GOLD.privileges]
    assert [(event.forced, event.qualifying_micro) for event in changed] == [(False, None), (False, None)]
    assert standing(table) == ("gold", 60_000)


def test_many_bets_climb_when_they_add_up() -> None:
    table = rich()
    assert [bet(table, 4_000) for _ in range(4)] == ["bronze", "bronze", "silver", "silver"]
    assert changes(table) == []


def test_the_level_climbs_with_the_stake_not_with_the_result() -> None:
    table = rich()
    session = table.spin(9_000 * EUR).session_id
    assert table.do(AddBet(session, 1_000 * EUR)).level == "silver"
    assert changes(table) == [("bronze", "silver", "play")]


def test_bets_elsewhere_climb_and_their_rollback_takes_it_back() -> None:
    table = rich()
    assert table.do(ReportBet(50_000 * EUR, "table"), "pms:b").level == "gold"
    table.do(RollbackReportedBet("pms:b"))
    assert changes(table) == [("gold", "silver", "reversal"), ("silver", "bronze", "reversal")]
    assert standing(table) == ("bronze", 0)


@pytest.mark.parametrize(
    ("currency", "stake", "reached"),
    [
        ("JPY", 1_639_344, "bronze"),
        ("JPY", 1_639_345, "silver"),
        ("SEK", 11_481_056, "bronze"),
        ("SEK", 11_481_057, "silver"),
    ],
)
def test_thresholds_are_in_eur_whatever_the_currency(currency: str, stake: int, reached: str) -> None:
    """10 000 EUR at 0.0061 per JPY, and at 0.0871 per SEK of 100 öre."""
    assert Table(vip_house(), 10**9, currency).spin(stake, 0).level == reached


def test_free_spins_and_money_won_do_not_climb() -> None:
    table = rich()
    table.spin(1 * EUR, 500_000 * EUR)
    assert standing(table) == ("bronze", 1)


def test_without_a_ladder_there_is_no_level() -> None:
    table = Table(catalog_with(), real=1_000)
    assert (table.spin(100, 0).level, changes(table)) == ("", [])


# --- back


def test_a_reversal_lowers_the_level_while_the_rest_no_longer_supports_it() -> None:
    table = rich()
    bet(table, 12_000)
    bet(table, 190_000, "gs:big")
    assert standing(table) == ("platinum", 202_000)
    table.do(Rollback("gs:big"))
    assert changes(table) == [("platinum", "gold", "reversal"), ("gold", "silver", "reversal")]
    assert standing(table) == ("silver", 12_000)


def test_a_level_that_other_bets_support_stays() -> None:
    table = rich()
    bet(table, 8_000, "gs:a")
    bet(table, 52_000)
    table.do(Rollback("gs:a"))
    assert (changes(table), standing(table)) == ([], ("gold", 52_000))


def test_a_cancelled_round_takes_back_all_its_bets() -> None:
    table = rich()
    session = table.spin(9_000 * EUR).session_id
    table.do(AddBet(session, 41_000 * EUR))
    table.do(CancelRound(session))
    assert (standing(table), table.state.loyalty.days) == (("bronze", 0), [0])


# --- forced


@pytest.mark.parametrize(("to", "qualifying"), [("platinum", 200_000), ("silver", 10_000), ("bronze", 0)])
def test_a_forced_level_starts_again_from_its_threshold(to: str, qualifying: int) -> None:
    table = rich()
    bet(table, 60_000)
    answer = table.do(ForceLevel(to, "a favour"))
    assert (answer.old, answer.level) == ("gold", to)
    [event] = table.transitions[-1].events
    assert isinstance(event, LevelChanged)
    assert (event.reason, event.forced, event.remark) == ("forced", True, "a favour")
    assert (standing(table), table.state.loyalty.forced) == ((to, qualifying), True)
    assert table.state.turnover_micro == 60_000 * EUR_MICRO, "cumulative turnover is the life of the account"


def test_later_bets_add_to_the_forced_levels_threshold() -> None:
    table = rich()
    bet(table, 60_000)
    table.do(ForceLevel("silver", "a mistake"))
    assert [bet(table, 39_999), bet(table, 1)] == ["silver", "gold"]
    assert not table.state.loyalty.forced


def test_forced_levels_stay_when_bets_are_reversed() -> None:
    table = rich()
    bet(table, 60_000, "gs:before")
    table.do(ForceLevel("platinum", "a favour"))
    bet(table, 5_000, "gs:after")
    for key in ("gs:after", "gs:before"):
        table.do(Rollback(key))
        assert (changes(table), standing(table)) == ([], ("platinum", 200_000))
    assert table.state.turnover_micro == 0


def test_they_stay_even_where_the_ladder_got_higher_and_only_the_bet_supported_them() -> None:
    table = rich()
    table.do(ForceLevel("gold", "a favour"))
    table.catalog = vip_house(loyalty=rules(BRONZE, SILVER, level("gold", 50_050), PLATINUM))
    bet(table, 100, "gs:a")
    table.do(Rollback("gs:a"))
    assert standing(table) == ("gold", 50_000)


def test_what_was_climbed_from_a_forced_level_goes_back_to_it_and_no_further() -> None:
    table = rich()
    bet(table, 60_000, "gs:before")
    table.do(ForceLevel("silver", "a mistake"))
    bet(table, 200_000, "gs:after")
    table.do(Rollback("gs:after"))
    table.do(Rollback("gs:before"))
    assert standing(table) == ("silver", 10_000)


def test_only_levels_of_the_ladder_can_be_forced() -> None:
    refusal = rich().refused(ForceLevel("diamond", "because"))
    assert refusal.code == "level_not_found"
    assert "bronze, silver, gold, platinum" in refusal.detail
    assert Table(catalog_with()).refused(ForceLevel("gold", "because")).code == "level_not_found"


# --- another ladder


def test_lower_thresholds_count_at_the_next_bet() -> None:
    table = rich()
    bet(table, 8_000)
    table.catalog = vip_house(loyalty=rules(BRONZE, level("silver", 5_000), GOLD, PLATINUM))
    assert standing(table) == ("bronze", 8_000)
    assert bet(table, 1) == "silver"
    assert changes(table) == [("bronze", "silver", "play")]


def test_higher_thresholds_take_nothing_back_at_the_next_bet_or_its_reversal() -> None:
    table = rich()
    bet(table, 12_000)
    table.catalog = vip_house(loyalty=rules(BRONZE, level("silver", 20_000), GOLD, PLATINUM))
    assert bet(table, 1, "gs:a") == "silver"
    table.do(Rollback("gs:a"))
    assert standing(table) == ("silver", 12_000)


def test_off_a_removed_level_the_next_bet_leads_to_what_the_turnover_supports() -> None:
    table = rich()
    bet(table, 60_000)
    table.catalog = vip_house(loyalty=rules(BRONZE, SILVER, PLATINUM))
    assert bet(table, 1) == "silver"
    assert changes(table) == [("gold", "silver", "ladder_changed")]
    assert bet(table, 139_999) == "platinum"


def test_the_bet_that_leads_off_a_removed_level_may_climb_as_well() -> None:
    table = rich()
    bet(table, 60_000)
    table.catalog = vip_house(loyalty=rules(BRONZE, SILVER, PLATINUM))
    assert bet(table, 140_000) == "platinum"
    assert changes(table) == [("gold", "silver", "ladder_changed"), ("silver", "platinum", "play")]


def test_a_player_from_before_the_ladder_joins_it_with_the_next_bet() -> None:
    table = Table(catalog_with(), 1_000_000 * EUR)
    table.do(ReportBet(30_000 * EUR, "live"))
    table.catalog = vip_house()
    session = table.spin(100 * EUR).session_id
    assert changes(table) == [("", "silver", "ladder_changed")]
    table.do(Result(session, 0))
    assert standing(table) == ("silver", 30_100)
