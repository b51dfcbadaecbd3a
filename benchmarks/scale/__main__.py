"""`make bench-scale`: measures the curves and writes docs/performance.md.

A million registered players take minutes to write: --sizes chooses. Parts that are not run keep what an earlier run
found, so that one may be repeated alone.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks import results
from benchmarks.flood import SetupFailed
from benchmarks.load import LoadFailed
from benchmarks.player_memory import CATALOG, busy, idle, kb_per_player
from benchmarks.scale import found, layouts, page, picture, recovery, registered
from benchmarks.scale.place import Place
from benchmarks.servers import ServerFailed
from croupier.catalog import load_catalog

PARTS: Final = ("registered", "layouts", "memory", "recovery")


class Curves:
    """One run; each part writes into `scale`."""

    def __init__(self, scale: found.Scale, options: argparse.Namespace, console: Console) -> None:
        self._scale, self._options, self._console = scale, options, console
        self._started = time.monotonic()

    def say(self, what: str) -> None:
        """Progress, with the time since the start."""
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self._console.print(f"{minutes:02}:{seconds:02} {what}", style="dim", highlight=False)

    def registered(self) -> None:
        """Each size in a folder of its own, which is gone before the next."""
        options, rows = self._options, list[found.Registered]()
        for size in options.sizes:
            with tempfile.TemporaryDirectory(prefix="croupier-scale-") as folder:
                place = Place(Path(folder))
                row = registered.measure(place, size, options.resident, options.rounds, options.seconds, self.say)
            self.say(f"{size:,} registered: {row.per_second:,} spins/s, {row.to_p0:.2f} × P0")
            rows.append(row)
        self._scale.registered = rows

    def layouts(self) -> None:
        """Shards and gateways, then the bytes of a spin."""
        options, rows = self._options, list[found.Layout]()
        for shards, gateways in layouts.LAYOUTS:
            self.say(f"{shards} shards, {gateways} gateways")
            with tempfile.TemporaryDirectory(prefix="croupier-scale-") as folder:
                place = Place(Path(folder))
                rows.append(layouts.measure(place, shards, gateways, options.players, options.rounds, options.seconds))
        self._scale.layouts = rows
        self.say("bytes of a spin")
        with tempfile.TemporaryDirectory(prefix="croupier-scale-") as folder:
            self._scale.network = layouts.network(Place(Path(folder)), options.players, options.seconds)

    def memory(self) -> None:
        """Of players in this process."""
        self.say("memory of a player")
        catalog, count = load_catalog(CATALOG), self._options.players
        self._scale.memory = found.Memory(
            kb_per_player(catalog, idle, count), kb_per_player(catalog, busy, max(1, count // 20))
        )

    def recovery(self) -> None:
        """Some kills for each number of events."""
        options, rows = self._options, list[found.Recovery]()
        for events in options.events:
            self.say(f"a shard is killed {options.kills} times, after {events:,} events each")
            with tempfile.TemporaryDirectory(prefix="croupier-scale-") as folder:
                place = Place(Path(folder))
                rows.append(recovery.measure(place, options.recovery_players, events, options.kills, self.say))
        self._scale.recovery = rows


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--resident", type=int, default=100_000, help="how many of them play")
    parser.add_argument("--players", type=int, default=10_000, help="for layouts and memory")
    parser.add_argument("--recovery-players", type=int, default=50_000, help="in memory when the shard is killed")
    parser.add_argument("--events", nargs="+", type=int, default=[20_000], help="since the last snapshot, at a kill")
    parser.add_argument("--kills", type=int, default=10, help="for each number of events")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=page.FILE.parent, help="where page and chart are written")
    parser.add_argument("--results", type=Path, default=found.FILE, help="the figures (JSON)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts asked for; 1 if one could not be run. What was found before is written."""
    options, console = _options(arguments), Console()
    earlier = found.read(options.results) if options.results.exists() else found.Scale("", {})
    earlier.date, earlier.machine = results.now(), results.machine()
    curves = Curves(earlier, options, console)
    failed = 0
    try:
        for part in options.parts:
            getattr(curves, part)()
            found.write(earlier, options.results)
    except (LoadFailed, SetupFailed, ServerFailed, OSError) as failure:
        console.print(f"no result: {failure}", style="red", markup=False)
        failed = 1
    (options.output / page.FILE.name).write_text(page.page(earlier))
    picture.draw(earlier, options.output / picture.FILE.name)
    return failed


if __name__ == "__main__":
    sys.exit(main())
