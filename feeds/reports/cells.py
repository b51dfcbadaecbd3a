"""Cells as they leave: decimals where people read them, integers where programs do."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from feeds.reports.definition import Column

_MICRO_DIGITS: Final = 6
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins a formula. `gateway.documents.csv` has the same list (see there)."""


def neutral(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def decimal(number: int, digits: int) -> str:
    """An integer as a decimal with so many digits behind the point: 1250, 2 → `12.50`."""
    if not digits:
        return str(number)
    sign = "-" if number < 0 else ""
    text = str(abs(number)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


def readable(column: Column, zone: str) -> Callable[[Any, int], str]:
    """How a column's cells are written in CSV. The second argument is the exponent of the row's money.

    Numbers are not neutralised: they are written here, digits with perhaps a sign.
    """
    if column.type == "money":
        return lambda value, exponent: "" if value is None else decimal(int(value), exponent)
    if column.type in ("points", "micro_eur"):
        return lambda value, exponent: "" if value is None else decimal(int(value), _MICRO_DIGITS)
    if column.type in ("count", "ratio"):
        return lambda value, exponent: number(value)
    if column.type == "time":
        place = ZoneInfo(zone)
        return lambda value, exponent: "" if value is None else instant(value, place)
    return lambda value, exponent: "" if value is None else neutral(words(value))


def number(value: Any) -> str:
    """All digits, never in powers of ten."""
    if type(value) is int:
        return str(value)
    return "" if value is None else f"{Decimal(str(value)):f}"


def instant(value: Any, place: ZoneInfo) -> str:
    """An instant with its offset in the time zone, or a day."""
    if isinstance(value, datetime):
        return (value.astimezone(place) if value.tzinfo is not None else value).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def words(value: Any) -> str:
    """Lists are joined by commas."""
    if type(value) is str:
        return value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def plain(value: Any) -> Any:
    """A cell in JSON: whole numbers stay whole, a ratio is a number, instants are in UTC."""
    if value is None or isinstance(value, bool | int | str | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return instant(value, ZoneInfo("UTC")).replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return instant(value, ZoneInfo("UTC"))
