"""Which slots move: every step brings shards closer together, and no slot moves twice for nothing."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.supervision.placing import alike, crowded, free_names, in_order, next_step, slots_left

EVEN = (1,) * 256


def settled(table: Sequence[str], shards: Sequence[str], at_once: int, weights: Sequence[int] = EVEN) -> list[str]:
    """The table after all steps; fails if they never end."""
    moved = list(table)
    for _ in range(2_000):
        step = next_step(moved, shards, at_once, weights)
        if step is None:
            return moved
        assert 1 <= len(step.slots) <= at_once
        assert step.loser != step.gainer and step.gainer in shards
        for slot in step.slots:
            assert moved[slot] == step.loser
            moved[slot] = step.gainer
    raise AssertionError("no end")


@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [(1, 4, 192), (4, 1, 192), (2, 3, 85), (3, 2, 85), (4, 4, 0), (1, 64, 252)],
)
@pytest.mark.parametrize("at_once", [1, 8])
def test_all_get_their_share_and_nothing_moves_for_nothing(before: int, after: int, moves: int, at_once: int) -> None:
    table = [f"s{slot % before}" for slot in range(256)]
    shards = [f"s{number}" for number in range(after)]
    moved = settled(table, shards, at_once)
    counts = Counter(moved)
    assert set(counts) == set(shards) and max(counts.values()) - min(counts.values()) <= 1
    assert moves <= sum(old != new for old, new in zip(table, moved, strict=True)) <= moves + 1


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from(["s0", "s1", "s2", "s10", "d-x"]), min_size=256, max_size=256),
    st.sets(st.sampled_from(["s0", "s1", "s2", "s3", "s10"]), min_size=1),
    st.lists(st.integers(1, 50), min_size=256, max_size=256),
)
def test_from_any_table_it_ends_with_loads_alike(table: list[str], shards: set[str], weights: list[int]) -> None:
    moved = settled(table, in_order(shards), 8, weights)
    loads = Counter(dict.fromkeys(shards, 0))
    for slot, owner in enumerate(moved):
        loads[owner] += weights[slot]
    assert set(moved) <= shards
    lightest, heaviest = min(loads.values()), max(loads.values())
    smallest = min(weights[slot] for slot, owner in enumerate(moved) if loads[owner] == heaviest)
    assert heaviest - lightest <= max(smallest, alike(weights, len(shards)))


@pytest.mark.parametrize(
    ("here", "there", "away"), [(4, 0, ["s3", "s2"]), (3, 0, ["s2"]), (2, 1, []), (1, 0, []), (1, 1, []), (0, 0, [])]
)
def test_no_node_has_two_shards_more_than_another(here: int, there: int, away: list[str]) -> None:
    on = {f"s{n}": "a" for n in range(here)} | {f"s{here + n}": "b" for n in range(there)}
    assert crowded(on, ["a", "b"]) == away
    assert crowded(on, []) == [], "where nodes are not known, nothing is crowded"
    assert crowded(on, ["a"]) == [], "a node that is avoided gets nothing"


def test_names() -> None:
    assert in_order(["s10", "s2", "d-a", "s0"]) == ["d-a", "s0", "s2", "s10"]
    assert free_names(3, ["s0", "s2"]) == ["s1", "s3", "s4"]
    assert slots_left(["s0"] * 256, ["s0", "s1"]) == 128
