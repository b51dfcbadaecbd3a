"""Quantiles and snapshots' CPU from two scrapes of a shard."""

from benchmarks.shard_metrics import Handling, _add, between

TEXT = """# TYPE spin_handle_seconds histogram
spin_handle_seconds_bucket{le="2e-05"} %d
spin_handle_seconds_bucket{le="4e-05"} %d
spin_handle_seconds_bucket{le="0.00015"} %d
spin_handle_seconds_bucket{le="+Inf"} %d
spin_handle_seconds_count %d
spin_handle_seconds_sum 1.0
"""
SNAPSHOTS = """# TYPE shard_snapshot_cpu_seconds_total counter
shard_snapshot_cpu_seconds_total %f
"""


def scraped(*texts: str) -> dict[str, float]:
    added: dict[str, float] = {}
    for text in texts:
        _add(added, text)
    return added


def test_quantiles_are_of_what_was_handled_between_the_scrapes() -> None:
    before = scraped(TEXT % (1_000, 1_000, 1_000, 1_000, 1_000))
    after = scraped(TEXT % (1_010, 1_060, 1_099, 1_100, 1_100))
    assert between(before, after) == Handling(100, 40, 150, None)


def test_a_quantile_beyond_the_last_bound_is_unknown() -> None:
    assert between({}, scraped(TEXT % (0, 0, 50, 100, 100))) == Handling(100, 150, None, None)
    assert between({}, {}) == Handling(0, None, None, None)


def test_shards_are_added_up_and_snapshots_told_where_the_shard_tells_them() -> None:
    before = scraped(SNAPSHOTS % 1.5, SNAPSHOTS % 2.5)
    after = scraped(SNAPSHOTS % 2.0, SNAPSHOTS % 3.0, TEXT % (1, 1, 1, 1, 1), TEXT % (1, 1, 1, 1, 1))
    assert between(before, after) == Handling(2, 20, 20, 1.0)
