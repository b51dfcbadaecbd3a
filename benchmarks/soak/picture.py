"""A soak as a picture: memory of each process, latency, and Redis."""

from pathlib import Path
from typing import Final

import matplotlib as mpl

from benchmarks.chart import INK, OURS, REST
from benchmarks.soak.found import Soak
from benchmarks.soak.judging import lasting

mpl.use("Agg")  # there is no screen here
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

FILE: Final = Path(__file__).parents[2] / "docs" / "soak.png"


def draw(found: Soak, path: Path) -> None:
    """Writes a PNG."""
    figure, (memory, play, store) = plt.subplots(
        1, 3, figsize=(15, 4.6), layout="constrained", width_ratios=(1.6, 1, 1)
    )
    _memory(memory, found)
    _play(play, found)
    _store(store, found)
    for axes in (memory, play, store):
        axes.axvspan(0, found.warm_up_s / 60, color=REST, alpha=0.5)
        axes.set_xlabel("minutes; grey: warm-up", color=INK)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    figure.savefig(path, dpi=110, facecolor="white")
    plt.close(figure)


def _memory(axes: Axes, found: Soak) -> None:
    for watched in lasting(found):
        minutes = [sample.at_s / 60 for sample in watched.samples]
        axes.plot(minutes, [sample.rss_kb / 1024 for sample in watched.samples], label=watched.name, linewidth=1.2)
    axes.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_title("MB in memory, by process", loc="left", color=INK, fontsize=10)


def _play(axes: Axes, found: Soak) -> None:
    minutes = [one.at_s / 60 for one in found.play]
    axes.plot(minutes, [one.p99_us / 1000 for one in found.play], color=OURS, label="p99", linewidth=1)
    axes.plot(minutes, [one.p50_us / 1000 for one in found.play], color=INK, label="p50", linewidth=1)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title("ms for a spin", loc="left", color=INK, fontsize=10)


def _store(axes: Axes, found: Soak) -> None:
    minutes = [one.at_s / 60 for one in found.store]
    axes.plot(minutes, [one.used_bytes / 1e6 for one in found.store], color=OURS, label="used_memory, MB")
    axes.plot(minutes, [one.records / 1000 for one in found.store], color=INK, label="journal, 1000 records")
    axes.plot(minutes, [one.players / 100 for one in found.store], color="#f59e0b", label="registered, 100 players")
    axes.legend(frameon=False, fontsize=8)
    axes.set_title("Redis", loc="left", color=INK, fontsize=10)
