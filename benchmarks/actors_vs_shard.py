"""Why players share Ray actors: 50 actors with one player each against one actor with 50 000, in time and memory.

`python -m benchmarks.actors_vs_shard`. Memory is the proportional set size (PSS), so that pages that processes share
count once; the figures are quoted in docs/decisions/0001.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import ray
from rich.console import Console
from rich.table import Table

from croupier.catalog import load_catalog
from engine.catalog import Catalog
from engine.commands import Command, Deposit, Register
from engine.player import execute
from engine.state import Player
from engine.transition import Transition

CATALOG: Final = Path(__file__).parents[1] / "catalog"
NOW_MS: Final = 1_780_000_000_000
"""Any time at which the shipped campaigns run: the engine reads no clock."""


class Measured(NamedTuple):
    """`seconds` until all players were there; `memory_kb` that their processes take."""

    actors: int
    players: int
    seconds: float
    memory_kb: int


class Host:
    """A Ray actor that hosts players: registered, with money and a welcome bonus, as real ones are."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._players: list[Player] = []

    def add(self, first: int, count: int) -> int:
        """Adds players; answers the process id."""
        for number in range(first, first + count):
            player = Player.new(f"bench-{number:06d}")
            for key, body in (("r", Register("EUR", "SE")), ("d", Deposit(10_000))):
                outcome = execute(player, self._catalog, Command(f"platform:{key}", NOW_MS, body))
                assert isinstance(outcome, Transition), outcome
            self._players.append(player)
        return os.getpid()


def memory_kb(pid: int) -> int:
    """The process's proportional set size in KB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def measure(actors: int, players_each: int, catalog: Catalog) -> Measured:
    """Starts the actors, fills them, and looks at their processes once all are there."""
    host: Any = ray.remote(num_cpus=0)(Host)
    started = time.monotonic()
    handles = [host.remote(catalog) for _ in range(actors)]
    pids: list[int] = ray.get([handle.add.remote(n * players_each, players_each) for n, handle in enumerate(handles)])
    seconds = time.monotonic() - started
    memory = sum(memory_kb(pid) for pid in pids)
    for handle in handles:
        ray.kill(handle)
    return Measured(actors, actors * players_each, seconds, memory)


def _table(rows: Sequence[Measured]) -> Table:
    table = Table(title="players and the processes they live in")
    columns: list[tuple[str, Callable[[Measured], str]]] = [
        ("Ray actors", lambda row: f"{row.actors:,}"),
        ("players", lambda row: f"{row.players:,}"),
        ("start s", lambda row: f"{row.seconds:.1f}"),
        ("memory MB", lambda row: f"{row.memory_kb / 1024:,.0f}"),
        ("KB per player", lambda row: f"{row.memory_kb / row.players:,.1f}"),
    ]
    for name, _ in columns:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(cell(row) for _, cell in columns))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures both ways on a local Ray of its own, after one actor nobody counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=50)
    parser.add_argument("--players", type=int, default=50_000)
    options = parser.parse_args(arguments)
    os.environ.update(RAY_worker_niceness="0", RAY_USAGE_STATS_ENABLED="0")
    catalog = load_catalog(CATALOG)
    with tempfile.TemporaryDirectory(prefix="croupier-ray-") as folder:
        local: dict[str, Any] = {
            "address": "local",
            "_temp_dir": folder,
            "include_dashboard": False,
            "log_to_driver": False,
        }
        ray.init(num_cpus=2, **local)
        try:
            measure(1, 1, catalog)
            rows = [measure(1, options.players, catalog), measure(options.actors, 1, catalog)]
        finally:
            ray.shutdown()
    Console().print(_table(rows))
    print(json.dumps([row._asdict() for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
