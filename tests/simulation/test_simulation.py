"""Random play, random trouble, production code: in the end every acknowledged command is there exactly once.

Each seed is a history that happens the same way every time; docs/simulation.md says what happens in one, and what must
be true of it. `make simulate SEEDS="17 100-199"` runs those, and shortens what fails.
"""

import pytest

from tests.simulation import history
from tests.simulation.plan import chosen, planned, shrunk, written
from tests.simulation.seeds import SEEDS


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_every_acknowledged_command_is_there_exactly_once(seed: int) -> None:
    print(f'to see it again, and shorter: make simulate SEEDS="{seed}"')  # noqa: T201 shown if it fails
    print(history.run(planned(seed)))  # noqa: T201


def test_a_seed_is_the_same_history_every_time() -> None:
    assert history.run(planned(SEEDS[0])) == history.run(planned(SEEDS[0]))


def test_a_history_is_shortened_to_what_it_fails_of() -> None:
    plan = planned(17)
    guilty = {str(item) for item in (plan.faults[3], plan.faults[40], max(plan.commands))}
    shorter = shrunk(plan, lambda left: guilty <= {str(item) for item in left.items})
    assert {str(item) for item in shorter.items} == guilty
    assert chosen(17, written(shorter)) == shorter


def test_an_item_that_is_not_planned_is_named() -> None:
    with pytest.raises(ValueError, match=r"seed 17 plans no f999, x"):
        chosen(17, "f1,f999,x")
