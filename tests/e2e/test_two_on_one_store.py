"""Two `croupier up` on one store: who lives keeps it, who is told to takes it, and who was killed is waited out."""

import re
from pathlib import Path

import pytest

from tests.support.croupier_up import CroupierUp, croupier, register

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]

SMALL = ("--shards", "1", "--spares", "0")


def test_a_store_belongs_to_one_croupier_at_a_time(tmp_path: Path) -> None:
    """On SQLite, whose files two processes lock; that Redis keeps a term just so is said by the contract's tests."""
    store = f"sqlite:{tmp_path / 'store'}"
    first = CroupierUp(tmp_path / "first", store, *SMALL)
    running = [first]
    try:
        register(first.api, "anna")
        refuses_to_start(store)
        assert first.api.platform("GET", "/players/anna").status_code == 200, "the first one has noticed nothing"

        second = CroupierUp(tmp_path / "second", store, *SMALL, "--take-over")
        running.append(second)
        assert first.ends() == 1
        assert "another Croupier has taken over" in first.stderr() and "Traceback" not in first.stderr()
        assert second.api.platform("GET", "/players/anna").json()["balance"]["real"] == 1_000
        refuses_to_start(store)

        second.kill_everything()
        third = CroupierUp(tmp_path / "third", store, *SMALL)
        running.append(third)
        assert longest_wait_s(third.stderr()) <= 5
        assert third.api.platform("GET", "/players/anna").json()["balance"]["real"] == 1_000
        assert third.stop() == 0
    finally:
        for each in running:
            if each.process.poll() is None:
                each.kill_everything()


def refuses_to_start(store: str) -> None:
    refused = croupier("up", "--store", store, "--port", "0", "--auth", "open", *SMALL)
    assert refused.returncode == 2, refused.stderr
    assert re.search(r"croupier: Croupier \S+ runs on this store.*--take-over", refused.stderr)
    assert "Traceback" not in refused.stderr and "ready" not in refused.stdout


def longest_wait_s(stderr: str) -> float:
    """Seconds that a start said it might wait; 0 if the lease had run out before it looked. It says nothing else."""
    waits = [re.search(r"waiting up to ([0-9.]+) s", line) for line in stderr.splitlines()]
    assert all(waits), stderr
    return max((float(wait.group(1)) for wait in waits if wait), default=0.0)
