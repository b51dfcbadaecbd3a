"""`croupier demo`, small: it shows what it promises, and says nothing else."""

import pytest

from tests.support.croupier_up import croupier
from tests.support.typed import typed


@pytest.mark.timeout(240)
def test_the_demo_reconciles_after_a_shard_was_killed() -> None:
    ended = croupier("demo", "--players", "24", "--spins", "1200", "--seed", "3", timeout=150)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    shown = " ".join(ended.stdout.split())
    for line in ("1200 of 1200 spins", "0 lost, 0 doubled", "24, 0 with differences", "exit code 0"):
        assert line in shown
    assert len(ended.stdout.splitlines()) < 30


@pytest.mark.parametrize("option", ["--players", "--spins"])
def test_nobody_and_nothing_can_not_be_played(option: str) -> None:
    ended = typed("demo", option, "0")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "at least one" in ended.stderr
