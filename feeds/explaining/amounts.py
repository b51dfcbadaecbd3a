"""Amounts as people read them: decimals by the currency's exponent, points, percentages, times in UTC."""

from datetime import UTC, datetime
from typing import NamedTuple

from engine.calendar import within_time


class Purse(NamedTuple):
    """The player's currency, and how many digits stand behind its point."""

    currency: str
    exponent: int

    def said(self, minor: int) -> str:
        """`1.00 EUR`."""
        return f"{self.bare(minor)} {self.currency}".rstrip()

    def bare(self, minor: int) -> str:
        """`1.00`."""
        return decimal(minor, self.exponent)


def decimal(units: int, digits: int) -> str:
    """An integer with so many digits behind the point: (-105, 2) → `-1.05`."""
    if not digits:
        return str(units)
    whole, rest = divmod(abs(units), 10**digits)
    return f"{'-' if units < 0 else ''}{whole}.{rest:0{digits}d}"


def micro(units: int) -> str:
    """Millionths, without zeros at the end: 2_500_000 → `2.5`."""
    return decimal(units, 6).rstrip("0").rstrip(".")


def euros(micro_eur: int) -> str:
    """Micro-EUR: `1.00 EUR`, with more digits where they are not 0."""
    whole, _, rest = decimal(micro_eur, 6).partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')} EUR"


def points(micro_points: int) -> str:
    """`2.5 points`."""
    text = micro(micro_points)
    return f"{text} point" if text in ("1", "-1") else f"{text} points"


def percent(micro_units: int) -> str:
    """Millionths of a percent: `10 %`."""
    return f"{micro(micro_units)} %"


def moment(time_ms: int) -> str:
    """`2026-01-01 12:00:00 UTC`."""
    return f"{datetime.fromtimestamp(within_time(time_ms) // 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def rfc3339(time_ms: int) -> str:
    """`2026-01-01T12:00:00.000Z`."""
    seconds, millis = divmod(within_time(time_ms), 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def times(count: int, one: str) -> str:
    """`1 spin`, `2 spins`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"
