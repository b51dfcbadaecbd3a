"""The simulation finds mistakes: a few of those that `make planted` plants, because each takes one short history."""

import pytest

from tests.simulation.plan import planned
from tests.simulation.planted import named
from tests.simulation.searching import failure_of


@pytest.mark.parametrize("name", ["reply_before_durable", "replay_before_durable", "silence_is_success"])
def test_a_planted_bug_is_found(name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        named(name)(patch)
        found, _ = failure_of(planned(1))
    assert found
    assert not failure_of(planned(1))[0], "it is the bug that was found"
