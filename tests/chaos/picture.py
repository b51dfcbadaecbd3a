"""The run as a picture: answers per second with the faults marked, and the longest wait of each fault."""

from pathlib import Path

import matplotlib as mpl

from benchmarks.chart import INK, OURS, REST
from tests.chaos.run import Found

mpl.use("Agg")  # there is no screen here
from matplotlib import pyplot as plt
from matplotlib.axes import Axes


def draw(found: Found, path: Path) -> None:
    """Writes a PNG."""
    height = 3.0 + 0.24 * len(found.outages)
    figure, (over_time, waits) = plt.subplots(
        2, 1, figsize=(13, height), layout="constrained", height_ratios=(2.6, 0.24 * len(found.outages) + 0.4)
    )
    _over_time(over_time, found)
    _waits(waits, found)
    for axes in (over_time, waits):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        axes.set_axisbelow(True)
    figure.savefig(path, dpi=110, facecolor="white")
    plt.close(figure)


def _over_time(axes: Axes, found: Found) -> None:
    for number, one in enumerate(found.outages, 1):
        begun, over = one.trouble.began - found.began, one.trouble.over - found.began
        axes.axvspan(begun, max(over, begun + 0.5), color=REST)
        axes.text(begun, 1.0, str(number), transform=axes.get_xaxis_transform(), fontsize=7, color=INK, va="bottom")
    axes.fill_between(range(len(found.answers)), found.answers, color=OURS, alpha=0.8, linewidth=0)
    axes.set_xlim(0, len(found.answers))
    axes.set_ylim(0)
    axes.set_xlabel("seconds; grey: a fault, by number", color=INK)
    axes.set_ylabel("answers per second", color=INK)


def _waits(axes: Axes, found: Found) -> None:
    names = [f"{number} {one.trouble.kind}" for number, one in enumerate(found.outages, 1)]
    axes.barh(names, [one.longest_s for one in found.outages], color=OURS)
    axes.barh(names, [one.trouble.over - one.trouble.began for one in found.outages], color=INK, height=0.15)
    axes.invert_yaxis()
    axes.grid(axis="x", color="#eef2f6")
    axes.set_xlabel(
        "seconds: longest wait of a player for an answer; thin: how long the trouble was kept up", color=INK
    )
