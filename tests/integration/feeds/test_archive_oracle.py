"""The archive under real load and real kills: each version of each player, byte by byte what the chain says."""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from croupier.integrations.plans import default_archive
from feeds.archive.settings import ArchiveSettings
from feeds.audit.making import make
from snapshots.archive.opening import open_archive
from snapshots.archive.reading import ArchivedRecords
from snapshots.archive.sealing import KeyRing, read_key
from snapshots.codec import decode_batch, decode_entry
from snapshots.contract import Store
from snapshots.opening import open_store
from tests.integration.load import Load
from tests.integration.ray_side import move
from tests.support.archiving import MemoryNotes, chained_records
from tests.support.croupier_up import CroupierUp, wait_until
from tests.support.patience import PATIENCE_S
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.timeout(240)

SHARDS = ("s0", "s1")


class House:
    """A server with its archive, as `croupier up` runs it when it is told nothing."""

    def __init__(self, folder: Path, store: str) -> None:
        self.store = store
        env = {"XDG_STATE_HOME": str(folder / "state")}
        self.archive = default_archive(store, env)
        self.server = CroupierUp(folder / "up", store, "--shards", "2", "--spares", "1", archive=True, **env)

    def reader(self) -> int | None:
        """The pid of the archive's reader, while it reads."""
        [reader] = self.server.api.person("ops", "GET", "/cluster").json()["readers"]
        return reader["pid"] if reader["reading"] else None

    def kill_reader(self) -> None:
        pid = self.reader()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until("the archive is read on", lambda: self.reader() not in (None, pid), 60)


@pytest.fixture(params=[pytest.param("sqlite", marks=pytest.mark.long), pytest.param("redis", marks=pytest.mark.long)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as running:
        store = f"sqlite:{tmp_path / 'store'}"
        if request.param == "redis":
            redis = RedisServer(tmp_path / "redis").start()
            running.callback(redis.stop)
            store = f"{redis.url}/0"
        house = House(tmp_path, store)
        running.callback(lambda: house.server.process.poll() is None and house.server.kill_everything())
        yield house


def test_whatever_dies_the_archive_holds_every_version_once_it_has_caught_up(house: House) -> None:
    wait_until("the archive is read", lambda: house.reader() is not None, 60)
    with Load(house.server, "kept", count=16) as load:
        load.more_spins(300)
        house.kill_reader()
        load.more_spins(200)
        os.kill(house.server.api.shards()["s1"]["pid"], signal.SIGKILL)
        load.more_spins(200)
        move(house.server, house.store, range(0, 256, 4), "s1")
        load.more_spins(200)
        house.kill_reader()
        move(house.server, house.store, range(0, 256, 2), "s0")
        load.more_spins(200)
    load.reconcile()
    assert house.server.stop() == 0
    found, versions = asyncio.run(archived_and_stored(house, load.player_ids))
    assert min(versions.values()) > 10
    assert {player_id: found[player_id] for player_id in versions} == {
        player_id: list(range(1, version + 1)) for player_id, version in versions.items()
    }


async def archived_and_stored(house: House, player_ids: list[str]) -> tuple[dict[str, list[int]], dict[str, int]]:
    """By player, the versions that the archive holds, in order, and the version that the store says."""
    await bring_away_what_is_left(house.archive)
    store = open_store(house.store)
    await store.open()
    try:
        archive = archive_with_keys(house.archive, store)
        found = defaultdict[str, set[int]](set)
        for shard_id in SHARDS:
            for record in await chained_records(archive, shard_id):
                for entry in decode_batch(record.payload):
                    found[entry.player_id].add(decode_entry(entry).version)
        stored = {who: (await store.load_player(who)).generations[0].version for who in player_ids}
        return {who: sorted(versions) for who, versions in found.items()}, stored
    finally:
        await store.close()


async def bring_away_what_is_left(settings: ArchiveSettings) -> None:
    """What lay in the spool when the server was stopped goes into a segment, as at the next start."""
    sink = await make(msgspec.json.encode(settings), MemoryNotes(), CollectorRegistry())
    await sink.open()
    async with asyncio.timeout(PATIENCE_S):
        while list(Path(settings.spool).glob("*.cut")):
            await asyncio.sleep(0.05)
    await sink.close()


def archive_with_keys(settings: ArchiveSettings, store: Store) -> ArchivedRecords:
    kek = read_key(Path(str(settings.key_file)).read_text())
    return open_archive(settings.place, KeyRing(store, kek))
