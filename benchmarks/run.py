"""`make bench`: durable one-call spins per second and their latency, Croupier beside the peers that do nothing.

All servers run at once and take turns under load, round by round, so that noise hits them alike; medians are shown.
Every answer must be a success and every balance must be right at the end, or there is no result.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import client, servers
from benchmarks.load import LoadFailed, Sample, Spins, measure
from benchmarks.signed import Keys, write_spins

RESULTS: Final = Path(__file__).with_name("results.json")
CONNECTIONS: Final = (64, 1)
REQUESTS_PER_SECOND_MAX: Final = {64: 60_000, 1: 20_000}
"""Above what any server here reaches: so many requests are signed for each second of warm-up."""
HEADROOM: Final = 2.5
"""After the warm-up: so many times as many requests are signed as the warm-up used."""
WARM_UP_S: Final = 2
TITLES: Final = {
    "p0": "P0 FastAPI, does nothing",
    "p4": "P4 plain ASGI, does nothing",
    "redis-everysec": "Croupier, Redis (AOF everysec)",
    "redis-always": "Croupier, Redis (AOF always)",
    "sqlite": "Croupier, SQLite (default)",
}


DEFAULT: Final = ("p0", "p4", "redis-everysec", "sqlite")


class Target(NamedTuple):
    """A server under load. `durable`: it is Croupier, with players and money to check."""

    name: str
    url: str
    durable: bool


class Row(NamedTuple):
    """Medians of one target."""

    name: str
    per_second_64: int
    p50_us_64: int
    p99_us_64: int
    p50_us_1: int
    p99_us_1: int
    generator_cpu_64: int


class Bench:
    """One run: servers started on an exit stack, samples gathered by target and connections."""

    def __init__(self, folder: Path, options: argparse.Namespace, console: Console) -> None:
        self._folder = folder
        self._options = options
        self._console = console
        self._keys = Keys.fresh()
        self._next_request = 0
        self._warm: dict[tuple[str, int], int] = {}
        self._samples: dict[tuple[str, int], list[Sample]] = {}

    def run(self) -> list[Row]:
        """Starts everything, measures, checks the money. Raises what the parts raise."""
        with contextlib.ExitStack() as stack:
            targets = [self._start(stack, name) for name in self._options.targets]
            for target in targets:
                self._warm_up(target)
            for number in range(self._options.rounds):
                self._console.print(f"round {number + 1} of {self._options.rounds}", style="dim")
                for connections in CONNECTIONS:
                    self._round(targets, connections)
            for target in filter(lambda target: target.durable, targets):
                self._check_money(target)
        return [self._row(target.name) for target in targets]

    def _start(self, stack: contextlib.ExitStack, name: str) -> Target:
        self._console.print(f"starting {TITLES[name]}", style="dim")
        if name in ("p0", "p4"):
            return Target(name, stack.enter_context(servers.peer(name, self._folder)).url, durable=False)
        keys = self._folder / "keys.json"
        self._keys.write(keys)
        if name == "sqlite":
            store = f"sqlite:{self._folder / 'store'}"
        else:
            store = stack.enter_context(servers.redis(self._folder, name, name.removeprefix("redis-"))).url
        url = stack.enter_context(servers.croupier(name, store, keys, self._folder)).url
        asyncio.run(client.prepare(url, self._keys.platform, self._options.players))
        return Target(name, url, durable=True)

    def _warm_up(self, target: Target) -> None:
        for connections in CONNECTIONS:
            rate = REQUESTS_PER_SECOND_MAX[connections]
            sample = self._load(target, connections, WARM_UP_S, rate)
            self._warm[target.name, connections] = int(HEADROOM * sample.per_second) + 1

    def _round(self, targets: Sequence[Target], connections: int) -> None:
        for target in targets:
            rate = self._warm[target.name, connections]
            sample = self._load(target, connections, self._options.seconds, rate)
            self._samples.setdefault((target.name, connections), []).append(sample)

    def _load(self, target: Target, connections: int, seconds: int, rate_max: int) -> Sample:
        """Fresh requests, signed just before: none is a repeat and none has an old timestamp."""
        path, count = self._folder / "spins", rate_max * (seconds + 1)
        size = write_spins(path, self._keys.game, self._next_request, count, self._options.players)
        self._next_request += count
        return measure(target.url, Spins(path, size, count), connections, seconds)

    def _check_money(self, target: Target) -> None:
        """Every bet was won back, so all deposits and all bonuses must still be there, to the cent."""
        players, deposit = self._options.players, client.DEPOSIT
        awarded = -(-players // 3)
        expected = client.Money(players * deposit, awarded * deposit, awarded)
        found = asyncio.run(client.money(target.url, self._keys.platform, players))
        if found != expected:
            raise LoadFailed(f"{target.name}: the balances are wrong: {found}, expected {expected}")

    def _row(self, name: str) -> Row:
        def median(connections: int, field: str) -> int:
            figures: list[int] = [getattr(sample, field) for sample in self._samples[name, connections]]
            return round(statistics.median(figures))

        return Row(
            name=name,
            per_second_64=median(64, "per_second"),
            p50_us_64=median(64, "p50_us"),
            p99_us_64=median(64, "p99_us"),
            p50_us_1=median(1, "p50_us"),
            p99_us_1=median(1, "p99_us"),
            generator_cpu_64=median(64, "generator_cpu"),
        )


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=False).stdout
    packages = ("ray", "fastapi", "uvicorn", "uvloop", "httptools", "redis", "msgspec")
    return {
        "cores": os.cpu_count(),
        "cpu": cpu[0] if cpu else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "redis_server": redis.split("v=")[-1].split(" ")[0],
        **{name: version(name) for name in packages},
    }


HEAD: Final = ("", "spins/s", "× P0", "p50 ms", "p99 ms", "p50 ms\n1 conn.", "p99 ms\n1 conn.", "wrk\nCPU %")
"""64 connections unless a column says 1; wrk's CPU in percent of one core, at 64."""


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The table's lines as text."""
    floor = next((row.per_second_64 for row in rows if row.name == "p0"), None)
    return [
        (
            TITLES[row.name],
            f"{row.per_second_64:,}",
            f"{row.per_second_64 / floor:.2f}" if floor else "–",
            *(f"{us / 1000:.2f}" for us in (row.p50_us_64, row.p99_us_64, row.p50_us_1, row.p99_us_1)),
            str(row.generator_cpu_64),
        )
        for row in rows
    ]


def markdown(rows: Sequence[Row]) -> str:
    """The table for the README."""
    lines = [
        tuple(name.replace("\n", ", ") for name in HEAD),
        tuple("---" if not name else "---:" for name in HEAD),
        *cells(rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _show(console: Console, rows: Sequence[Row]) -> None:
    table = Table(title="one-call spins over 64 connections, all servers in one run")
    for name in HEAD:
        table.add_column(name, justify="right" if name else "left", no_wrap=bool(name))
    for line in cells(rows):
        table.add_row(*line)
    console.print(table)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="croupier bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median of each figure counts")
    parser.add_argument("--seconds", type=int, default=5, help="seconds under load, each target, each round")
    parser.add_argument("--players", type=int, default=10_000)
    parser.add_argument("--targets", nargs="+", choices=TITLES, default=DEFAULT, metavar="NAME")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are written (JSON)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown too")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 1 if it could not be run or a result would be worth nothing."""
    options, console = _options(arguments), Console()
    try:
        with tempfile.TemporaryDirectory(prefix="croupier-bench-") as folder:
            rows = Bench(Path(folder), options, console).run()
    except (LoadFailed, client.SetupFailed, servers.ServerFailed, OSError, EOFError) as failure:
        console.print(f"no result: {failure}", style="red", markup=False)
        return 1
    _show(console, rows)
    found = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "options": {"rounds": options.rounds, "seconds": options.seconds, "players": options.players},
        "rows": [row._asdict() for row in rows],
    }
    options.results.write_text(json.dumps(found, indent=2) + "\n")
    if options.markdown:
        console.print(markdown(rows), soft_wrap=True, markup=False, highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
