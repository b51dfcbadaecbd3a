"""Charts as SVG, drawn by matplotlib: the same bytes for the same panel, text as paths, colours for everybody.

The palette is that of Okabe and Ito, which people tell apart whatever colours they see.
"""

import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from feeds.reports.pdf.document import ChartKind
from feeds.reports.pdf.panels import Panel
from feeds.reports.pdf.words import GAP, compact

PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#B8A800", "#333333")
INK, FAINT = "#333333", "#D9DEE3"
_SHADES: Final = LinearSegmentedColormap.from_list("shades", ["#F3F8FC", "#9CC8E3", "#2B83B8", "#08395C"])
WIDTH_IN, HEIGHT_IN = 4.7, 2.7
LINES_LABELLED_MAX = 12
"""Labels along a line's axis; more would run into each other."""
LEGEND_CHARS_MAX = 62
HATCHES: Final = ("", "///", "...", "\\\\\\", "xxx", "ooo", "---", "+++")
"""Stacked and grouped bars differ in pattern, too, so that a print in grey can be read."""

_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "croupier",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "text.usetex": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "axes.unicode_minus": True,
    "hatch.linewidth": 0.4,
}


def drawn(kind: ChartKind, panel: Panel) -> bytes:
    """The picture as SVG. No two calls run at the same time in one process: matplotlib's settings are its own."""
    with warnings.catch_warnings(), mpl.rc_context(_STYLE):
        warnings.simplefilter("ignore")  # a character that the font lacks is drawn as a box
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
        axes = figure.add_subplot()
        _bare(axes)
        _DRAWERS[kind](figure, axes, panel)
        FigureCanvasSVG(figure)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return out.getvalue()


def _bare(axes: Axes) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(length=0, colors=INK)
    axes.grid(visible=True, axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def _empty(axes: Axes) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, "nothing happened in this period", ha="center", va="center", transform=axes.transAxes)


# --- the kinds


def _line(figure: Figure, axes: Axes, panel: Panel) -> None:
    places = range(len(panel.categories))
    for index, series in enumerate(panel.series):
        values = [float("nan") if value is None else value for value in series.values]
        marker = "o" if len(places) <= 40 else None
        axes.plot(places, values, color=_colour(index), linewidth=1.8, marker=marker, markersize=3, label=series.label)
    step = max(1, -(-len(places) // LINES_LABELLED_MAX))
    axes.set_xticks(list(places)[::step], _short(panel.categories)[::step])
    _slanted(axes, _short(panel.categories)[::step])
    _from_zero(axes)
    _value_axis(axes, panel)
    _legend(figure, axes, panel)


def _bar(figure: Figure, axes: Axes, panel: Panel) -> None:
    """Lying bars, so that long names are read without turning the head; the first on top."""
    count = max(1, len(panel.series))
    height = 0.8 / count
    for index, series in enumerate(panel.series):
        places = [place + (index - (count - 1) / 2) * height for place in range(len(panel.categories))]
        values = [value or 0.0 for value in series.values]
        bars = axes.barh(places, values, height * 0.94, color=_colour(index), label=series.label)
        if count == 1:
            axes.bar_label(bars, [_value(panel, value) for value in values], padding=3, color=INK)
    _lying(axes, panel)
    axes.margins(x=0.12)
    _legend(figure, axes, panel)


def _stacked(figure: Figure, axes: Axes, panel: Panel) -> None:
    """Positive values grow up from zero, negative ones down."""
    places = list(range(len(panel.categories)))
    above, below = [0.0] * len(places), [0.0] * len(places)
    for index, series in enumerate(panel.series):
        values = [value or 0.0 for value in series.values]
        bottoms = [above[place] if values[place] >= 0 else below[place] for place in places]
        axes.bar(places, values, 0.72, bottoms, color=_colour(index), label=series.label, edgecolor="white",
                 linewidth=0.4, hatch=HATCHES[index % len(HATCHES)])  # fmt: skip
        above = [held + max(0.0, value) for held, value in zip(above, values, strict=True)]
        below = [held + min(0.0, value) for held, value in zip(below, values, strict=True)]
    axes.axhline(0, color=INK, linewidth=0.6)
    step = max(1, -(-len(places) // LINES_LABELLED_MAX))
    axes.set_xticks(places[::step], _short(panel.categories)[::step])
    _slanted(axes, _short(panel.categories)[::step])
    _value_axis(axes, panel)
    _legend(figure, axes, panel)


def _funnel(_figure: Figure, axes: Axes, panel: Panel) -> None:
    values = [value or 0.0 for value in panel.series[0].values]
    widest = max(values) or 1.0
    places = range(len(values))
    axes.barh(places, values, 0.78, left=[(widest - value) / 2 for value in values], color=_steps(len(values)))
    for place, value in enumerate(values):
        share = f"{100 * value / values[0]:.0f}{GAP}%" if values[0] else ""
        wide = value > 0.3 * widest
        axes.text(widest / 2 if wide else (widest + value) / 2 + 0.02 * widest, place,
                  f"{_value(panel, value)}   {share}", va="center", ha="center" if wide else "left",
                  color="white" if wide else INK, weight="bold")  # fmt: skip
    axes.set_yticks(places, panel.categories)
    axes.invert_yaxis()
    axes.set_xlim(0, widest)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)


def _heatmap(figure: Figure, axes: Axes, panel: Panel) -> None:
    grid = [[float("nan") if value is None else value for value in series.values] for series in panel.series]
    highest = max((value for line in grid for value in line if value == value), default=1.0) or 1.0
    axes.imshow(grid, cmap=_SHADES, aspect="auto", vmin=0, vmax=highest)
    small = 6 if len(panel.categories) > 10 else 7.5
    for down, line in enumerate(grid):
        for across, value in enumerate(line):
            if value == value:
                colour = "white" if value > 0.55 * highest else INK
                axes.text(across, down, _value(panel, value), ha="center", va="center", color=colour, fontsize=small)
    axes.set_xticks(range(len(panel.categories)), panel.categories)
    axes.set_yticks(range(len(panel.series)), [series.label for series in panel.series])
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.tick_top()
    figure.set_figheight(max(1.4, min(HEIGHT_IN, 0.7 + 0.28 * len(panel.series))))


def _interval(figure: Figure, axes: Axes, panel: Panel) -> None:
    """A dot with its whiskers for each category, and a bar across where the figure should be."""
    low, middle, high, *should = panel.series
    for place in range(len(panel.categories)):
        ends = [value for value in (low.values[place], high.values[place]) if value is not None]
        axes.plot(ends, [place] * len(ends), color=PALETTE[5], linewidth=5, solid_capstyle="butt", zorder=2)
    for series, style in zip((middle, *should), (_DOT, _MARK), strict=False):
        known = [(value, place) for place, value in enumerate(series.values) if value is not None]
        axes.scatter([value for value, _ in known], [place for _, place in known], label=series.label, **style)
    _lying(axes, panel)
    axes.set_ylim(len(panel.categories) - 0.4, -0.6)
    if should:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False)


_DOT: Final[dict[str, Any]] = {"color": PALETTE[0], "s": 34, "zorder": 3}
_MARK: Final[dict[str, Any]] = {"color": PALETTE[3], "s": 190, "marker": "|", "linewidths": 2.2, "zorder": 4}


def _checked(draw: Callable[[Figure, Axes, Panel], None]) -> Callable[[Figure, Axes, Panel], None]:
    """Says so if there is nothing to draw."""

    def draw_or_say(figure: Figure, axes: Axes, panel: Panel) -> None:
        if any(value for series in panel.series for value in series.values):
            draw(figure, axes, panel)
        else:
            _empty(axes)

    return draw_or_say


_DRAWERS: Final[dict[str, Callable[[Figure, Axes, Panel], None]]] = {
    "line": _checked(_line),
    "bar": _checked(_bar),
    "stacked": _checked(_stacked),
    "funnel": _checked(_funnel),
    "heatmap": _checked(_heatmap),
    "interval": _checked(_interval),
}


# --- what they share


def _colour(index: int) -> str:
    return PALETTE[index % len(PALETTE)]


def _steps(count: int) -> Sequence[Any]:
    """Shades of one colour, the darkest first."""
    return [_SHADES(0.95 - 0.5 * index / max(1, count - 1)) for index in range(count)]


def _value(panel: Panel, value: float) -> str:
    if panel.kind == "ratio":
        return f"{value:.3g}{GAP}%"
    return compact(value)


def _value_axis(axes: Axes, panel: Panel) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=panel.kind == "count"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _value(panel, value)))
    if panel.unit and panel.kind != "ratio":
        axes.set_ylabel(panel.unit, color=INK)


def _from_zero(axes: Axes) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(min(0.0, low), max(0.0, high))


def _lying(axes: Axes, panel: Panel) -> None:
    axes.set_yticks(range(len(panel.categories)), panel.categories)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=panel.kind == "count"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _value(panel, value)))
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=FAINT, linewidth=0.6)
    if panel.unit and panel.kind != "ratio":
        axes.set_xlabel(panel.unit, color=INK)


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:]{8})?")


def _short(labels: Sequence[str]) -> Sequence[str]:
    """Days of one year without the year, which the page names, and instants without their seconds."""
    one_year = len({label[:4] for label in labels}) == 1 and all(_DAY.fullmatch(label) for label in labels)
    return [label[5:16] for label in labels] if one_year else labels


def _slanted(axes: Axes, labels: Sequence[str]) -> None:
    """Labels that would touch are turned."""
    if sum(len(label) + 2 for label in labels) > 70:
        axes.tick_params(axis="x", labelrotation=35)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")


def _across(panel: Panel) -> int:
    """How many names of series find room beside each other."""
    longest = max(len(series.label) for series in panel.series)
    return max(1, min(4, LEGEND_CHARS_MAX // (longest + 6)))


def _legend(figure: Figure, axes: Axes, panel: Panel) -> None:
    if len(panel.series) > 1:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=_across(panel), frameon=False)
