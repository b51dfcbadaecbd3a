"""Quiet hours where the player is, also in the nights when the clocks are changed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from feeds.notifications.quiet import quiet_until_ms, zone
from feeds.notifications.settings import QuietHours

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours("22:00", "08:00")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10T21:59:59+01:00", None),
        ("2026-01-10T22:00:00+01:00", "2026-01-11T08:00:00+01:00"),
        ("2026-01-10T23:59:59+01:00", "2026-01-11T08:00:00+01:00"),
        ("2026-01-11T07:59:59+01:00", "2026-01-11T08:00:00+01:00"),
        ("2026-01-11T08:00:00+01:00", None),
        ("2026-12-31T23:00:00+01:00", "2027-01-01T08:00:00+01:00"),
        # the clocks go forward: the night is an hour shorter
        ("2026-03-28T23:00:00+01:00", "2026-03-29T08:00:00+02:00"),
        ("2026-03-29T03:00:00+02:00", "2026-03-29T08:00:00+02:00"),
        # and back: an hour longer
        ("2026-10-24T23:00:00+02:00", "2026-10-25T08:00:00+01:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T08:00:00+01:00"),
    ],
)
def test_they_end_by_the_clock_on_the_wall(now: str, until: str | None) -> None:
    assert quiet_until_ms(ms(now), BERLIN, NIGHT) == (None if until is None else ms(until))


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-29T01:59:00+01:00", "2026-03-29T03:30:00+02:00"),  # there is no 02:30 in that night
        ("2026-10-25T02:10:00+02:00", "2026-10-25T02:30:00+02:00"),  # and two of them in this one
        ("2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),
    ],
)
def test_an_end_in_the_hour_that_is_left_out_or_comes_twice(now: str, until: str) -> None:
    assert quiet_until_ms(ms(now), BERLIN, QuietHours("22:00", "02:30")) == ms(until)


def test_they_may_lie_within_a_day_or_be_off() -> None:
    noon = ms("2026-01-10T13:30:00+01:00")
    assert quiet_until_ms(noon, BERLIN, QuietHours("13:00", "15:00")) == ms("2026-01-10T15:00:00+01:00")
    assert quiet_until_ms(noon, BERLIN, QuietHours("00:00", "00:00")) is None


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Europe/\0Berlin"])
def test_a_time_zone_that_there_is_not_is_the_deployments_own(name: str) -> None:
    assert zone(name, "Europe/Berlin") == BERLIN
