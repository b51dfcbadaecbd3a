"""YAML that is nested without an end is refused before it costs anything; what people write is read as ever."""

import time
from pathlib import Path

import pytest
import yaml

from feeds.shallow_yaml import NESTING_MAX, NestedTooDeeply, ShallowLoader

COUNT = 20_000


@pytest.mark.parametrize("opens", ["[", "{", "[a,", "{a: ", "- ", "? ", "- [", "[{"])
def test_what_is_nested_without_an_end_costs_next_to_nothing(opens: str) -> None:
    began = time.process_time()
    with pytest.raises(NestedTooDeeply):
        yaml.compose("a:\n  " + opens * COUNT, ShallowLoader)
    assert time.process_time() - began < 0.5  # PyYAML alone takes seconds, or ends in a RecursionError


@pytest.mark.parametrize("depth", [NESTING_MAX - 2, NESTING_MAX + 2])
def test_the_bound_is_where_it_is_said_to_be(depth: int) -> None:
    text = "[" * depth + "]" * depth
    if depth < NESTING_MAX:
        assert yaml.compose(text, ShallowLoader) is not None
    else:
        with pytest.raises(NestedTooDeeply):
            yaml.compose(text, ShallowLoader)


def test_the_catalog_is_read_as_ever() -> None:
    files = sorted(Path("catalog").rglob("*.yaml"))
    assert files
    for path in files:
        assert yaml.load(path.read_text(), ShallowLoader) == yaml.safe_load(path.read_text())
