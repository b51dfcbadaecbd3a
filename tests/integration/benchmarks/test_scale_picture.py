"""The picture of the curves; matplotlib takes a second to load, so it is not among the unit tests."""

from pathlib import Path

from benchmarks.scale.found import Scale
from benchmarks.scale.picture import draw
from tests.unit.benchmarks.test_scale import MACHINE, scale


def test_a_part_that_was_not_measured_has_an_empty_place(tmp_path: Path) -> None:
    draw(Scale("2026-01-02", MACHINE), tmp_path / "empty.png")
    draw(scale(), tmp_path / "full.png")
    assert (tmp_path / "full.png").stat().st_size > (tmp_path / "empty.png").stat().st_size
