"""From rows to what a chart draws: panels, one per currency where money is shown, with categories and series."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from feeds.reports.pdf.document import Cell, Chart, Column, Document, Kind, Row
from feeds.reports.pdf.words import NOTHING, clean, exponent_of

PANELS_MAX = 4
"""Currencies of one chart."""
CATEGORIES_MAX = 20
"""Bars, or rows and columns of a heatmap. The first ones are drawn: the report's order says which matter most."""
SERIES_MAX = 8
POINTS_MAX = 1_000
"""Of a line."""
LABEL_MAX = 28
BARS_STANDING_MAX = 62

_MICRO = 1_000_000
APART = frozenset({"money", "ratio"})
"""What can't be added up over currencies."""
MILLIONTHS = frozenset({"points", "micro_eur"})


class Series(msgspec.Struct, frozen=True):
    """One value for each category; None: there is none."""

    label: str
    values: tuple[float | None, ...]


class Panel(msgspec.Struct, frozen=True):
    """One picture. `unit` is the currency of money, else empty, and `exponent` its digits behind the point.

    `left_out` says what did not find room.
    """

    kind: Kind
    unit: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    left_out: str = ""
    exponent: int = 2


def panels(document: Document, chart: Chart) -> Sequence[Panel]:
    """The pictures of one chart, in the order in which the rows name their currencies."""
    columns = [document.column(name) for name in chart.y]
    rows = [row for row in document.rows if _wanted(chart, row)]
    groups = _by_currency(rows) if any(column.kind in APART for column in columns) else {"": rows}
    return [_panel(chart, columns, unit, rows) for unit, rows in list(groups.items())[:PANELS_MAX]]


def _wanted(chart: Chart, row: Row) -> bool:
    return all(str(row.get(name)) == value for name, value in chart.where.items()) and not any(
        str(row.get(name)) == value for name, value in chart.without.items()
    )


def _by_currency(rows: Sequence[Row]) -> Mapping[str, Sequence[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row.get("currency") or ""), []).append(row)
    return groups


def _panel(chart: Chart, columns: Sequence[Column], unit: str, rows: Sequence[Row]) -> Panel:
    kind = columns[0].kind
    if chart.x is None:
        sums = tuple(_summed(column, rows) for column in columns)
        return Panel(kind, unit, tuple(column.title for column in columns), (Series("", sums),), "", _exponent(rows))
    longest = {"line": POINTS_MAX, "stacked": BARS_STANDING_MAX}.get(chart.kind, CATEGORIES_MAX)
    unit = unit or ("EUR" if kind == "micro_eur" else "")
    seen = dict.fromkeys(_label(row.get(chart.x)) for row in rows)
    categories = tuple(seen)[:longest]
    series = list(_all_series(chart, columns, categories, rows))
    most = CATEGORIES_MAX if chart.kind == "heatmap" else SERIES_MAX
    left_out = _left_out(len(seen) - len(categories), max(0, len(series) - most))
    return Panel(kind, unit, categories, tuple(series[:most]), left_out, _exponent(rows))


def _all_series(
    chart: Chart, columns: Sequence[Column], categories: Sequence[str], rows: Sequence[Row]
) -> Iterator[Series]:
    """One for each value of `by`, else one for each column. Of rows of the same category a line has the last one;
    other charts add them up.
    """
    if chart.by is None:
        for column in columns:
            yield Series(column.title, _values(chart, column, categories, rows))
        return
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_label(row.get(chart.by)), []).append(row)
    for label, members in groups.items():
        yield Series(label, _values(chart, columns[0], categories, members))


def _values(chart: Chart, column: Column, categories: Sequence[str], rows: Sequence[Row]) -> tuple[float | None, ...]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.get(column.name) is not None:
            found.setdefault(_label(row.get(str(chart.x))), []).append(row)
    chosen = {name: some[-1:] if chart.kind == "line" else some for name, some in found.items()}
    return tuple(_summed(column, chosen[name]) if name in chosen else None for name in categories)


def _summed(column: Column, rows: Sequence[Row]) -> float:
    """The sum as it is drawn: money in major units, ratios in percent, points whole. Ratios are averaged instead."""
    exact = sum((Decimal(str(row[column.name])) for row in rows if row.get(column.name) is not None), Decimal(0))
    if column.kind == "money":
        return float(exact.scaleb(-exponent_of(rows[0]))) if rows else 0.0
    if column.kind == "ratio":
        return float(exact * 100 / max(1, len(rows)))
    return float(exact / _MICRO if column.kind in MILLIONTHS else exact)


def _exponent(rows: Sequence[Row]) -> int:
    return exponent_of(rows[0]) if rows else 2


def _label(value: Cell) -> str:
    return NOTHING if value is None or value == "" else clean(str(value), LABEL_MAX)


def _left_out(categories: int, series: int) -> str:
    parts = [f"{categories} more"] if categories > 0 else []
    parts += [f"{series} more series"] if series else []
    return f"Not drawn: {' and '.join(parts)}; the table and the CSV have them." if parts else ""
