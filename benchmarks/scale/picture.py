"""The curves as one picture; a part that was not run has an empty place."""

from pathlib import Path
from typing import Final

import matplotlib as mpl

from benchmarks.chart import INK, OURS, REST, ROLE_COLORS
from benchmarks.scale.found import Scale
from benchmarks.scale.page import HOT

mpl.use("Agg")  # there is no screen here
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

FILE: Final = Path(__file__).parents[2] / "docs" / "performance.png"


def draw(found: Scale, path: Path) -> None:
    """Writes a PNG."""
    figure, (registered, layouts, recovery) = plt.subplots(1, 3, figsize=(14, 3.6), layout="constrained")
    _registered(registered, found)
    _layouts(layouts, found)
    _recovery(recovery, found)
    for axes in (registered, layouts, recovery):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
        axes.grid(axis="y", color="#eef2f6")
        axes.set_axisbelow(True)
    figure.savefig(path, dpi=110, facecolor="white")
    plt.close(figure)


def _title(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=10)
    axes.set_xlabel(below, color=INK)
    axes.set_ylim(0, 1.15 * max(axes.get_ylim()[1], 1e-9))


def _registered(axes: Axes, found: Scale) -> None:
    axes.plot([one.players for one in found.registered], [one.to_p0 for one in found.registered], "o-", color=OURS)
    if found.registered:
        axes.set_xscale("log")
    _title(axes, "spins per second, × P0", "registered players")


def _layouts(axes: Axes, found: Scale) -> None:
    names = [f"{one.shards} / {one.gateways}" for one in found.layouts]
    below = [0.0] * len(names)
    for role in (*HOT, "others"):
        heights = [
            sum(us for name, us in one.cpu_us.items() if name == role or (role == "others" and name not in HOT))
            for one in found.layouts
        ]
        axes.bar(names, heights, bottom=below, color=ROLE_COLORS.get(role, REST), label=role)
        below = [start + height for start, height in zip(below, heights, strict=True)]
    if names:
        axes.legend(frameon=False, fontsize=8, loc="upper center", ncols=4)
    _title(axes, "CPU µs per spin", "shards / gateways")


def _recovery(axes: Axes, found: Scale) -> None:
    """The kills in the order of how long they took, so that median and longest can be read off."""
    for one in found.recovery:
        number = range(1, len(one.kills) + 1)
        label = f"after {one.events:,} events: " if len(found.recovery) > 1 else ""
        axes.plot(number, sorted(kill.all_s for kill in one.kills), "o-", color=OURS, label=f"{label}all answered")
        axes.plot(number, sorted(kill.first_s for kill in one.kills), "o--", color=INK, label=f"{label}first answer")
    if found.recovery:
        axes.legend(frameon=False, fontsize=8)
    _title(axes, "seconds after a shard is killed", "kills, quickest first")
