"""Real Ray, real sockets, both stores: shards killed, stopped and relieved of slots under load, and nothing is lost."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from actors.routing.owner_of import slot_of
from actors.wire.channel import connect
from actors.wire.frames import Kind, Reply, Request
from croupier.settings import default_catalog
from engine.commands import Deposit
from engine.queries import GetPlayer
from snapshots.contract import Routing, ShardRow
from snapshots.opening import open_store
from tests.integration.load import Load
from tests.integration.ray_side import actor_pid, move, spare_pids
from tests.support.croupier_up import CroupierUp, gone, register, wait_until
from tests.support.patience import PATIENCE_S
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.timeout(240)

SECRET = "a secret of the cluster"
WHALE = "whale"
SERVED_AGAIN_MAX_S = 15.0
"""On a machine that does much else. How long it takes on a quiet one (3 s at most), `make bench-scale` measures."""


def stopped(pid: int) -> bool:
    """Whether no thread of the process runs any more: on a busy machine that takes a moment after the signal."""
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


class Backend(NamedTuple):
    """A store and, if it is one, the redis-server behind it."""

    url: str
    redis: RedisServer | None


class Cluster:
    """The running server, replaced by its successor when everything is killed."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend, self._folder = backend, folder
        self.server = self._up("first", "0")

    def _up(self, name: str, port: str) -> CroupierUp:
        options = ("--shards", "2", "--spares", "1", "--catalog", str(self._folder / "catalog"), "--port", port)
        return CroupierUp(self._folder / name, self.backend.url, *options, CROUPIER_CLUSTER_SECRET=SECRET)

    def kill_everything_and_restart(self) -> None:
        """SIGKILL to gateway, shards, supervisor, Ray and redis-server; then all of it again, at the same address."""
        processes = self.server.tree()
        self.server.kill_everything()
        wait_until("everything is dead", lambda: gone(processes))
        if self.backend.redis is not None:
            self.backend.redis.kill()
            self.backend.redis.start()
        self.server = self._up("second", str(self.server.port))

    def pid(self, shard_id: str) -> int:
        """Of the process that serves as the shard."""
        pid: int = self.server.api.shards()[shard_id]["pid"]
        return pid

    def replaced(self, shard_id: str, epoch: int) -> bool:
        """Whether the shard serves under a later epoch."""
        shard = self.server.api.shards().get(shard_id)
        return shard is not None and shard["serving"] and shard["epoch"] > epoch


def catalog_with_a_whale(folder: Path) -> None:
    """The shipped catalog, with one dedicated player."""
    for source in default_catalog().rglob("*.yaml"):
        target = folder / source.relative_to(default_catalog())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text().replace("dedicated: []", f"dedicated: [{WHALE}]"))


@pytest.fixture(scope="module", params=[pytest.param("sqlite", marks=pytest.mark.long), "redis"])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp("store")
    if request.param == "sqlite":
        yield Backend(f"sqlite:{folder / 'store'}", None)
        return
    redis = RedisServer(folder).start()
    yield Backend(f"{redis.url}/0", redis)
    redis.stop()


@pytest.fixture(scope="module")
def cluster(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    catalog_with_a_whale(folder / "catalog")
    running = Cluster(backend, folder)
    yield running
    assert running.server.stop() == 0


def routing(url: str) -> Routing:
    """The routing table as the store has it."""

    async def read() -> Routing:
        store = open_store(url)
        await store.open()
        try:
            return await store.routing()
        finally:
            await store.close()

    return asyncio.run(read())


def test_a_dedicated_player_lives_in_a_ray_actor_of_its_own(cluster: Cluster) -> None:
    api = cluster.server.api
    register(api, WHALE)
    register(api, "minnow")
    shard_id = api.person("ops", "GET", "/cluster").json()["dedicated"][WHALE]
    shards = api.shards()
    assert shards[shard_id]["slots"] == 0
    assert len({shard["pid"] for shard in shards.values()}) == 3
    title = Path(f"/proc/{shards[shard_id]['pid']}/cmdline").read_text()
    assert title.startswith("ray::PlayerShard")
    wait_until("the whale alone is there", lambda: api.shards()[shard_id]["resident_players"] == 1)


def test_slots_moved_under_load_lose_nothing(cluster: Cluster) -> None:
    url = cluster.backend.url
    before = routing(url)
    leaving = [slot for slot, shard_id in enumerate(before.slots) if shard_id == "s0"][:64]
    with Load(cluster.server, "mover") as load:
        assert {slot_of(player_id) for player_id in load.player_ids} & set(leaving)
        move(cluster.server, url, leaving, "s1")
        assert {routing(url).slots[slot] for slot in leaving} == {"s1"}
        load.more_spins(200)
        move(cluster.server, url, leaving, "s0")
        load.more_spins(200)
    after = routing(url)
    assert after.slots == before.slots
    assert after.shards["s0"].epoch > before.shards["s0"].epoch
    load.reconcile()


def test_a_shard_killed_under_load_loses_nothing_and_is_back_in_time(cluster: Cluster) -> None:
    epoch = routing(cluster.backend.url).shards["s1"].epoch
    with Load(cluster.server, "killed", count=24) as load:
        load.more_spins(500)
        load.killed()
        os.kill(cluster.pid("s1"), signal.SIGKILL)
        wait_until("a successor", lambda: cluster.replaced("s1", epoch))
        load.more_spins(300)
        assert load.served_again_s() < SERVED_AGAIN_MAX_S
    load.reconcile()


def test_a_shard_killed_with_the_supervisor_is_taken_by_the_spare_that_the_next_one_adopts(cluster: Cluster) -> None:
    epoch = routing(cluster.backend.url).shards["s1"].epoch
    wait_until("a spare is ready", lambda: spare_pids(cluster.server))
    spares = spare_pids(cluster.server)
    with Load(cluster.server, "orphan", count=24) as load:
        load.more_spins(300)
        os.kill(actor_pid(cluster.server, "Supervisor"), signal.SIGKILL)
        os.kill(cluster.pid("s1"), signal.SIGKILL)
        wait_until("a successor", lambda: cluster.replaced("s1", epoch))
        assert cluster.pid("s1") in spares
        load.more_spins(300)
    load.reconcile()


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
class TestStoppedShard:
    """SIGSTOP until it has been replaced, SIGCONT: it acknowledges nothing, answers nothing stale, and goes away."""

    @pytest.fixture
    def victim(self, cluster: Cluster) -> str:
        player_id = next(f"v{n}" for n in range(999) if routing(cluster.backend.url).slots[slot_of(f"v{n}")] == "s0")
        register(cluster.server.api, player_id)
        return player_id

    async def test_it_answers_nothing_stale(self, cluster: Cluster, victim: str) -> None:
        row = (await asyncio.to_thread(routing, cluster.backend.url)).shards["s0"]
        replies: list[Reply] = []
        lost = asyncio.Event()
        assert row.address is not None
        channel = await connect(row.address, SECRET.encode(), 5, replies.append, lambda _: lost.set())
        pid = await asyncio.to_thread(cluster.pid, "s0")
        load = Load(cluster.server, f"stopped{pid}", count=8)
        await asyncio.to_thread(load.__enter__)
        try:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.to_thread(wait_until, "every thread has stopped", lambda: stopped(pid))
            # Both wait in the stopped shard's socket; it finds them when it wakes up.
            channel.send(row.epoch, Request(1, victim, "", GetPlayer()))
            channel.send(row.epoch, Request(2, victim, "platform:late", Deposit(777)))
            await asyncio.to_thread(self._take_over, cluster, row, victim)
        finally:
            with suppress(ProcessLookupError):  # it held a lock of the store and had to be killed
                os.kill(pid, signal.SIGCONT)
            await asyncio.to_thread(load.__exit__, sys.exc_info()[0])
        async with asyncio.timeout(PATIENCE_S):
            await lost.wait()
        assert [reply.kind for reply in replies if reply.kind not in (Kind.UNAVAILABLE, Kind.NOT_OWNER)] == []
        await asyncio.to_thread(wait_until, "the old process is gone", lambda: gone([pid]))
        await asyncio.to_thread(self._unchanged, cluster, victim)
        await asyncio.to_thread(load.reconcile)

    def _take_over(self, cluster: Cluster, row: ShardRow, victim: str) -> None:
        wait_until("a successor", lambda: cluster.replaced("s0", row.epoch), 60)
        answer = cluster.server.api.platform("POST", f"/players/{victim}/deposits", {"amount": 50})
        assert answer.json()["balance"]["real"] == 1_050

    def _unchanged(self, cluster: Cluster, victim: str) -> None:
        player: dict[str, Any] = cluster.server.api.platform("GET", f"/players/{victim}").json()
        assert player["balance"]["real"] == 1_050


def test_every_acknowledged_spin_survives_the_death_of_everything(cluster: Cluster) -> None:
    with Load(cluster.server, "survivor", count=24) as load:
        load.more_spins(500)
        cluster.kill_everything_and_restart()
        load.more_spins(300)
    load.reconcile()
    whale = cluster.server.api.platform("GET", f"/players/{WHALE}").json()
    assert whale["balance"]["real"] == 1_000
