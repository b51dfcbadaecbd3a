"""Rules §8: once per UTC day, and not on a bet, a level is lost that thirty days of play no longer support."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import DowngradeRules
from engine.commands import Block, ForceLevel, Rollback, SweepLevel
from engine.due import next_due, next_due_ms
from engine.events import LevelChanged
from engine.player import Replayed
from engine.state import Loyalty
from tests.support.ladder import BRONZE, EUR, EUR_MICRO, GOLD, PLATINUM, SILVER, at, level, rules, vip_house
from tests.support.playing import DAY_MS, Table

OWN = DowngradeRules("own_level_threshold")
EVERY_DAY = DowngradeRules(grace_days=0)


def player(downgrade: DowngradeRules | None = None, **bets: int) -> Table:
    """The table after losing slot bets: `player(jan_01=60_000)` whole EUR on a day of 2026."""
    table = Table(vip_house(loyalty=rules(downgrade=downgrade or DowngradeRules(), cashback=None)), 1_000_000 * EUR)
    for day, eur in bets.items():
        bet(table, day, eur)
    return table


def bet(table: Table, day: str, eur: int, key: str | None = None) -> str:
    table.pass_until(moment(day))
    return str(table.spin(eur * EUR, 0, key=key).level)


def moment(day: str) -> int:
    months = ("jan", "feb", "mar", "apr", "may", "jun")
    return at(f"2026-{months.index(day[:3]) + 1:02}-{day[4:]}")


def falls(table: Table, until: str = "2027-01-01") -> list[tuple[str, str]]:
    """Day and new level of every downgrade from now on, if the player stays away."""
    first = len(table.transitions)
    table.pass_until(at(until))
    found = []
    for transition in table.transitions[first:]:
        for event in transition.events:
            if isinstance(event, LevelChanged):
                assert (event.reason, transition.time_ms % DAY_MS) == ("downgrade", 0)
                days = (transition.time_ms - at("2026-01-01")) // DAY_MS
                found.append((f"day {days}", event.new))
    return found


def standing(table: Table) -> tuple[str, int]:
    loyalty: Loyalty = table.state.loyalty
    return loyalty.level, loyalty.qualifying // EUR_MICRO


def test_gold_with_a_quiet_30_days_falls_to_silver_and_silver_stays() -> None:
    """1 January counts for the 30 days up to the 30th: on the 31st, day 30, nothing is left."""
    table = player(jan_01=60_000)
    assert falls(table) == [("day 30", "silver")]
    assert standing(table) == ("silver", 10_000)
    assert next_due_ms(table.state, table.catalog) is None


def test_inside_grace_a_quiet_30_days_cost_nothing() -> None:
    """Gold since 20 February by 5 000 EUR in 30 days: less than 10 000, but held for thirty days at least."""
    table = player(jan_01=45_000, feb_20=5_000)
    assert standing(table) == ("gold", 50_000)
    table.pass_until(at("2026-03-21T23:59:59.999"))
    assert standing(table) == ("gold", 50_000)
    table.pass_until(at("2026-03-22"))
    assert standing(table) == ("silver", 10_000)


def test_grace_that_ends_within_a_day_waits_for_the_next_sweep() -> None:
    table = player(jan_01=45_000)
    table.pass_until(at("2026-02-20T00:00:00.001"))
    table.spin(5_000 * EUR, 0)
    assert falls(table) == [("day 81", "silver")], "23 March"


@pytest.mark.parametrize(("eur", "day"), [(9_999, "day 30"), (10_000, "day 49")])
def test_it_takes_less_than_the_threshold_of_the_level_below(eur: int, day: str) -> None:
    """20 January, day 19, is in the window up to day 48."""
    assert falls(player(jan_01=50_000, jan_20=eur)) == [(day, "silver")]


def test_several_days_add_up_in_the_window() -> None:
    """4 000 on days 19, 24 and 29: from day 49 on 8 000 are left."""
    assert falls(player(jan_01=50_000, jan_20=4_000, jan_25=4_000, jan_30=4_000)) == [("day 49", "silver")]


@pytest.mark.parametrize(("last", "day"), [("2026-01-10T23:59:59.999", "day 39"), ("2026-01-11", "day 40")])
def test_the_window_is_of_utc_days(last: str, day: str) -> None:
    table = player(EVERY_DAY)
    table.pass_until(at(last))
    table.spin(60_000 * EUR, 0)
    assert falls(table) == [(day, "silver")]


def test_a_year_of_silence_from_platinum() -> None:
    """One level at a time, and each is held for its own thirty days of grace."""
    table = player(jan_01=250_000)
    assert falls(table) == [("day 30", "gold"), ("day 60", "silver")]
    assert standing(table) == ("silver", 10_000)


def test_without_grace_one_level_a_day() -> None:
    assert falls(player(EVERY_DAY, jan_01=250_000)) == [("day 30", "gold"), ("day 31", "silver")]


def test_without_grace_not_before_the_day_after_the_climb() -> None:
    table = player(EVERY_DAY, jan_01=49_000, mar_05=1_000)
    assert standing(table) == ("gold", 50_000)
    assert falls(table) == [("day 64", "silver")]


def test_own_level_threshold_compares_with_the_levels_own() -> None:
    table = player(OWN, jan_01=60_000)
    assert falls(table, "2026-02-01") == [("day 30", "silver")]
    bet(table, "feb_20", 9_999)
    assert falls(table) == [("day 60", "bronze")]
    assert standing(table) == ("bronze", 0)


def test_own_level_threshold_is_kept_with_its_last_eur() -> None:
    assert falls(player(OWN, jan_01=50_000), "2026-01-31") == [("day 30", "silver")]
    assert falls(player(OWN, jan_01=50_000, jan_15=50_000), "2026-02-13") == []
    assert falls(player(OWN, jan_01=50_000, jan_15=50_000), "2026-02-14") == [("day 44", "silver")]


def test_another_window() -> None:
    assert falls(player(DowngradeRules(window_days=60, grace_days=30), jan_01=60_000)) == [("day 60", "silver")]


def test_the_climb_back_starts_at_the_threshold_of_the_level_landed_on() -> None:
    table = player(jan_01=150_000)
    assert falls(table, "2026-02-01") == [("day 30", "silver")]
    assert bet(table, "feb_01", 39_999) == "silver"
    assert table.spin(1 * EUR, 0).level == "gold"
    assert standing(table) == ("gold", 50_000)
    assert table.state.turnover_micro == 190_000 * EUR_MICRO


def test_bets_from_before_a_downgrade_are_reversed_without_touching_the_climb_back() -> None:
    table = player()
    bet(table, "jan_01", 60_000, "gs:old")
    falls(table, "2026-02-01")
    bet(table, "feb_01", 5_000)
    table.do(Rollback("gs:old"))
    assert (standing(table), table.state.turnover_micro) == (("silver", 15_000), 5_000 * EUR_MICRO)


def test_a_bet_never_moves_the_level_down() -> None:
    table = player(jan_01=60_000)
    table.now = at("2026-02-05")
    table.spin(1 * EUR, 0)
    assert [name for name in table.events if name == "LevelChanged"] == []


def test_a_reversed_bet_leaves_the_window_of_its_own_day() -> None:
    table = player(jan_01=60_000)
    bet(table, "jan_20", 15_000, "gs:a")
    table.pass_until(at("2026-01-25"))
    table.do(Rollback("gs:a"))
    assert falls(table) == [("day 30", "silver")]


def test_a_forced_level_has_its_grace_and_then_falls_like_any_other() -> None:
    table = player()
    table.pass_until(at("2026-01-11"))
    table.do(ForceLevel("gold", "a favour"))
    assert falls(table) == [("day 40", "silver")]


def test_a_blocked_player_falls_too() -> None:
    table = player(jan_01=60_000)
    table.do(Block("because"))
    assert falls(table) == [("day 30", "silver")]


def test_without_downgrade_rules_levels_are_for_life() -> None:
    table = Table(vip_house(loyalty=replace(rules(cashback=None), downgrade=None)), 1_000_000 * EUR)
    table.spin(250_000 * EUR, 0)
    assert falls(table) == []


# --- the daily sweep as a command


def test_the_sweep_is_due_work_with_an_id_of_its_day_done_once() -> None:
    table = player(jan_01=60_000)
    due = next_due(table.state, catalog=table.catalog)
    day = at("2026-01-31") // DAY_MS
    assert due is not None
    assert (due.id, due.time_ms, due.body) == (f"due:sweep_level:{day}", at("2026-01-31"), SweepLevel(day))
    table.pass_until(at("2026-01-31"))
    assert isinstance(table.run_command(due), Replayed)
    assert standing(table) == ("silver", 10_000)


def test_a_sweep_that_a_bet_made_needless_is_refused() -> None:
    table = player(jan_01=60_000)
    due = next_due(table.state, catalog=table.catalog)
    assert due is not None
    bet(table, "jan_20", 10_000)
    assert table.run_command(due).code == "invalid_state"


# --- another ladder


def swapped(in_force: str, *levels: Any) -> Table:
    """Gold, with 20 000 EUR on 25 January; from `in_force` on another ladder."""
    table = player(jan_01=60_000, jan_25=20_000)
    table.pass_until(at(in_force))
    loyalty = rules(*levels, cashback=None)
    table.catalog = replace(table.catalog, loyalty=loyalty, in_force_ms=at(in_force))
    return table


def test_higher_thresholds_take_a_level_at_the_next_sweep_not_before() -> None:
    table = swapped("2026-02-10T12:00", BRONZE, level("silver", 30_000), GOLD, PLATINUM)
    assert next_due_ms(table.state, table.catalog) == at("2026-02-11")
    table.pass_until(at("2026-02-11"))
    assert standing(table) == ("silver", 30_000)


def test_the_window_is_compared_with_the_ladder_in_force() -> None:
    """20 000 EUR on day 24 hold gold up to day 53 while silver begins at 10 000, not if it begins at 20 001."""
    assert falls(swapped("2026-02-10", BRONZE, SILVER, GOLD, PLATINUM)) == [("day 54", "silver")]
    assert falls(swapped("2026-02-10", BRONZE, level("silver", 20_001), GOLD, PLATINUM)) == [("day 40", "silver")]


def test_a_level_that_left_the_ladder_is_not_swept() -> None:
    table = swapped("2026-02-10", BRONZE, SILVER, PLATINUM)
    assert (falls(table), table.state.loyalty.level) == ([], "gold")
    assert table.spin(1 * EUR, 0).level == "silver"
