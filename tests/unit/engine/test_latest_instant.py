"""Rules §10, the latest instant: whatever is reckoned ends there at last, is done there, and never lies beyond it."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.calendar import DAY_MS, LATEST, LATEST_DAY, LATEST_MS, date_of, end_of, months_later
from engine.catalog import Campaign, RoundTimeout, TimeoutAction, TriggerCondition
from engine.commands import AdjustPoints, ClaimGrant, RequestRedemption, Result, StartSession
from engine.due import next_due_ms
from engine.queries import GetBonuses, GetLoyalty
from tests.support.ladder import HOUR_MS, at, on_climbing, vip_house
from tests.support.playing import Table, campaign, catalog_with, spins, wager

LAST_HOUR = LATEST_MS - HOUR_MS


def late(*campaigns: Campaign, loyal: bool = False, real: int = 0, **catalog: Any) -> Table:
    """A player who registers an hour before time ends; every campaign still runs."""
    running = [replace(each, valid_to_ms=LATEST_MS) for each in campaigns]
    return LateTable(replace(vip_house(*running) if loyal else catalog_with(*running), **catalog), real)


class LateTable(Table):
    """Everything happens in the last hour of time, from the registration on."""

    def run(self, body: Any, key: str | None = None, time_ms: int | None = None) -> Any:
        self.now = max(self.now, LAST_HOUR)
        return super().run(body, key, time_ms)


def test_it_is_the_last_millisecond_of_the_year_9999() -> None:
    assert at(LATEST[:-1]) == LATEST_MS and date_of(LATEST_DAY) == (9999, 12, 31)
    assert date_of(LATEST_DAY + 1) == (10_000, 1, 1)


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        (0, 5, 5),
        (LAST_HOUR, HOUR_MS, LATEST_MS),
        (LAST_HOUR, HOUR_MS - 1, LATEST_MS - 1),
        (LAST_HOUR, 10**15, LATEST_MS),
    ],
)
def test_a_span_ends_there_at_the_latest(start: int, span: int, end: int) -> None:
    assert end_of(start, span) == end


@pytest.mark.parametrize(
    "given",
    [campaign("gift", 500, wager=wager(10, valid_days=3_650)), campaign("gift", 500, wager=wager(10, valid_days=1))],
    ids=["ten years", "a day"],
)
def test_a_bonus_is_valid_until_then_and_expires_then(given: Campaign) -> None:
    table = late(given)
    table.grant()
    [shown] = table.ask(GetBonuses()).grants
    assert shown.valid_to_ms == LATEST_MS == next_due_ms(table.state)
    table.pass_until(LATEST_MS)
    assert (table.money(), table.events) == ((0, 0), ["GrantExpired"])


def test_a_bonus_that_is_claimed_then_is_valid_until_then() -> None:
    gift = campaign("gift", 500, opt_in=True, claim_days=30, wager=wager(10, valid_days=30), free_spins=spins(5))
    table = late(gift)
    grant_id = table.grant().grant_id
    assert next_due_ms(table.state) == LATEST_MS
    table.do(ClaimGrant(grant_id))
    [grant], [package] = table.state.grants, table.state.packages
    assert (grant.valid_to_ms, package.valid_to_ms) == (LATEST_MS, LATEST_MS)


def test_free_spins_and_what_they_win_are_valid_until_then() -> None:
    table = late(campaign("gift", free_spins=spins(2, 10), type="free_spins", wager=wager(0, valid_days=7)))
    table.grant()
    table.free_spin(50)
    [package], [winnings] = table.state.packages, table.state.grants
    assert (package.valid_to_ms, winnings.valid_to_ms) == (LATEST_MS, LATEST_MS)
    table.pass_until(LATEST_MS)
    assert (table.state.packages, table.state.grants) == ([], [])


@pytest.mark.parametrize(("action", "real"), [("hold", 900), ("refund", 1_000), ("close", 900)])
def test_a_round_times_out_then_and_its_work_is_done_once(action: TimeoutAction, real: int) -> None:
    table = late(real=1_000, round_timeout=RoundTimeout(8_760 * HOUR_MS, action))
    session = table.spin(100).session_id
    assert next_due_ms(table.state) == LATEST_MS
    table.pass_until(LATEST_MS)
    assert (table.state.real, next_due_ms(table.state)) == (real, None)
    if action == "hold":
        table.do(Result(session, 300))
        assert table.state.real == 1_200


def test_locked_points_come_back_then() -> None:
    table = late(loyal=True)
    table.do(AdjustPoints(2_000, "gift"))
    assert table.do(RequestRedemption(1_000)).expires_ms == LATEST_MS
    table.pass_until(LATEST_MS)
    assert table.ask(GetLoyalty()).points.available == 2_000


def test_points_that_would_expire_later_never_do() -> None:
    """Twelve months of silence end in the year 10 000: there is no such day to show, and nothing becomes due."""
    table = late(loyal=True, real=10_000)
    table.spin(5_000, 0)
    shown = table.ask(GetLoyalty())
    assert (shown.points.available, shown.points_expire_ms) == (50, None)
    table.pass_until(LATEST_MS)
    assert table.ask(GetLoyalty()).points.available == 50


def test_points_that_expire_on_the_last_day_do() -> None:
    table = Table(vip_house(), 10_000)
    table.now = at("9998-12-30T12:00:00")
    table.spin(5_000, 0)
    assert table.ask(GetLoyalty()).points_expire_ms == LATEST_DAY * DAY_MS
    table.pass_until(LATEST_MS)
    assert table.ask(GetLoyalty()).points.available == 0


def test_a_level_that_would_be_lost_later_is_kept() -> None:
    table = late(on_climbing("silver", "climb"), loyal=True, real=2_000_000)
    table.spin(1_500_000, 0)
    shown = table.ask(GetLoyalty())
    assert (shown.level, shown.downgrade_at_risk) == ("silver", False)
    table.pass_until(LATEST_MS)
    assert table.ask(GetLoyalty()).level == "silver"


def test_silence_that_would_be_long_enough_later_triggers_nothing() -> None:
    back = campaign("back", 500, trigger="inactive", condition=TriggerCondition(days=1))
    table = late(back)
    table.do(StartSession(None, None, None))
    assert next_due_ms(table.state, table.catalog) is None


def test_months_are_counted_beyond_it_without_a_fault() -> None:
    assert date_of(months_later(LATEST_DAY, 12)) == (10_000, 12, 31)
