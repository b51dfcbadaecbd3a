"""The run as a picture: spins per second with their ratio to P0, and CPU per spin by process."""

from pathlib import Path
from typing import Final

import matplotlib as mpl

from benchmarks.results import Results, Row

mpl.use("Agg")  # there is no screen here
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

FILE: Final = Path(__file__).parents[1] / "docs" / "bench.png"
OURS, THEIRS, INK = "#0f766e", "#b8c4d0", "#334155"
ROLE_COLORS: Final = {
    "gateway": "#0f766e",
    "shard": "#14b8a6",
    "redis": "#f59e0b",
    "uvicorn": "#94a3b8",
    "actors": "#6366f1",
    "postgres backends": "#3b82f6",
    "postgres (others)": "#93c5fd",
}
REST: Final = "#e2e8f0"


def draw(found: Results, path: Path) -> None:
    """Writes a PNG."""
    rows = found.rows[::-1]
    figure, (speed, cpu) = plt.subplots(1, 2, figsize=(13, 0.55 * len(rows) + 1.8), sharey=True, layout="constrained")
    _speed(speed, rows)
    _cpu(cpu, rows)
    for axes in (speed, cpu):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(colors=INK, length=0)
        axes.grid(axis="x", color="#eef2f6")
        axes.set_axisbelow(True)
    figure.savefig(path, dpi=110, facecolor="white")
    plt.close(figure)


def _speed(axes: Axes, rows: list[Row]) -> None:
    colors = [OURS if row.title.startswith("Croupier") else THEIRS for row in rows]
    bars = axes.barh([row.title for row in rows], [row.per_second for row in rows], color=colors)
    labels = [f" {row.per_second:,}" + (f"  ({row.to_p0:.2f} × P0)" if row.to_p0 else "") for row in rows]
    axes.bar_label(bars, labels, color=INK, fontsize=9)
    axes.set_title("spins per second, 64 connections, median", loc="left", color=INK, fontsize=11)
    axes.margins(x=0.25)


def _cpu(axes: Axes, rows: list[Row]) -> None:
    left = [0.0] * len(rows)
    roles = list(dict.fromkeys(role for row in rows for role in row.cpu_us))
    named = [role for role in ROLE_COLORS if role in roles]
    others = [role for role in roles if role not in ROLE_COLORS]
    for label, members in [*((role, [role]) for role in named), ("others", others)]:
        widths = [sum(row.cpu_us.get(role, 0.0) for role in members) for row in rows]
        axes.barh([row.title for row in rows], widths, left=left, color=ROLE_COLORS.get(label, REST), label=label)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    for number, total in enumerate(left):
        axes.text(total, number, f" {total:.0f}", va="center", color=INK, fontsize=9)
    axes.set_title("CPU microseconds per spin, by process", loc="left", color=INK, fontsize=11)
    axes.legend(frameon=False, fontsize=8, loc="best")
    axes.margins(x=0.12)
