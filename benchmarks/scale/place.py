"""Where a curve is measured: a folder with keys, and loads of signed spins by `wrk`."""

import contextlib
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks import servers
from benchmarks.load import Sample, Spins, measure
from benchmarks.processes import CpuTimes, us_per_spin
from benchmarks.signed import Keys, write_spins

RATE_MAX = 30_000
"""So many requests are signed for each second."""


class Loaded(NamedTuple):
    """One sample with the CPU seconds of the server's processes."""

    sample: Sample
    cpu_s: dict[str, float]


class Place:
    """Keys of its own, and a counter of requests so that no key is used twice."""

    def __init__(self, folder: Path, connections: int = 64) -> None:
        self.folder, self.connections = folder, connections
        self.keys = Keys.fresh()
        self.keys_file = folder / "keys.json"
        self.keys.write(self.keys_file)
        self._next = 0

    def spins(self, count: int, players: int) -> Spins:
        """Freshly signed one-call spins; players take turns."""
        path = self.folder / "spins"
        size = write_spins(path, self.keys.game, self._next, count, players)
        self._next += count
        return Spins(path, size, count)

    def load(self, url: str, roots: tuple[int, ...], players: int, seconds: int) -> Loaded:
        """Closed loop for some seconds. Raises LoadFailed."""
        spins = self.spins(RATE_MAX * (seconds + 1), players)
        before = CpuTimes.now()
        sample = measure(url, spins, self.connections, seconds)
        return Loaded(sample, CpuTimes.now().since(before, roots))

    @contextlib.contextmanager
    def croupier(self, store: servers.Running, extra: str) -> Iterator[servers.Running]:
        """`croupier up` on a Redis."""
        with servers.croupier("croupier", store.url, self.keys_file, self.folder, extra) as running:
            yield running


def cpu_us(loads: list[Loaded]) -> dict[str, float]:
    """CPU µs per spin by process, over all loads together."""
    used: dict[str, float] = {}
    for one in loads:
        for role, seconds in one.cpu_s.items():
            used[role] = used.get(role, 0.0) + seconds
    return {role: round(us, 1) for role, us in us_per_spin(used, sum(one.sample.requests for one in loads)).items()}


def per_second(loads: list[Loaded]) -> int:
    """The median."""
    return round(statistics.median(one.sample.per_second for one in loads))
