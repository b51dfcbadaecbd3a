"""Single values as the API shows them: times in RFC 3339 UTC, rates and EUR as decimal strings, money as it is."""

from datetime import UTC, datetime
from typing import Final

from engine.amounts import MICRO
from engine.answers import Balance
from engine.calendar import within_time
from gateway.documents.base import AsOfJson, BalanceJson, ReadJson

_CENT: Final = MICRO // 100


def rfc3339(time_ms: int) -> str:
    """Unix ms → `2026-01-01T00:00:00.000Z`.

    A later time, which an older journal may hold, is shown as the latest instant.
    """
    seconds, millis = divmod(within_time(time_ms), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def decimal(micro: int) -> str:
    """Millionths → the shortest decimal string: 35_000_000 → `35`, 500_000 → `0.5`."""
    whole, fraction = divmod(micro, MICRO)
    return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".")


def euros(micro: int) -> str:
    """Micro-EUR (not negative) → two digits, rounded down: 12_349_999 → `12.34`."""
    whole, cents = divmod(micro // _CENT, 100)
    return f"{whole}.{cents:02d}"


def euros_up(micro: int) -> str:
    """Like `euros`, but rounded up, because a missing amount must not look smaller than it is (rules §8)."""
    return euros(micro + _CENT - 1)


def balance(of: Balance) -> BalanceJson:
    """The four figures of a player's money."""
    return BalanceJson(of.real, of.bonus, of.bonus_usable, of.withdrawable)


def mark_stale(document: ReadJson, version: int, at_ms: int) -> None:
    """Says of an answer that it is as old as a snapshot (Unix ms)."""
    document.stale = True
    document.as_of = AsOfJson(version, rfc3339(at_ms))
