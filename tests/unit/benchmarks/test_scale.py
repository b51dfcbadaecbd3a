"""The arithmetic of scale, and a page that tells what was found and leaves out what was not measured."""

from pathlib import Path

import pytest

from benchmarks.scale import found
from benchmarks.scale.found import Kill, Layout, Network, Recovery, Registered, Scale
from benchmarks.scale.page import page
from benchmarks.scale.sizing import needs

COST = {"gateway": 70.0, "shard": 42.0, "redis": 10.0, "ray": 3.0}
MACHINE = {"cores": "2", "cpu": "C", "python": "3.11", "compiler": "GCC", "build": "no PGO", "redis_server": "7"}


def scale() -> Scale:
    return Scale(
        "2026-01-02T00:00:00",
        MACHINE,
        registered=[
            Registered(1_000, 1_000, 1.0, 9_000, 3.0, COST, 10),
            Registered(1_000_000, 100_000, 400.0, 8_000, 2.7, COST, 2_000),
        ],
        layouts=[Layout(1, 1, 9_000, COST), Layout(2, 1, 8_000, COST | {"shard": 54.5})],
        recovery=[Recovery(50_000, 20_000, 1_000, [Kill(0.3, 0.9, 0.1), Kill(0.4, 1.5, 0.1), Kill(0.2, 0.7, 0.2)])],
        network=Network(1_250, 400),
    )


def test_processes_are_whole_and_none_is_planned_beyond_its_share() -> None:
    at = needs(10_000, COST, Network(1_250, 400))
    # 10 000 × 70 µs are 0.7 cores: one gateway at exactly its 70 %.
    assert (at.gateways, at.shards, at.redis_nodes, at.cores) == (1, 1, 1, 3)
    assert (at.http_gbit_s, at.redis_mb_s) == (0.1, 4.0)
    more = needs(100_001, COST, Network(1_250, 400))
    assert (more.gateways, more.shards, more.redis_nodes) == (11, 7, 3)


def test_the_page_tells_changes_against_the_first_of_each_table() -> None:
    text = page(scale())
    assert "| 1,000,000 | 100,000 | 8,000 | 2.70 | -10% | 70 | 42 | 10 | 3 | 125 | 2,000 | 400 |" in text
    assert "| 2 | 1 | 8,000 | 70 | 54 | 10 | 3 | 138 | +10% |" in text
    assert "| 20,000 | 50,000 | 3 | 0.10 | 0.20 | 0.30 | 0.40 | 0.90 | 1.50 | 1,000 |" in text
    assert "| 1,000,000 | 100 | 60 | 20 | 180 | 10.0 | 400.0 |" in text


def test_what_was_not_measured_is_left_out() -> None:
    text = page(Scale("2026-01-02", MACHINE))
    assert "##" not in text


@pytest.mark.parametrize("whole", [scale(), Scale("2026-01-02", MACHINE)])
def test_the_figures_survive_their_file(tmp_path: Path, whole: Scale) -> None:
    found.write(whole, tmp_path / "scale.json")
    assert found.read(tmp_path / "scale.json") == whole
