"""The simulation finds mistakes: a few of those that `make planted` plants, because a few histories are enough."""

import re

import pytest

from tests.simulation.planted import BUGS, Bug
from tests.simulation.searching import PAGE, find

SEEDS = 20


@pytest.mark.parametrize("name", ["reply_before_durable", "recovery_ignores_the_tail", "snapshot_forgets_commands"])
def test_a_planted_bug_is_found(name: str) -> None:
    assert find(name, SEEDS).seeds is not None


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_what_it_changes_is_there(plant: Bug) -> None:
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)


def test_the_page_has_a_row_for_each_planted_bug() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    assert rows[-len(BUGS) :] == [plant.__name__ for plant in BUGS]
