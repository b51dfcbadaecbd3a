"""When a run of the load test has passed, and when not."""

from collections import Counter

import pytest

from tests.load.tally import DIFFERENCES_MAX, Tally
from tests.load.verdict import Figures, complaints, report

GOOD = Figures(requests=1_000, exceptions=0, p99_ms=20.0)
SUMS = {"players": 2, "reconciled": 2, "rounds": 500, "expected_real": 1_234, "held_real": 1_234}
P99_MAX_MS = 50.0


def tally(**different: int) -> Tally:
    return Tally(Counter(SUMS | different))


def test_a_run_without_fault_passes() -> None:
    assert complaints(GOOD, tally(), P99_MAX_MS) == []
    assert "PASSED" in report(GOOD, tally(), P99_MAX_MS)
    assert "12.34 EUR real" in report(GOOD, tally(), P99_MAX_MS)


@pytest.mark.parametrize(
    ("different", "complaint"),
    [
        ({"failed": 3}, "3 requests failed"),
        ({"rounds": 0}, "no round was played"),
        ({"differences": 1}, "1 answers differ"),
        ({"reconciled": 1}, "1 of 2 players were not reconciled"),
        ({"held_real": 1_235}, "real money: the books say 12.34 EUR, the server holds 12.35 EUR"),
        ({"expected_bonus": 1}, "bonus money: the books say 0.01 EUR, the server holds 0.00 EUR"),
    ],
)
def test_what_the_players_found_fails_the_run(different: dict[str, int], complaint: str) -> None:
    (found,) = complaints(GOOD, tally(**different), P99_MAX_MS)
    assert complaint in found
    assert f"FAILED: {found}" in report(GOOD, tally(**different), P99_MAX_MS)


@pytest.mark.parametrize(
    ("figures", "complaint"),
    [(GOOD._replace(p99_ms=50.5), "p99 is 50 ms"), (GOOD._replace(exceptions=1), "players met 1 exceptions")],
)
def test_what_locust_measured_fails_the_run(figures: Figures, complaint: str) -> None:
    (found,) = complaints(figures, tally(), P99_MAX_MS)
    assert complaint in found


def test_the_sums_of_two_workers_are_added_up_once() -> None:
    master, worker = Tally(), tally()
    worker.differs("p1: win: expected 1, got 2")
    for _ in range(2):
        master.add(worker.take())
    assert (master.counts["rounds"], master.counts["differences"]) == (500, 1)
    assert master.differences == ["p1: win: expected 1, got 2"]
    assert "  p1: win: expected 1, got 2" in report(GOOD, master, P99_MAX_MS).splitlines()


def test_all_differences_are_counted_and_some_are_kept() -> None:
    worker, master = Tally(), Tally()
    for number in range(DIFFERENCES_MAX + 10):
        worker.differs(f"difference {number}")
    master.differs("an earlier one")
    master.add(worker.take())
    assert (master.counts["differences"], len(master.differences)) == (DIFFERENCES_MAX + 11, DIFFERENCES_MAX)
