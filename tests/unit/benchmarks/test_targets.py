"""A run whose money or number of spins is wrong has no result."""

import pytest

from benchmarks.client import Money
from benchmarks.load import LoadFailed
from benchmarks.targets import checked

RIGHT = Money(real=100_000, bonus=40_000, wagering=4)


@pytest.mark.parametrize("spins", [500, 507])
def test_spins_that_were_under_way_when_a_measurement_ended_may_be_on_record(spins: int) -> None:
    checked("t", RIGHT, spins, players=10, answered=500, slack=7)


@pytest.mark.parametrize(
    ("found", "spins", "why"),
    [
        (RIGHT, 499, "499 spins on record, 500 answered"),
        (RIGHT, 508, "508 spins on record, 500 answered"),
        (RIGHT._replace(real=99_990), 500, "balances are wrong"),
        (RIGHT._replace(bonus=40_010), 500, "balances are wrong"),
        (RIGHT._replace(wagering=3), 500, "balances are wrong"),
    ],
)
def test_a_lost_or_doubled_spin_and_a_cent_too_few_spoil_it(found: Money, spins: int, why: str) -> None:
    with pytest.raises(LoadFailed, match=why):
        checked("t", found, spins, players=10, answered=500, slack=7)
