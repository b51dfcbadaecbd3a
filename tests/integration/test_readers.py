"""Readers of the journal on real Ray: killed with shards and the supervisor under load, they pass on all, in order."""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.routing.asking_readers import ReaderUnavailable, ask_reader
from actors.routing.client import ShardClient
from actors.settings import ClientSettings
from snapshots.contract import Position
from snapshots.opening import open_store
from tests.integration.load import Load
from tests.integration.ray_side import actor_pid, move
from tests.integration.reading_up import NAMES
from tests.support.croupier_up import CroupierUp, wait_until
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.timeout(240)

SECRET = "a secret of the cluster"
ROOT = Path(__file__).resolve().parents[2]


class House:
    """A server with readers, and what they wrote."""

    def __init__(self, folder: Path, store: str, *options: str) -> None:
        self.folder, self.store, self.options = folder, store, options
        folder.mkdir(exist_ok=True)
        self.server = self.up()

    def up(self) -> CroupierUp:
        env = {"FOLDER_OF_READERS": str(self.folder), "PYTHONPATH": str(ROOT), "CROUPIER_CLUSTER_SECRET": SECRET}
        options = ("--shards", "2", "--spares", "1", *self.options)
        return CroupierUp(
            self.folder / "up", self.store, *options, module="tests.integration.reading_up", archive=True, **env
        )

    def end(self) -> None:
        """Leaves nothing behind when a test has failed."""
        if self.server.process.poll() is None:
            self.server.kill_everything()

    def readers(self) -> dict[str, dict[str, Any]]:
        """`GET /cluster`, by name."""
        cluster = self.server.api.person("ops", "GET", "/cluster").json()
        return {reader["name"]: reader for reader in cluster["readers"]}

    def reads(self, name: str, but_not: int | None = None) -> bool:
        """Whether the reader reads, in another process than that one."""
        reader = self.readers().get(name)
        return reader is not None and reader["reading"] and reader["pid"] not in (None, but_not)

    def written(self, name: str) -> dict[str, int]:
        """By player, the last version that the reader wrote. A consumer who drops repeats sees no gap."""
        last = defaultdict[str, int](int)
        for line in (self.folder / name).read_text().splitlines():
            player_id, version, *_ = line.split(" ")
            assert int(version) <= last[player_id] + 1, f"{name}: {line} follows version {last[player_id]}"
            last[player_id] = max(last[player_id], int(version))
        return last


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.long)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as running:
        store = f"sqlite:{tmp_path / 'store'}"
        if request.param == "redis":
            redis = RedisServer(tmp_path / "redis").start()
            running.callback(redis.stop)
            store = f"{redis.url}/0"
        house = House(tmp_path / "house", store)
        running.callback(house.end)
        yield house


@pytest.mark.long
def test_all_that_happened_is_passed_on_in_order_whatever_dies(house: House) -> None:
    for name in NAMES:
        wait_until(f"{name} reads", lambda name=name: house.reads(name))
    with Load(house.server, "read", count=24) as load:
        load.more_spins(300)
        _kill_reader(house, "archive")
        load.more_spins(200)
        os.kill(house.server.api.shards()["s1"]["pid"], signal.SIGKILL)
        load.more_spins(300)
        move(house.server, house.store, range(0, 256, 4), "s1")
        _kill_reader(house, "bus")
        load.more_spins(300)
        move(house.server, house.store, range(0, 256, 2), "s0")
        before = {name: house.readers()[name]["pid"] for name in NAMES}
        os.kill(actor_pid(house.server, "Supervisor"), signal.SIGKILL)
        load.more_spins(300)
    load.reconcile()
    for name, pid in before.items():
        wait_until(f"the next supervisor has its {name}", lambda name=name, pid=pid: house.reads(name, but_not=pid), 40)
    assert house.server.stop() == 0
    versions = asyncio.run(_versions(house.store, load.player_ids))
    assert min(versions.values()) > 10
    for name in NAMES:
        written = house.written(name)
        assert {player_id: written[player_id] for player_id in versions} == versions, name


def _kill_reader(house: House, name: str) -> None:
    pid = house.readers()[name]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(f"{name} is replaced", lambda: house.reads(name, but_not=pid), 40)


async def _versions(url: str, player_ids: list[str]) -> dict[str, int]:
    store = open_store(url)
    await store.open()
    try:
        return {player_id: (await store.load_player(player_id)).generations[0].version for player_id in player_ids}
    finally:
        await store.close()


async def _ask(house: House, name: str, request: bytes) -> bytes:
    store = open_store(house.store)
    await store.open()
    client = ShardClient(store.routing, SECRET, ClientSettings())
    await client.start()
    try:
        return await ask_reader(client, name, request)
    finally:
        await client.stop()
        await store.close()


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_readers_are_seen_asked_and_scraped(house: House) -> None:
    wait_until("bus reads", lambda: house.reads("bus"))
    assert asyncio.run(_ask(house, "bus", b'{"list":1}')) == (
        b'{"asked":{"list":1},"path":"%s"}' % str(house.folder / "bus").encode()
    )
    with pytest.raises(ReaderUnavailable, match="told to fail"):
        asyncio.run(_ask(house, "bus", b'"fail"'))
    with pytest.raises(ReaderUnavailable, match="no reader 'webhooks' is configured; there are archive, bus"):
        asyncio.run(_ask(house, "webhooks", b"{}"))
    targets = house.server.api.plain("GET", "/metrics/targets").json()
    (target,) = [entry for entry in targets if entry["labels"] == {"job": "croupier-reader", "reader": "archive"}]
    metrics = httpx.get(f"http://{target['targets'][0]}/metrics").text
    assert "reader_lag_seconds" in metrics and "journal_held_bytes" in metrics and "file_sink_lines_total" in metrics
    assert actor_pid(house.server, "Reader")
    assert house.server.stop() == 0


@pytest.mark.long  # tests/unit/actors/supervision/test_readers.py starts without the archive each time, in process
@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_without_the_archive_nothing_holds_the_journal(house: House) -> None:
    wait_until("archive reads", lambda: house.reads("archive"))
    assert house.server.stop() == 0
    house.options = ("--no-archive",)
    house.server = house.up()
    wait_until("bus reads", lambda: house.reads("bus"))
    assert list(house.readers()) == ["bus"]
    assert asyncio.run(_cursors(house.store)) == {}
    assert house.server.stop() == 0


async def _cursors(url: str) -> dict[str, Position]:
    store = open_store(url)
    await store.open()
    try:
        return dict(await store.reader_positions("archive"))
    finally:
        await store.close()
