"""Exact arithmetic: decimal strings in, integers out."""

import pytest

from engine.amounts import MICRO, micro, percent_floor, times_ceil, times_floor


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("35", 35_000_000), ("0.5", 500_000), ("1.25", 1_250_000), ("0.000001", 1)]
)
def test_decimal_strings_become_millionths(text: str, expected: int) -> None:
    assert micro(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "1.", ".5", "1e3", "0.0000001", "1,5", " 1", "١", "1\n"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal string"):
        micro(text)


@pytest.mark.parametrize(
    ("amount", "factor", "down", "up"), [(101, micro("0.5"), 50, 51), (100, micro("35"), 3_500, 3_500), (1, 1, 0, 1)]
)
def test_rounding_has_a_direction(amount: int, factor: int, down: int, up: int) -> None:
    assert (times_floor(amount, factor), times_ceil(amount, factor)) == (down, up)


def test_percent_rounds_down() -> None:
    assert percent_floor(199, 50 * MICRO) == 99
