"""The period that a report is about: from one instant up to, but without, another, in the words of a time zone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

DEFAULT_ZONE: Final = "UTC"
DAYS_MAX: Final = 3_660
_SHOWN: Final = "%Y-%m-%d %H:%M"


class RequestInvalid(Exception):
    """The report can't be asked like this. `field` is what is wrong, the message says how."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class Period(msgspec.Struct, frozen=True):
    """`since` ≤ time < `until`, both aware; `zone` is the name of the time zone."""

    since: datetime
    until: datetime
    zone: str

    @property
    def until_ms(self) -> int:
        """Unix ms."""
        return int(self.until.timestamp() * 1_000)

    @property
    def words(self) -> str:
        """`2026-11-01 00:00 up to 2026-12-01 00:00`, in the time zone."""
        zone = ZoneInfo(self.zone)
        since, until = self.since.astimezone(zone), self.until.astimezone(zone)
        return f"{since.strftime(_SHOWN)} up to {until.strftime(_SHOWN)}"


def read_period(since: str | None, until: str | None, zone: str | None, now: Callable[[], datetime]) -> Period:
    """The period in words that people type: `2026-11-28` is the midnight at which that day begins, in the time zone.

    Without `since`, the day before the end; without `until`, the midnight at which today began. Raises RequestInvalid.
    """
    zone = zone or DEFAULT_ZONE
    place = _zone(zone)
    midnight = datetime.combine(now().astimezone(place).date(), datetime.min.time(), place)
    end = midnight if until is None else _instant("to", until, place)
    begin = _day_before(end, place) if since is None else _instant("from", since, place)
    if begin >= end:
        raise RequestInvalid("to", f"the period must end after it begins, and {until or end.date()} does not")
    if end - begin > timedelta(days=DAYS_MAX):
        raise RequestInvalid("to", f"a period has at most {DAYS_MAX} days")
    return Period(begin.astimezone(UTC), end.astimezone(UTC), zone)


def _day_before(end: datetime, place: ZoneInfo) -> datetime:
    local = end.astimezone(place)
    return datetime.combine((local - timedelta(microseconds=1)).date(), datetime.min.time(), place)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise RequestInvalid("time_zone", f"{name[:64]!a} is no time zone; Europe/Berlin is one") from None


def _instant(field: str, text: str, place: ZoneInfo) -> datetime:
    """Whole milliseconds; without an offset, in the time zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise RequestInvalid(
            field, f"{text[:64]!a} is no day like 2026-11-28 and no instant like 2026-11-28T18:00:00Z"
        ) from None
    found = found if found.tzinfo is not None else found.replace(tzinfo=place)
    if not 1970 <= found.year <= 9998:
        raise RequestInvalid(field, "a year from 1970 to 9998 is due here")
    return found.replace(microsecond=found.microsecond // 1_000 * 1_000)
