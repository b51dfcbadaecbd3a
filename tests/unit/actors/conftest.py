"""Shards of these tests live in the test's own process, which nobody may take for dead, or kill."""

import pytest

from tests.support.shard_harness import OWNER


@pytest.fixture(autouse=True)
def _shards_run_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.supervision.shard_process.this_process", lambda: OWNER)
