"""Periods in the words that people type."""

from datetime import UTC, datetime

import pytest

from feeds.reports.period import Period, RequestInvalid, read_period

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def period(since: str | None, until: str | None, zone: str | None = None, now: datetime = NOON) -> Period:
    return read_period(since, until, zone, lambda: now)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_without_a_period_it_is_yesterday() -> None:
    assert period(None, None) == Period(utc(2026, 11, 27), utc(2026, 11, 28), "UTC")
    late = utc(2026, 11, 28, 23, 30)  # it is the 29th in Berlin already
    assert period(None, None, "Europe/Berlin", late) == Period(
        utc(2026, 11, 27, 23), utc(2026, 11, 28, 23), "Europe/Berlin"
    )


def test_a_day_begins_at_its_own_midnight_also_when_clocks_are_changed() -> None:
    assert period("2026-03-29", "2026-03-30", "Europe/Berlin") == Period(
        utc(2026, 3, 28, 23), utc(2026, 3, 29, 22), "Europe/Berlin"
    )
    assert period(None, "2026-10-26", "Europe/Berlin") == Period(
        utc(2026, 10, 24, 22), utc(2026, 10, 25, 23), "Europe/Berlin"
    )


def test_an_instant_may_name_its_offset() -> None:
    found = period("2026-01-01T02:00:00+02:00", "2026-01-01T12:00:00.123456", "Asia/Tokyo")
    assert found == Period(utc(2026, 1, 1), utc(2026, 1, 1, 3, 0, 0, 123_000), "Asia/Tokyo")


@pytest.mark.parametrize(
    ("since", "until", "zone", "field"),
    [
        ("2026-01-02", "2026-01-01", None, "to"),
        ("2026-01-01", "2026-01-01", None, "to"),
        ("1990-01-01", "2026-01-01", None, "to"),
        ("yesterday", None, None, "from"),
        (None, "2026-13-01", None, "to"),
        ("1969-01-01", "1969-01-02", None, "to"),
        (None, None, "Europe/Atlantis", "time_zone"),
        (None, None, "../../etc/passwd", "time_zone"),
        (None, None, "UTC'; DROP", "time_zone"),
    ],
)
def test_what_is_no_period_is_told_by_its_field(
    since: str | None, until: str | None, zone: str | None, field: str
) -> None:
    with pytest.raises(RequestInvalid) as refused:
        period(since, until, zone)
    assert refused.value.field == field
