"""Rule 16, the supervisor's part, on a real Redis: who gets grants, and who takes a shard that may have gone over."""

import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.supervision.ports import ActivationFailed
from snapshots.contract import Sealed
from tests.support.redis_server import RedisServer
from tests.support.shard_harness import eventually
from tests.unit.actors.local_cluster import LocalShard
from tests.unit.actors.supervision.test_supervisor import EVEN_PLAYER, ODD_PLAYER, House, house

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
"""Who is killed while it connects to a Redis that is dead leaves its socket to the garbage collector, which is called
before the next test is.
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    started = RedisServer(tmp_path / "redis", appendfsync="always").start()
    yield started
    started.kill()


@asynccontextmanager
async def a_house(folder: Path, server: RedisServer, **changes: Any) -> AsyncIterator[House]:
    async with house(folder, server.url, fallback_dir=str(folder / "files"), **changes) as here:
        yield here
    gc.collect()


async def supervised(here: House, **changes: Any) -> None:
    await here.supervisor(fallback=True, held_retry_ms=50, **changes)


def granted(here: House, term: int) -> bool:
    """Whether every serving shard has a grant of that term."""
    shards = here.cluster.serving().values()
    return all(shard.asking.shard.report().fallback_term == term for shard in shards)


def on_fallback(shard: LocalShard) -> bool:
    return shard.asking.shard.report().on_fallback


def files(folder: Path) -> list[str]:
    return sorted(file.name.rpartition("-")[0] for file in (folder / "files").glob("*.fallback"))


async def test_rule_16_every_shard_is_granted_by_each_term(tmp_path: Path, server: RedisServer) -> None:
    async with a_house(tmp_path, server) as here:
        await supervised(here)
        await eventually(lambda: granted(here, 1))
        assert files(tmp_path) == ["s0-1", "s1-1"]
        here.crash()
        await supervised(here)
        await eventually(lambda: granted(here, 2))
        rows = (await here.store.routing()).shards.values()
        assert [row.fallback.term for row in rows if row.fallback] == [2, 2] and files(tmp_path) == ["s0-1", "s1-1"]


async def test_rule_16_without_the_option_nothing_is_granted(tmp_path: Path, server: RedisServer) -> None:
    async with a_house(tmp_path, server) as here:
        await here.supervisor()
        await here.seat(EVEN_PLAYER)
        assert files(tmp_path) == [] and granted(here, 0)


async def test_rule_16_a_shard_that_died_on_its_file_is_replaced(tmp_path: Path, server: RedisServer) -> None:
    async with a_house(tmp_path, server) as here:
        await supervised(here)
        await here.seat(EVEN_PLAYER, ODD_PLAYER)
        await eventually(lambda: granted(here, 1))
        victim = here.cluster.serving()["s0"]
        server.kill()
        assert await here.spin(EVEN_PLAYER, "k1") == 990 and on_fallback(victim)
        assert await here.spin(ODD_PLAYER, "k1") == 990
        victim.kill()
        server.start()
        assert await here.spin(EVEN_PLAYER, "k2") == 980
        assert await here.spin(EVEN_PLAYER, "k1") == 990, "replayed"
        await eventually(lambda: not on_fallback(here.cluster.serving()["s1"]))
        await eventually(lambda: granted(here, 1))
        assert here.epochs() == {"s0": 2, "s1": 1}


async def test_rule_16_a_shard_without_its_file_is_down_until_the_loss_is_accepted(
    tmp_path: Path, server: RedisServer
) -> None:
    """Its spare stays a spare meanwhile, and no process is started in vain."""
    async with a_house(tmp_path, server) as here:
        await supervised(here)
        await here.seat(EVEN_PLAYER)
        await eventually(lambda: granted(here, 1))
        victim = here.cluster.serving()["s0"]
        (file,) = (tmp_path / "files").glob("s0-*.fallback")
        file.rename(tmp_path / "elsewhere")
        launched = len(here.cluster.launched)
        nonce = victim.asking.shard.context.inc.nonce
        victim.kill()
        crew = here.started[-1][0]._crew
        await eventually(lambda: crew.live.get("s0") is None)
        for _ in range(3):
            await eventually(lambda: "s0" in here.started[-1][0]._recovery.under_way)
            await eventually(lambda: "s0" not in here.started[-1][0]._recovery.under_way)
        assert set(here.epochs()) == {"s1"} and len(here.cluster.launched) == launched
        await here.store.fence(1, "s0", Sealed(nonce))
        await eventually(lambda: "s0" in here.cluster.serving())
        assert await here.spin(EVEN_PLAYER, "k1") == 990


async def test_rule_16_a_start_drains_the_files_that_it_sees(tmp_path: Path, server: RedisServer) -> None:
    """Also those of shards that there are to be no more, and before another catalog comes into force."""
    async with a_house(tmp_path, server) as here:
        await supervised(here)
        await here.seat(EVEN_PLAYER, ODD_PLAYER)
        await eventually(lambda: granted(here, 1))
        server.kill()
        assert await here.spin(EVEN_PLAYER, "k1") == await here.spin(ODD_PLAYER, "k1") == 990
        here.crash()
        for shard in here.cluster.serving().values():
            shard.kill()
        server.start()
        await supervised(here, shards=1, version="another")
        assert (await here.store.routing()).catalog.version == "another"
        assert await here.spin(EVEN_PLAYER, "k2") == await here.spin(ODD_PLAYER, "k2") == 980
        await eventually(lambda: granted(here, 2))
        assert files(tmp_path) == ["s0-3"]


async def test_rule_16_a_start_without_a_file_says_which_is_missing(tmp_path: Path, server: RedisServer) -> None:
    async with a_house(tmp_path, server) as here:
        await supervised(here)
        await eventually(lambda: granted(here, 1))
        here.crash()
        for shard in here.cluster.serving().values():
            shard.kill()
        (file,) = (tmp_path / "files").glob("s1-*.fallback")
        file.rename(tmp_path / "elsewhere")
        with pytest.raises(ActivationFailed, match="shard s1 may have gone on without the store"):
            await supervised(here)


async def test_rule_16_another_instance_takes_over_from_living_shards(tmp_path: Path, server: RedisServer) -> None:
    """On a host that does not see the files: each shard gives its grant up when it is asked."""
    async with a_house(tmp_path, server) as here, a_house(tmp_path / "there", server) as elsewhere:
        await supervised(here, holder="ann", term_lease_ms=5_000, term_renew_ms=50)
        await here.seat(EVEN_PLAYER)
        await eventually(lambda: granted(here, 1))
        for file in (tmp_path / "files").glob("*.fallback*"):
            file.rename(tmp_path / file.name)  # nobody finds them under their names
        await supervised(elsewhere, holder="bob", take_over=True, term_lease_ms=5_000, term_renew_ms=50)
        assert elsewhere.epochs() == {"s0": 2, "s1": 2}
        assert await elsewhere.spin(EVEN_PLAYER, "k1") == 990
        await eventually(lambda: granted(elsewhere, 2))


async def test_rule_16_a_drained_shard_leaves_no_file_and_no_grant(tmp_path: Path, server: RedisServer) -> None:
    async with a_house(tmp_path, server) as here:
        await supervised(here)
        await here.seat(EVEN_PLAYER)
        await eventually(lambda: granted(here, 1))
        await here.started[-1][0]._crew.drain()
        assert files(tmp_path) == []
        assert all(row.fallback is None for row in (await here.store.routing()).shards.values())
