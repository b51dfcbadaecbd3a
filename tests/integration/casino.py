"""A real Croupier of two shards for a module of tests, what they ask of it, and how they kill parts of it."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from snapshots.contract import Store
from snapshots.opening import open_store
from tests.support.croupier_up import CroupierUp, wait_until
from tests.support.redis_server import RedisServer

SECRET = "a secret of the cluster"
ORPHAN_AFTER_S = 2


class Casino:
    """The running server and the catalog folder it started from."""

    def __init__(self, server: CroupierUp, catalog: Path, store: str) -> None:
        self.server, self.catalog, self.store, self.api = server, catalog, store, server.api

    def replaced(self, shard_id: str, epoch: int) -> bool:
        """Whether the shard serves under a later epoch."""
        shard = self.api.shards().get(shard_id)
        return shard is not None and shard["serving"] and shard["epoch"] > epoch

    def grants(self, player_id: str) -> list[dict[str, Any]]:
        """The player's grants, newest first."""
        found: list[dict[str, Any]] = self.api.platform("GET", f"/players/{player_id}/bonuses").json()["grants"]
        return found

    def campaign(self, campaign_id: str) -> dict[str, Any]:
        """As the catalog in force shows it."""
        found: dict[str, Any] = self.api.platform("GET", f"/campaigns/{campaign_id}").json()
        return found


class Kill:
    """SIGKILL to the process that serves as a shard, at the moment when so many answers are there."""

    def __init__(self, casino: Casino, shard_id: str, at: int) -> None:
        self._casino, self._shard_id, self._at = casino, shard_id, at
        self._shard = casino.api.shards()[shard_id]

    def __call__(self, count: int) -> None:
        if count == self._at:
            os.kill(self._shard["pid"], signal.SIGKILL)

    def survived(self) -> None:
        """Waits until the shard has a successor."""
        epoch = self._shard["epoch"]
        wait_until(f"{self._shard_id} is back", lambda: self._casino.replaced(self._shard_id, epoch))


@contextmanager
def casino_on(backend: str, folder: Path, catalog: Path) -> Iterator[Casino]:
    """Runs on `sqlite` or `redis`; must end cleanly."""
    with ExitStack() as running:
        store = f"sqlite:{folder / 'store'}"
        if backend == "redis":
            redis = RedisServer(folder / "redis").start()
            running.callback(redis.stop)
            store = f"{redis.url}/0"
        options = ("--shards", "2", "--spares", "1", "--catalog", str(catalog), "--orphan-after", str(ORPHAN_AFTER_S))
        server = CroupierUp(folder / "up", store, *options, CROUPIER_CLUSTER_SECRET=SECRET)
        yield Casino(server, catalog, store)
        assert server.stop() == 0


def another_gateway(casino: Casino, folder: Path) -> CroupierUp:
    """A gateway process of its own, on a port of its own, for the same shards."""
    options = ("--catalog", str(casino.catalog))
    return CroupierUp(folder, casino.store, *options, subcommand="gateway", CROUPIER_CLUSTER_SECRET=SECRET)


@asynccontextmanager
async def store_of(casino: Casino) -> AsyncIterator[Store]:
    """The store behind the server, as a process beside it sees it."""
    store = open_store(casino.store)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
