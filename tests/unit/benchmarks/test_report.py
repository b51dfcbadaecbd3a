"""What the README quotes is what was measured."""

from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.report import BEGIN, END, README, insert, markdown, remarks
from benchmarks.results import OpenLoopRow, Results, Row, build


def row(name: str, per_second: int) -> Row:
    return Row(name, f"T {name}", 5, per_second, 1_500, 2_500, 300, 900, 2.5, 1.2, 12, {"shard": 50.4, "redis": 7.2}, 1)


MACHINE = {"cores": "2", "cpu": "C", "python": "3.11", "compiler": "GCC", "build": "no PGO", "redis_server": "7"}
FOUND = Results(
    "2026-01-02T03:04:05+00:00",
    MACHINE | {"postgresql": "15"},
    {"players": 10_000, "rounds": 5, "seconds": 5, "actors": 50},
    [row("p0", 4_000), row("redis-everysec", 10_000)],
    {"p0": 2.5},
)


def test_the_tables_tell_figures_ratios_and_the_build() -> None:
    text = markdown(FOUND, "docs/bench.png")
    assert "| T p0 | 5 | 4,000 | 2.50 | 2.50 | 1.50 | 2.50 | 0.30 | 0.90 |" in text
    assert "| T redis-everysec | 58 | shard 50, redis 7 |" in text
    assert "| durable spins/s, × P0 | 2.5 | ≥ 2.8 | 3.2 | **no** |" in text
    assert "Python 3.11 (GCC, no PGO)" in text


def test_a_block_replaces_what_stands_between_its_markers_only() -> None:
    assert insert(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"
    with pytest.raises(ValueError, match="not both there"):
        insert("no markers", "new")


def test_results_survive_their_file(tmp_path: Path) -> None:
    results.write(FOUND, tmp_path / "r.json")
    assert results.read(tmp_path / "r.json") == FOUND


def test_the_readme_quotes_the_results_that_are_checked_in() -> None:
    assert markdown(results.read(results.FILE), "docs/bench.png") in README.read_text()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CONFIG_ARGS": "'--enable-shared'", "PY_CFLAGS": "-Wall -O3"}, "no PGO, no LTO, -O3"),
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'", "PY_CFLAGS": "-O2"}, "PGO, LTO, -O2"),
        ({"CONFIG_ARGS": None}, "no PGO, no LTO"),
    ],
)
def test_the_build_of_the_interpreter(variables: dict[str, object], expected: str) -> None:
    assert build(variables) == expected


def test_a_busy_machine_and_a_late_generator_are_told() -> None:
    busy, late = row("p0", 4_000), row("redis-everysec", 10_000)
    busy.foreign_cpu = 55
    late.open_loop = OpenLoopRow(2_000, 1, 2, 3, 4, 0, 0, 18, 8_500, True)
    told = " ".join(remarks(Results(FOUND.date, FOUND.machine, FOUND.options, [busy, late], {})))
    assert "took up to 55 % of a core: run it again" in told
    assert "Against T redis-everysec the open loop sent late itself (p99 8.50 ms, at 18 % CPU)" in told
    assert "run it again" not in " ".join(remarks(FOUND))
