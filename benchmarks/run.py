"""`make bench`: durable one-call spins per second and their latency, Croupier beside its peers.

Servers run at once and take turns under load, round by round, so that noise hits them alike; medians are shown. Those
with less to prove are measured afterwards, beside P0 alone, in fewer rounds. Every answer must be a success, and
every balance and the number of spins on record must be right at the end, or there is no result.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks import chart, open_loop, report, results, servers, shard_metrics
from benchmarks.flood import SetupFailed
from benchmarks.load import LoadFailed, Sample, Spins, measure
from benchmarks.measured import Measured, Measurements
from benchmarks.processes import CpuTimes
from benchmarks.signed import Keys, write_spins
from benchmarks.targets import SPECS, Setting, Target

CONNECTIONS: Final = (64, 1)
ALONE_RATE_MAX: Final = 20_000
"""So many requests are signed for each second of warm-up at one connection; at 64 the target's spec says it."""
HEADROOM: Final = 2.5
"""After the warm-up: so many times as many requests are signed as the warm-up used."""
WARM_UP_S: Final = 1
WIDTH: Final = 140
"""Columns of the printed tables, whatever the terminal has."""
QUICK: Final = ("p0", "p1", "p2", "p4", "redis-everysec")
QUICK_OPTIONS: Final = {"rounds": 3, "seconds": 2, "players": 1_000, "open_seconds": 3, "open_rounds": 1}
FULL_OPTIONS: Final = {"rounds": 5, "seconds": 5, "players": 10_000, "open_seconds": 10, "open_rounds": 3}


class Bench:
    """One run: servers started on an exit stack, samples gathered by target and connections."""

    def __init__(self, folder: Path, options: argparse.Namespace, console: Console) -> None:
        keys = Keys.fresh()
        keys.write(folder / "keys.json")
        self._setting = Setting(folder, keys, folder / "keys.json", options.players, options.actors)
        self._options = options
        self._console = console
        self._next_request = 0
        self._rates: dict[tuple[str, int], int] = {}
        self._answered: dict[str, int] = {}
        self._under_way: dict[str, int] = {}
        self._rounds = 0
        self._started = time.monotonic()
        self.measured = Measurements()

    def run(self) -> None:
        """Starts everything, measures, checks the money. Raises what the parts raise."""
        names = self._options.targets
        with self._running([name for name in names if not SPECS[name].beside]) as targets:
            for _ in range(self._options.rounds):
                self._round(targets)
            for number in range(self._options.open_rounds):
                self._open_round(targets, number)
        for name in names:
            if beside := SPECS[name].beside:
                with self._running([*beside, name]) as targets:
                    for _ in range((self._options.rounds + 1) // 2):
                        self._round(targets, beside)

    @contextlib.contextmanager
    def _running(self, names: Sequence[str]) -> Iterator[list[Target]]:
        """The targets, ready and warm; their money is checked before they end."""
        self._answered, self._under_way = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        setting = self._setting._replace(folder=Path(tempfile.mkdtemp(dir=self._setting.folder)))
        with contextlib.ExitStack() as stack:
            targets = list[Target]()
            for name in names:
                self._say(f"starting {SPECS[name].title}")
                targets.append(SPECS[name].start(stack, setting, name))
            for target in targets:
                self._warm_up(target)
            yield targets
            for target in targets:
                if target.check is not None:
                    self._say(f"adding up the money of {SPECS[target.name].title}")
                    target.check(self._answered[target.name], self._under_way[target.name])

    def _say(self, what: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        self._console.print(f"{minutes:02}:{seconds:02} {what}", style="dim", highlight=False)

    def _warm_up(self, target: Target) -> None:
        for connections in CONNECTIONS:
            rate = SPECS[target.name].rate_max if connections > 1 else ALONE_RATE_MAX
            sample = self._ready(target, connections, WARM_UP_S, rate)()
            self._rates[target.name, connections] = int(HEADROOM * sample.per_second) + 1_000

    def _round(self, targets: Sequence[Target], references: Sequence[str] = ()) -> None:
        """All in turn, at 64 connections and at one; what is measured of `references` serves ratios only."""
        self._rounds += 1
        self._say(f"round {self._rounds}: {', '.join(target.name for target in targets)}")
        for connections in CONNECTIONS:
            for target in targets:
                found = self._measure(target, targets, connections)
                self.measured.add(self._rounds, connections, found, target.name in references)

    def _measure(self, target: Target, targets: Sequence[Target], connections: int) -> Measured:
        """One sample, with what the processes and the shards say of the same seconds."""
        seconds = self._options.seconds if connections > 1 else max(1, self._options.seconds * 3 // 5)
        asked = shard_metrics.scrape(target.url) if target.is_croupier else None
        load = self._ready(target, connections, seconds, self._rates[target.name, connections])
        before = CpuTimes.now()
        sample = load()
        after = CpuTimes.now()
        cpu_s = after.since(before, target.roots)
        idle = [root for other in targets if other is not target for root in other.roots]
        others_s = sum(after.since(before, idle).values())
        known_s = sum(cpu_s.values()) + others_s + sample.generator_cpu / 100 * seconds
        return Measured(
            name=target.name,
            sample=sample,
            cpu_s=cpu_s,
            others_cpu=round(100 * others_s / seconds),
            foreign_cpu=round(100 * (after.busy_s - before.busy_s - known_s) / seconds),
            handling=None if asked is None else shard_metrics.between(asked, shard_metrics.scrape(target.url)),
        )

    def _open_round(self, targets: Sequence[Target], number: int) -> None:
        """Half of the maximum measured before, at a fixed rate."""
        for target in targets:
            if not SPECS[target.name].open_loop or self._options.open_seconds == 0:
                continue
            rate = max(1, self.measured.per_second(target.name) // 2)
            self._say(f"open loop {number + 1} of {self._options.open_rounds}: {target.name} at {rate:,} per second")
            spins = self._signed(target, rate * self._options.open_seconds)
            found = open_loop.measure(target.url, spins, CONNECTIONS[0], rate)
            self._count(target, found.answered, found.dropped)
            self.measured.add_open(target.name, found)

    def _ready(self, target: Target, connections: int, seconds: int, rate_max: int) -> Callable[[], Sample]:
        """A load that has signed its requests already, so that its CPU doesn't count as anybody's."""
        spins = None if target.load is not None else self._signed(target, rate_max * (seconds + 1))

        def load() -> Sample:
            if target.load is not None:
                sample = target.load(connections, seconds)
            else:
                assert spins is not None
                sample = measure(target.url, spins, connections, seconds)
            self._count(target, sample.requests, connections)
            return sample

        return load

    def _signed(self, target: Target, count: int) -> Spins:
        """Fresh requests, signed just before: none is a repeat and none has an old timestamp."""
        path = self._setting.folder / "spins"
        size = write_spins(path, self._setting.keys.game, self._next_request, count, target.players)
        self._next_request += count
        return Spins(path, size, count)

    def _count(self, target: Target, answered: int, under_way: int) -> None:
        self._answered[target.name] += answered
        self._under_way[target.name] += under_way


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three minutes: fewer targets, rounds, seconds, players")
    parser.add_argument("--rounds", type=int, help="rounds; the median of each figure counts")
    parser.add_argument("--seconds", type=int, help="seconds under load, each target, each round")
    parser.add_argument("--open-seconds", type=int, help="seconds at half the maximum rate; 0 for none")
    parser.add_argument("--open-rounds", type=int)
    parser.add_argument("--players", type=int)
    parser.add_argument("--actors", type=int, default=50, help="players of P3: each is a process")
    parser.add_argument("--targets", nargs="+", choices=SPECS, metavar="NAME", help=f"of {', '.join(SPECS)}")
    parser.add_argument("--results", type=Path, help="where the figures are written (JSON); nowhere if --quick")
    parser.add_argument("--chart", type=Path, help="where the chart is written (PNG); nowhere if --quick")
    options = parser.parse_args(arguments)
    for name, value in (QUICK_OPTIONS if options.quick else FULL_OPTIONS).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if not options.quick:
        options.results, options.chart = options.results or results.FILE, options.chart or chart.FILE
    options.targets = options.targets or list(QUICK if options.quick else SPECS)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 1 if it could not be run or a result would be worth nothing."""
    options, console = _options(arguments), Console(width=WIDTH)
    try:
        with tempfile.TemporaryDirectory(prefix="croupier-bench-") as folder:
            bench = Bench(Path(folder), options, console)
            bench.run()
    except (LoadFailed, SetupFailed, servers.ServerFailed, OSError, EOFError) as failure:
        console.print(f"no result: {failure}", style="red", markup=False)
        return 1
    used = {name: getattr(options, name) for name in (*FULL_OPTIONS, "actors")}
    found = results.Results(
        date=results.now(),
        machine=results.machine(),
        options=used,
        rows=[bench.measured.row(name, SPECS[name].title) for name in options.targets],
        ratios=bench.measured.ratios("redis-everysec"),
        readers_cpu=bench.measured.cpu_ratio("readers", "redis-everysec", ("shard", "gateway")),
    )
    if options.results is not None:
        results.write(found, options.results)
    if options.chart is not None:
        chart.draw(found, options.chart)
    report.show(console, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
