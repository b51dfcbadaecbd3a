"""The bar: what Croupier has to reach beside its peers, and whether a run reached it."""

import operator
from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks.results import OpenLoopRow, Results, Row

CROUPIER: Final = "redis-everysec"


class Measure(NamedTuple):
    """A measure with its bar, and the better `goal` where there is one."""

    name: str
    find: Callable[[Results], float | None]
    bar: float
    at_least: bool
    goal: float | None = None
    unit: str = ""


class Judged(NamedTuple):
    """What a run says of a measure; `found` is None where it was not measured."""

    measure: Measure
    found: float | None

    @property
    def reached(self) -> bool:
        """Whether the bar is reached."""
        compare = operator.ge if self.measure.at_least else operator.le
        return self.found is not None and compare(self.found, self.measure.bar)


def _ratio(other: str) -> Callable[[Results], float | None]:
    return lambda results: results.ratios.get(other)


def _inverse(other: str) -> Callable[[Results], float | None]:
    return lambda results: 1 / results.ratios[other] if results.ratios.get(other) else None


def _row(figure: Callable[[Row], float | None]) -> Callable[[Results], float | None]:
    def find(results: Results) -> float | None:
        row = results.row(CROUPIER)
        return None if row is None else figure(row)

    return find


def _open(figure: Callable[[OpenLoopRow], float]) -> Callable[[Results], float | None]:
    return _row(lambda row: None if row.open_loop is None else figure(row.open_loop))


MEASURES: Final = (
    Measure("durable spins/s, × P0", _ratio("p0"), 2.8, True, 3.2),
    Measure("durable spins/s, × P1", _ratio("p1"), 4, True, 6),
    Measure("durable spins/s, × P2", _ratio("p2"), 8, True, 12),
    Measure("durable spins/s, × P4", _ratio("p4"), 0.5, True, 0.6),
    Measure("p50 at 1 connection, × P0", _row(lambda row: row.p50_1_to_p0), 1.7, False, 1.5),
    Measure("p50 at 1 connection", _row(lambda row: row.p50_us_1 / 1000), 0.45, False, unit="ms"),
    Measure("spin stream, × the HTTP figure", _inverse("stream"), 2, True),
    Measure("open loop at half the maximum, p99", _open(lambda row: row.p99_us / 1000), 10, False, unit="ms"),
    Measure("open loop at half the maximum, p99.9", _open(lambda row: row.p999_us / 1000), 50, False, unit="ms"),
    Measure("open loop, dropped or failed", _open(lambda row: row.dropped + row.failed), 0, False),
    Measure("CPU of shard and gateway, readers on by off", lambda results: results.readers_cpu, 1.05, False),
    Measure("a spin in the shard, p50", _row(lambda row: row.handle_p50_us), 40, False, unit="µs"),
    Measure("a spin in the shard, p99", _row(lambda row: row.handle_p99_us), 150, False, unit="µs"),
)


def judge(results: Results) -> list[Judged]:
    """All measures of a run."""
    return [Judged(measure, measure.find(results)) for measure in MEASURES]
