"""What a PDF is made from: rows, and all that a page says about them. Money is in minor units."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

Kind = Literal["money", "count", "ratio", "points", "micro_eur", "text", "time"]
"""money: minor units, of the row's `currency` and `exponent`. ratio: 1 is 100 %. points and micro_eur: millionths."""
Cell = str | int | float | Decimal | bool | None
Row = Mapping[str, Cell]

ChartKind = Literal["figures", "line", "bar", "stacked", "funnel", "heatmap", "interval"]

ROWS_MAX = 500
"""Rows of the table; the CSV has all."""
CHARTS_MAX = 8


class Column(msgspec.Struct, frozen=True):
    """A column of the report. `title` is what stands above it, `words` what it means."""

    name: str
    kind: Kind
    title: str
    words: str = ""


class Chart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture of the rows.

    `figures`: the sum of each column of `y`, as large numbers. `line`: `y` over `x`, of several rows the last. `bar`:
    `y` for each `x`, side by side. `stacked`: on top of each other. `funnel`: the columns of `y` from the widest to the
    narrowest, summed. `heatmap`: the one column of `y` as colours, `x` across and `by` down. `interval`: the columns of
    `y` are the low end, the figure, the high end, and perhaps what it should be. With `by`, one series for each value
    of that column. Rows of several currencies make one picture for each, if the chart shows money or ratios. Only rows
    are drawn that have the values of `where`, and not those of `without`.
    """

    kind: ChartKind
    title: str
    y: tuple[str, ...]
    x: str | None = None
    by: str | None = None
    note: str = ""
    where: Mapping[str, str] = {}
    without: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        if not self.y:
            raise ValueError("y: at least one column is due here")
        if self.kind in ("line", "bar", "stacked", "heatmap", "interval") and self.x is None:
            raise ValueError(f"x: a chart of the kind {self.kind} needs the column across")
        if self.kind == "heatmap" and (self.by is None or len(self.y) != 1):
            raise ValueError("by: a heatmap needs the column down, and one column as y")
        if self.kind == "interval" and len(self.y) not in (3, 4):
            raise ValueError(
                "y: an interval needs three columns: low end, figure, high end; a fourth is what it should be"
            )
        if self.by is not None and self.kind in ("figures", "funnel", "interval"):
            raise ValueError(f"by: a chart of the kind {self.kind} has no series")
        if self.by is not None and len(self.y) != 1:
            raise ValueError("y: with `by` one column is due here")


class Difference(msgspec.Struct, frozen=True):
    """Two figures that should be the same and are not, both as they are to be read."""

    what: str
    report: str
    counter: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """All that a PDF shows.

    `period` and `time_zone` are words. `checkpoint` names the state of the archive; empty: there was none.
    `rows` may be more than the table shows; `rows_total` are those of the CSV. `definitions` are pairs of a figure and
    how it is reckoned.
    """

    name: str
    title: str
    description: str
    period: str
    time_zone: str
    checkpoint: str
    provisional: bool
    columns: Sequence[Column]
    rows: Sequence[Row]
    rows_total: int
    definitions: Sequence[tuple[str, str]] = ()
    charts: Sequence[Chart] = ()
    reconciled: bool | None = None
    """None: nothing was compared."""
    differences: Sequence[Difference] = ()
    parameters: Mapping[str, str] = {}
    signature: str = ""
    """Of a signed report: the key and the signature, in words."""

    def column(self, name: str) -> Column:
        """Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
