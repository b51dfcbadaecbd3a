"""The simulation finds mistakes: a few of those that `make planted` plants, because each takes one short history."""

import pytest

from tests.simulation.plan import planned
from tests.simulation.planted import named
from tests.simulation.searching import failure_of


@pytest.mark.parametrize(("name", "seed"), [("reply_before_durable", 1), ("lease_never_ends", 9)])
def test_a_planted_bug_is_found(name: str, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        named(name)(patch)
        found, _ = failure_of(planned(seed))
    assert found
