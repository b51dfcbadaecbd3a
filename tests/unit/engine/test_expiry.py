"""When things begin and end: a date is the first instant at which something is over, not the last at which it runs."""

from typing import Any

import msgspec
import pytest

from engine.calendar import DAY_MS, LATEST_MS
from engine.expiry import begun, grant_ends_ms, has_lapsed, has_timed_out, is_over, is_running, times_out_ms
from engine.state import FreeSpinPackage, Grant, GrantTerms, OpenRound, Redemption
from tests.support.playing import campaign

BEGINS_MS, ENDS_MS = 1_000, 2_000
TERMS = GrantTerms(multiplier_micro=0)
GRANT = Grant(
    grant_id="g1-1",
    campaign_id="gift",
    state="in_wager",
    amount=500,
    balance=500,
    remaining_wager=500,
    wager_total=500,
    terms=TERMS,
    granted_ms=BEGINS_MS,
    valid_to_ms=ENDS_MS,
    source="manual",
)
PACKAGE = FreeSpinPackage(
    package_id="p1-1",
    campaign_id="gift",
    count=5,
    remaining=5,
    bet=10,
    games=("book",),
    valid_from_ms=BEGINS_MS,
    valid_to_ms=ENDS_MS,
    wager_multiplier_micro=0,
    max_win=None,
    won=0,
    winnings_grant_id=None,
    winnings_terms=TERMS,
    winnings_valid_ms=None,
    campaign_valid_to_ms=ENDS_MS,
)
CAMPAIGN = campaign(fixed=500, valid_from_ms=BEGINS_MS, valid_to_ms=ENDS_MS)
REDEMPTION = Redemption("r1", 100, 100, "locked", BEGINS_MS, ENDS_MS)


def open_round(opened_ms: int, timeout_ms: int | None) -> OpenRound:
    return OpenRound("ada-1", None, "book", "real", opened_ms, [], timeout_ms=timeout_ms)


@pytest.mark.parametrize("dated", [GRANT, PACKAGE, CAMPAIGN])
@pytest.mark.parametrize(("time_ms", "over"), [(0, False), (ENDS_MS - 1, False), (ENDS_MS, True), (ENDS_MS + 1, True)])
def test_it_is_over_from_its_date_on(dated: Any, time_ms: int, over: bool) -> None:
    assert is_over(dated, time_ms) is over


@pytest.mark.parametrize("dated", [PACKAGE, CAMPAIGN])
@pytest.mark.parametrize(
    ("time_ms", "running"), [(BEGINS_MS - 1, False), (BEGINS_MS, True), (ENDS_MS - 1, True), (ENDS_MS, False)]
)
def test_it_runs_from_its_beginning_until_before_its_date(dated: Any, time_ms: int, running: bool) -> None:
    assert is_running(dated, time_ms) is running


@pytest.mark.parametrize(
    ("granted_ms", "lives_ms", "ends_ms"),
    [(BEGINS_MS, DAY_MS, BEGINS_MS + DAY_MS), (BEGINS_MS, None, ENDS_MS), (LATEST_MS - 1, DAY_MS, LATEST_MS)],
)
def test_a_grant_ends_after_its_own_days_or_with_its_campaign(
    granted_ms: int, lives_ms: int | None, ends_ms: int
) -> None:
    assert grant_ends_ms(granted_ms, lives_ms, ENDS_MS) == ends_ms


def test_the_days_of_a_package_begin_when_it_is_handed_out() -> None:
    waiting = msgspec.structs.replace(PACKAGE, valid_from_ms=0, valid_to_ms=7 * DAY_MS)
    handed_out = begun(waiting, BEGINS_MS)
    assert (handed_out.valid_from_ms, handed_out.valid_to_ms) == (BEGINS_MS, BEGINS_MS + 7 * DAY_MS)
    assert waiting.valid_from_ms == 0


@pytest.mark.parametrize(("time_ms", "lapsed"), [(ENDS_MS - 1, False), (ENDS_MS, True)])
def test_a_redemption_lapses_at_its_date(time_ms: int, lapsed: bool) -> None:
    assert has_lapsed(REDEMPTION, time_ms) is lapsed


@pytest.mark.parametrize(("time_ms", "timed_out"), [(ENDS_MS - 1, False), (ENDS_MS, True)])
def test_a_round_times_out_as_long_after_its_opening_as_was_fixed(time_ms: int, timed_out: bool) -> None:
    round_ = open_round(BEGINS_MS, ENDS_MS - BEGINS_MS)
    assert times_out_ms(round_) == ENDS_MS
    assert has_timed_out(round_, time_ms) is timed_out


def test_a_round_without_a_time_out_never_times_out() -> None:
    assert times_out_ms(open_round(BEGINS_MS, None)) is None
    assert not has_timed_out(open_round(BEGINS_MS, None), LATEST_MS)


def test_a_time_out_ends_with_time_at_the_latest() -> None:
    assert has_timed_out(open_round(LATEST_MS - 1, 1_000), LATEST_MS)
