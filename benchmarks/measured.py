"""Samples of a run, and what is told of them: medians, and medians of the ratios within a round.

The machine's speed drifts, so a ratio is taken between two samples of the same round, which lie seconds apart.
"""

import statistics
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from benchmarks.load import Sample
from benchmarks.open_loop import OpenLoop
from benchmarks.processes import us_per_spin
from benchmarks.results import OpenLoopRow, Row
from benchmarks.shard_metrics import Handling

MANY: Final = 64
FLOOR: Final = "p0"


class Measured(NamedTuple):
    """One sample of a target and the CPU seconds of its processes.

    In percent of one core: `others_cpu` is what the run's other servers took, `foreign_cpu` what
    took the machine's time without belonging to the run.
    """

    name: str
    sample: Sample
    cpu_s: dict[str, float]
    others_cpu: int
    handling: Handling | None
    foreign_cpu: int = 0


class Measurements:
    """All samples by target, connections and round."""

    def __init__(self) -> None:
        self._by: dict[tuple[str, int], dict[int, Measured]] = {}
        self._references: dict[tuple[str, int], dict[int, Measured]] = {}
        self._open: dict[str, list[OpenLoop]] = {}

    def add(self, round_number: int, connections: int, measured: Measured, reference: bool = False) -> None:
        """Keeps one. A `reference` counts in ratios of its round only: its target has medians of its own."""
        kept = self._references if reference else self._by
        kept.setdefault((measured.name, connections), {})[round_number] = measured

    def add_open(self, name: str, found: OpenLoop) -> None:
        """Keeps one of the open loop."""
        self._open.setdefault(name, []).append(found)

    def per_second(self, name: str) -> int:
        """The median at 64 connections."""
        return self._median(name, MANY, lambda sample: sample.per_second)

    def ratio(self, name: str, other: str, connections: int, figure: Callable[[Sample], float]) -> float | None:
        """The median, over the rounds that have both, of one target's figure by the other's; None without any."""
        ours, theirs = self._all(name, connections), self._all(other, connections)
        both = [figure(ours[number].sample) / figure(theirs[number].sample) for number in ours.keys() & theirs.keys()]
        return round(statistics.median(both), 3) if both else None

    def cpu_ratio(self, name: str, other: str, roles: Iterable[str]) -> float | None:
        """As `ratio` at 64 connections, of the CPU time per spin of these processes together."""
        ours, theirs = self._all(name, MANY), self._all(other, MANY)
        both = [_cpu_of(ours[number], roles) / _cpu_of(theirs[number], roles) for number in ours.keys() & theirs.keys()]
        return round(statistics.median(both), 3) if both else None

    def ratios(self, name: str) -> dict[str, float]:
        """Spins per second of `name` by those of each other target; by way of P0 where they shared no round."""
        others = [other for other, connections in self._by if connections == MANY and other != name]
        found = {other: self._speed(name, other) or self._by_way_of_floor(name, other) for other in others}
        return {other: ratio for other, ratio in found.items() if ratio is not None}

    def _speed(self, name: str, other: str) -> float | None:
        return self.ratio(name, other, MANY, lambda sample: sample.per_second)

    def _by_way_of_floor(self, name: str, other: str) -> float | None:
        ours, theirs = self._speed(name, FLOOR), self._speed(other, FLOOR)
        return round(ours / theirs, 3) if ours and theirs else None

    def _all(self, name: str, connections: int) -> dict[int, Measured]:
        return self._by.get((name, connections), {}) | self._references.get((name, connections), {})

    def row(self, name: str, title: str) -> Row:
        """What is told of a target."""
        many = self._by[name, MANY].values()
        handled = [measured for measured in many if measured.handling is not None and measured.handling.spins]
        handlings = [measured.handling for measured in handled if measured.handling is not None]
        return Row(
            name=name,
            title=title,
            rounds=len(many),
            per_second=self.per_second(name),
            p50_us=self._median(name, MANY, lambda sample: sample.p50_us),
            p99_us=self._median(name, MANY, lambda sample: sample.p99_us),
            p50_us_1=self._median(name, 1, lambda sample: sample.p50_us),
            p99_us_1=self._median(name, 1, lambda sample: sample.p99_us),
            to_p0=self.ratio(name, FLOOR, MANY, lambda sample: sample.per_second),
            p50_1_to_p0=self.ratio(name, FLOOR, 1, lambda sample: sample.p50_us),
            generator_cpu=self._median(name, MANY, lambda sample: sample.generator_cpu),
            cpu_us=_cpu_us(many),
            others_cpu=round(statistics.median(measured.others_cpu for measured in many)),
            foreign_cpu=round(statistics.median(measured.foreign_cpu for measured in many)),
            handle_p50_us=_known_median(handling.p50_us for handling in handlings),
            handle_p99_us=_known_median(handling.p99_us for handling in handlings),
            snapshot_cpu_share=_snapshot_share(handled),
            open_loop=_open_row(self._open.get(name, [])),
        )

    def _median(self, name: str, connections: int, figure: Callable[[Sample], float]) -> int:
        return round(statistics.median(figure(one.sample) for one in self._by[name, connections].values()))


def _cpu_of(measured: Measured, roles: Iterable[str]) -> float:
    """Seconds per spin."""
    return sum(measured.cpu_s.get(role, 0.0) for role in roles) / measured.sample.requests


def _cpu_us(many: Iterable[Measured]) -> dict[str, float]:
    """Over all rounds together, because the process table counts in steps of 10 ms."""
    spins, used = 0, dict[str, float]()
    for measured in many:
        spins += measured.sample.requests
        for role, seconds in measured.cpu_s.items():
            used[role] = used.get(role, 0.0) + seconds
    return {role: round(us, 1) for role, us in us_per_spin(used, spins).items()}


def _known_median(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known)) if known else None


def _snapshot_share(handled: Iterable[Measured]) -> float | None:
    told = [one for one in handled if one.handling is not None and one.handling.snapshot_cpu_s is not None]
    shard_s = sum(one.cpu_s.get("shard", 0.0) for one in told)
    snapshots_s = sum(one.handling.snapshot_cpu_s or 0.0 for one in told if one.handling is not None)
    return round(snapshots_s / shard_s, 3) if shard_s else None


def _open_row(found: list[OpenLoop]) -> OpenLoopRow | None:
    if not found:
        return None

    def median(figure: Callable[[OpenLoop], int]) -> int:
        return round(statistics.median(figure(one) for one in found))

    return OpenLoopRow(
        rate=median(lambda one: one.rate),
        p50_us=median(lambda one: one.p50_us),
        p99_us=median(lambda one: one.p99_us),
        p999_us=median(lambda one: one.p999_us),
        max_us=max(one.max_us for one in found),
        dropped=sum(one.dropped for one in found),
        failed=sum(one.failed for one in found),
        generator_cpu=median(lambda one: one.generator_cpu),
        late_p99_us=median(lambda one: one.late_p99_us),
        saturated=any(one.saturated for one in found),
    )
