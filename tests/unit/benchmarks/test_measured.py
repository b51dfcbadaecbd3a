"""Medians, ratios within a round, CPU per spin: the arithmetic behind every published figure."""

from benchmarks import bar
from benchmarks.load import Sample
from benchmarks.measured import Measured, Measurements
from benchmarks.open_loop import OpenLoop
from benchmarks.results import Results
from benchmarks.shard_metrics import Handling


def measured(
    name: str, per_second: int, p50_us: int = 1, cpu_s: float = 0.0, handling: Handling | None = None
) -> Measured:
    sample = Sample(per_second * 2, per_second, p50_us, 2 * p50_us, 9, 10)
    return Measured(name, sample, {"shard": cpu_s}, 3, handling)


def filled(ours: list[int], floor: list[int]) -> Measurements:
    gathered = Measurements()
    for connections in (64, 1):
        for number, per_second in enumerate(floor):
            gathered.add(number, connections, measured("p0", per_second, p50_us=100 * (number + 1)))
        for number, per_second in enumerate(ours):
            gathered.add(number, connections, measured("redis-everysec", per_second, p50_us=150 * (number + 1)))
    return gathered


def test_a_ratio_is_taken_within_a_round_so_that_a_machine_that_slows_down_changes_none() -> None:
    gathered = filled(ours=[3_000, 300, 3_100], floor=[1_000, 100, 1_000])
    assert gathered.ratio("redis-everysec", "p0", 64, lambda sample: sample.per_second) == 3.0
    assert gathered.row("redis-everysec", "t").per_second == 3_000
    assert gathered.row("redis-everysec", "t").p50_1_to_p0 == 1.5
    assert gathered.ratios("redis-everysec") == {"p0": 3.0}


def test_an_extra_is_compared_with_p0_of_its_own_rounds_and_with_croupier_by_way_of_it() -> None:
    gathered = filled(ours=[3_000, 300, 3_100], floor=[1_000, 100, 1_000])
    for connections in (64, 1):
        gathered.add(7, connections, measured("p0", 100), reference=True)
        gathered.add(7, connections, measured("p3", 50))
    assert gathered.row("p3", "t").to_p0 == 0.5
    assert gathered.row("p3", "t").rounds == 1
    assert gathered.ratios("redis-everysec") == {"p0": 3.0, "p3": 6.0}
    assert gathered.row("p0", "t").per_second == 1_000
    assert gathered.row("p0", "t").rounds == 3


def test_cpu_per_spin_is_of_all_rounds_together_and_snapshots_have_their_share() -> None:
    gathered = filled([1], [1])
    for number, cpu_s in enumerate((0.1, 0.3)):
        told = Handling(10, 40, None, cpu_s / 4)
        gathered.add(number, 64, measured("x", 500, cpu_s=cpu_s, handling=told))
        gathered.add(number, 1, measured("x", 500))
    row = gathered.row("x", "t")
    assert row.cpu_us == {"shard": 200.0}
    assert row.snapshot_cpu_share == 0.25
    assert (row.handle_p50_us, row.handle_p99_us) == (40, None)


def test_what_readers_cost_is_compared_within_a_round() -> None:
    """The machine is three times slower in the second round: the readers cost a tenth in both."""
    gathered = filled([1], [1])
    assert gathered.cpu_ratio("readers", "redis-everysec", ("shard", "gateway")) is None
    for number, slower in enumerate((1, 3)):
        gathered.add(number, 64, measured("redis-everysec", 500, cpu_s=0.2 * slower), reference=True)
        gathered.add(number, 64, measured("readers", 500, cpu_s=0.22 * slower))
    assert gathered.cpu_ratio("readers", "redis-everysec", ("shard", "gateway")) == 1.1


def test_one_drop_in_any_open_round_shows() -> None:
    gathered = filled([3_000], [1_000])
    for dropped, p99 in ((0, 10), (1, 30), (0, 20)):
        gathered.add_open("p0", OpenLoop(500, 100, dropped, 0, 5, p99, p99, 99 + p99, 0, 20))
    row = gathered.row("p0", "t").open_loop
    assert row is not None
    assert (row.p99_us, row.max_us, row.dropped, row.saturated) == (20, 129, 1, False)


def test_the_bar_is_judged_both_ways_and_what_was_not_measured_is_not_reached() -> None:
    gathered = filled(ours=[2_800], floor=[1_000])
    rows = [gathered.row(name, name) for name in ("p0", "redis-everysec")]
    found = Results("2026-01-01", {}, {}, rows, gathered.ratios("redis-everysec"))
    judged = {one.measure.name: one for one in bar.judge(found)}
    assert judged["durable spins/s, × P0"].reached
    assert judged["p50 at 1 connection, × P0"].reached
    assert judged["durable spins/s, × P1"].found is None
    assert not judged["durable spins/s, × P1"].reached
    found.ratios["p0"] = 2.799
    assert not bar.judge(found)[0].reached
