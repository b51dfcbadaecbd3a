"""What tests of following share: it looks often, and there are a store and sinks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from snapshots.opening import open_store
from tests.support.faulty_store import FaultyStore
from tests.unit.feeds.following.writing import Sinks, Writer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.following.stretch.LOOK_S", 0.002)
    monkeypatch.setattr("feeds.following.stretch.COMMIT_S", 0.002)
    monkeypatch.setattr("feeds.following.shard_reading.RETRY_S", 0.002)
    monkeypatch.setattr("feeds.following.shard_reading.STALLED_S", 0.002)
    monkeypatch.setattr("feeds.following.follower.RETRY_S", 0.002)
    monkeypatch.setattr("feeds.following.follower.LOOK_S", 0.002)
    monkeypatch.setattr("feeds.following.stopped.RETRY_S", 0.002)
    monkeypatch.setattr("actors.background.backoff.REST_FIRST_S", 0.002)


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    store = FaultyStore(open_store(f"sqlite:{tmp_path}"))
    await store.open()
    yield Writer(store)
    await store.close()


@pytest.fixture
def sinks() -> Sinks:
    return Sinks()
