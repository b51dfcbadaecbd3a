"""Rule 16, the supervisor's part, on a real Redis: who gets grants, and who takes a shard that may have gone over."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.supervision.ports import ActivationFailed
from snapshots.contract import Sealed
from snapshots.errors import FallbackHeld
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


def hide(folder: Path) -> None:
    """Nobody finds the files under their names, as on another host; whoever has them open goes on with them."""
    for file in (folder / "files").glob("*.fallback*"):
        file.rename(folder / file.name)


OLD: Mapping[str, Any] = {"holder": "ann", "term_lease_ms": 5_000, "term_renew_ms": 50}
NEW: Mapping[str, Any] = OLD | {"holder": "bob", "take_over": True}


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
        await supervised(here, **OLD)
        await here.seat(EVEN_PLAYER)
        await eventually(lambda: granted(here, 1))
        hide(tmp_path)
        await supervised(elsewhere, **NEW)
        assert elsewhere.epochs() == {"s0": 2, "s1": 2}
        assert await elsewhere.spin(EVEN_PLAYER, "k1") == 990
        await eventually(lambda: granted(elsewhere, 2))


async def test_rule_16_a_shard_that_goes_on_without_the_store_keeps_others_from_taking_over(
    tmp_path: Path, server: RedisServer
) -> None:
    """Nothing is taken, and the one that would have been taken over goes on, with all of its grants."""
    async with a_house(tmp_path, server) as here, a_house(tmp_path / "there", server) as elsewhere:
        await supervised(here, **OLD)
        await here.seat(EVEN_PLAYER, ODD_PLAYER)
        await eventually(lambda: granted(here, 1))
        victim = here.cluster.serving()["s1"]
        victim.faults.down.add("append")
        assert await here.spin(ODD_PLAYER, "k1") == 990 and on_fallback(victim)
        hide(tmp_path)
        with pytest.raises(FallbackHeld, match=r"shard s1 may .*/s1-1-.*the fallback log is in use.*croupier status"):
            await supervised(elsewhere, **NEW)
        assert (await here.store.routing()).term == 1 and here.started[-1][0].lost is None
        assert await here.spin(ODD_PLAYER, "k2") == 980
        victim.faults.down.clear()
        await eventually(lambda: not on_fallback(victim) and granted(here, 1))
        assert await here.spin(EVEN_PLAYER, "k1") == 990 and here.epochs() == {"s0": 1, "s1": 1}
        await supervised(elsewhere, **NEW)
        assert await elsewhere.spin(ODD_PLAYER, "k3") == 970 and elsewhere.epochs() == {"s0": 2, "s1": 2}


async def test_rule_16_a_shard_that_goes_over_while_it_is_taken_over_is_claimed_once_it_is_back(
    tmp_path: Path, server: RedisServer
) -> None:
    """It serves until then, and nothing is lost; the other shards have changed hands already."""
    async with a_house(tmp_path, server) as here, a_house(tmp_path / "there", server) as elsewhere:
        await supervised(here, **OLD)
        await here.seat(EVEN_PLAYER, ODD_PLAYER)
        await eventually(lambda: granted(here, 1))
        hide(tmp_path)
        victim = here.cluster.serving()["s1"]
        asked = victim.faults.hold("give_up_fallback", "after")
        taking_over = asyncio.ensure_future(supervised(elsewhere, **NEW))
        await asked.reached.wait()
        taken = elsewhere.store.hold("take_term")
        asked.open()
        await taken.reached.wait()
        await eventually(lambda: granted(here, 1))
        victim.faults.down.add("append")
        assert await here.spin(ODD_PLAYER, "k1") == 990 and on_fallback(victim)
        taken.open()
        await taking_over
        assert elsewhere.epochs() == {"s0": 2} and await elsewhere.spin(ODD_PLAYER, "k2") == 980
        victim.faults.down.clear()
        await eventually(lambda: elsewhere.epochs() == {"s0": 2, "s1": 2})
        assert await elsewhere.spin(ODD_PLAYER, "k3") == 970 and await elsewhere.spin(EVEN_PLAYER, "k1") == 990


async def test_rule_16_shards_that_are_to_be_others_give_their_grants_up_before_they_are_fenced(
    tmp_path: Path, server: RedisServer
) -> None:
    async with a_house(tmp_path, server) as here, a_house(tmp_path / "there", server) as elsewhere:
        await supervised(here, **OLD)
        await here.seat(EVEN_PLAYER, ODD_PLAYER)
        await eventually(lambda: granted(here, 1))
        hide(tmp_path)
        await supervised(elsewhere, shards=1, **NEW)
        assert await elsewhere.spin(ODD_PLAYER, "k1") == await elsewhere.spin(EVEN_PLAYER, "k1") == 990


async def test_rule_16_a_drained_shard_leaves_no_file_and_no_grant(tmp_path: Path, server: RedisServer) -> None:
    async with a_house(tmp_path, server) as here:
        await supervised(here)
        await here.seat(EVEN_PLAYER)
        await eventually(lambda: granted(here, 1))
        await here.started[-1][0]._crew.drain()
        assert files(tmp_path) == []
        assert all(row.fallback is None for row in (await here.store.routing()).shards.values())
