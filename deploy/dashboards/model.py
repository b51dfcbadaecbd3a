"""The words that dashboards are written in: a dashboard has rows, a row has panels, a panel asks Prometheus."""

from typing import Final, Literal, NamedTuple

Kind = Literal["timeseries", "stat", "bargauge", "table"]
Unit = Literal["short", "s", "percentunit", "bytes", "reqps", "ops", "EUR", "none"]

UNITS: Final[dict[Unit, str]] = {
    "short": "short",
    "s": "s",
    "percentunit": "percentunit",
    "bytes": "bytes",
    "reqps": "reqps",
    "ops": "ops",
    "EUR": "currencyEUR",
    "none": "none",
}
"""By our word: Grafana's."""
WIDTH: Final = 24
"""Columns of a dashboard."""


class Query(NamedTuple):
    """PromQL, and how its series are called: `{{label}}` stands for a label's value."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One picture. `says` is what it answers, for the reader; `width` is in columns, `height` in Grafana's rows.

    `worry` is where it turns orange, `alarm` where it turns red. A table is a `matrix` of two labels: one row per value
    of the first, one column per value of the second.
    """

    title: str
    says: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    worry: float | None = None
    alarm: float | None = None
    matrix: tuple[str, str] | None = None


class Text(NamedTuple):
    """Words between the pictures, in Markdown."""

    title: str
    text: str
    width: int = WIDTH
    height: int = 4


class Row(NamedTuple):
    """Panels under one heading, from left to right; they wrap."""

    title: str
    panels: tuple[Panel | Text, ...]


class Dashboard(NamedTuple):
    """`uid` is its address in Grafana, and the name of its file."""

    uid: str
    title: str
    says: str
    rows: tuple[Row, ...]

    def panels(self) -> tuple[Panel, ...]:
        """All panels that ask something."""
        return tuple(panel for row in self.rows for panel in row.panels if isinstance(panel, Panel))


def quantiles(histogram: str, by: str = "", shares: tuple[float, ...] = (0.5, 0.95, 0.99)) -> tuple[Query, ...]:
    """Quantiles of a histogram over all processes, or for each value of the label `by`."""
    labels = f"le, {by}" if by else "le"
    suffix = f" {{{{{by}}}}}" if by else ""
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket[$__rate_interval])))",
            f"p{share * 100:g}{suffix}",
        )
        for share in shares
    )


def per_second(counter: str, by: str = "") -> str:
    """The rate of a counter, added up over all processes."""
    return f"sum{_by(by)}(rate({counter}[$__rate_interval]))"


def per_hour(counter: str, by: str = "") -> str:
    """By how much a counter grew in an hour, added up over all processes."""
    return f"sum{_by(by)}(increase({counter}[1h]))"


def house(gauge: str, by: str = "") -> str:
    """A figure that every gateway shows alike."""
    return f"max{_by(by)}({gauge})"


def or_zero(expr: str) -> str:
    """The expression; 0 as long as nothing was counted at all. Without `on()` the 0 would stand beside the series."""
    return f"{expr} or on() vector(0)"


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else ""
