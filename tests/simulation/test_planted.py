"""The simulation finds mistakes: a few of those that `make planted` plants, because each takes one short history."""

import re

import pytest

from tests.simulation.plan import planned
from tests.simulation.planted import BUGS, Bug, named
from tests.simulation.searching import PAGE, failure_of


@pytest.mark.parametrize("name", ["reply_before_durable", "recovery_ignores_the_tail", "snapshot_forgets_commands"])
def test_a_planted_bug_is_found(name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        named(name)(patch)
        found, _ = failure_of(planned(1))
    assert found


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_what_it_changes_is_there(plant: Bug) -> None:
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)


def test_the_page_has_a_row_for_each_planted_bug() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    assert rows[-len(BUGS) :] == [plant.__name__ for plant in BUGS]
