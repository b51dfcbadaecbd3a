"""Calendar months on days counted from 1 January 1970, in the Gregorian calendar, and where time ends (rules §10).

No clock, no time zones: UTC days.
"""

from functools import lru_cache
from typing import Final

DAY_MS: Final = 86_400_000
LATEST_MS: Final = 253_402_300_799_999
"""The latest instant there is, Unix ms: no date lies beyond it, and no clock shows a later time (rules §10)."""
LATEST: Final = "9999-12-31T23:59:59.999Z"
"""`LATEST_MS` as people read it: RFC 3339 has no year of five digits."""
LATEST_DAY: Final = LATEST_MS // DAY_MS
"""The last UTC day: what would happen at 00:00 of a later one never happens."""
_DAYS_OF_400_YEARS: Final = 146_097
_TO_MARCH_0000: Final = 719_468
"""Days from 1 March of the year 0 to 1 January 1970. Years that begin in March end with the leap day."""


def end_of(start_ms: int, span_ms: int) -> int:
    """When a span that begins at `start_ms` (Unix ms) is over.

    A span that would reach beyond the latest instant ends there.
    """
    return within_time(start_ms + span_ms)


def within_time(time_ms: int) -> int:
    """The time, Unix ms, or the latest instant if that comes before it: clocks stand still there."""
    return min(time_ms, LATEST_MS)


@lru_cache(maxsize=4_096)
def months_later(day: int, months: int) -> int:
    """The day `months` calendar months later; where that month is too short, its last day."""
    year, month, of_month = date_of(day)
    year, month = divmod(year * 12 + month - 1 + months, 12)
    return day_of(year, month + 1, min(of_month, _length(year, month + 1)))


def date_of(day: int) -> tuple[int, int, int]:
    """(year, month 1-12, day of the month 1-31)."""
    century4, rest = divmod(day + _TO_MARCH_0000, _DAYS_OF_400_YEARS)
    year = (rest - rest // 1_460 + rest // 36_524 - rest // 146_096) // 365
    of_year = rest - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    of_month = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return century4 * 400 + year + (month <= 2), month, of_month


def day_of(year: int, month: int, of_month: int) -> int:
    """The day since 1970 of a date."""
    century4, rest = divmod(year - (month <= 2), 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + of_month - 1
    return century4 * _DAYS_OF_400_YEARS + rest * 365 + rest // 4 - rest // 100 + of_year - _TO_MARCH_0000


def _length(year: int, month: int) -> int:
    following = day_of(year + month // 12, month % 12 + 1, 1)
    return following - day_of(year, month, 1)
