"""Cells as people read them. Text is cleaned of what no page can show."""

from decimal import Decimal

from feeds.paper.cleaning import clean as cleaned
from feeds.reports.pdf.document import Cell, Kind, Row

MINUS = "\N{MINUS SIGN}"
GAP = "\N{NARROW NO-BREAK SPACE}"
NOTHING = "–"
TEXT_MAX = 200
"""Characters of one cell that a page shows."""
_MICRO = 1_000_000


def shown(kind: Kind, value: Cell, row: Row) -> str:
    """The cell of a table. Nothing is rounded but ratios, to hundredths of a percent, and millionths, to hundredths."""
    if value is None:
        return NOTHING
    if kind == "money":
        return amount(int(value), exponent_of(row))
    if kind == "count":
        return grouped(Decimal(str(value)))
    if kind == "ratio":
        return f"{grouped(round(Decimal(str(value)) * 100, 2))}{GAP}%"
    if kind in ("points", "micro_eur"):
        return grouped(round(Decimal(str(value)) / _MICRO, 2))
    return clean(str(value))


def amount(minor: int, exponent: int) -> str:
    """Minor units as a decimal with all its digits."""
    return grouped(Decimal(minor).scaleb(-exponent))


def exponent_of(row: Row) -> int:
    """Digits behind the point of the row's money. A row that says nothing is in EUR."""
    exponent = row.get("exponent")
    return 2 if exponent is None else int(exponent)


def grouped(number: Decimal) -> str:
    """In groups of three, with a minus that is as wide as a digit."""
    return f"{number:,f}".replace(",", GAP).replace("-", MINUS)


def compact(number: float) -> str:
    """For axes: 950, 12.5k, 3M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{letter}".replace("-", MINUS)
    return f"{number:.3g}".replace("-", MINUS)


def clean(text: str, longest: int = TEXT_MAX) -> str:
    """See `feeds.paper.cleaning`."""
    return cleaned(text, longest)
