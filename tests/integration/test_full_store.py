"""A shard on a real Redis with little memory: bets stop before Redis refuses an append, and go on after it has room."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from actors.outcome import Answered, Unavailable
from actors.supervision.shard_process import ShardProcess
from engine.commands import Deposit, Result
from snapshots.contract import SLOTS
from tests.support.patience import PATIENCE_S
from tests.support.redis_server import RedisServer
from tests.support.shard_harness import Asking, catalog, deal, eventually, settings, spin

MAXMEMORY = 12_000_000
FILLER = b"x" * 50_000


@pytest.fixture
def small_redis(tmp_path: Path) -> Iterator[RedisServer]:
    options = f"--maxmemory {MAXMEMORY} --maxmemory-policy noeviction"
    server = RedisServer(tmp_path / "redis", extra=options).start()
    yield server
    server.stop()


@contextlib.asynccontextmanager
async def shard_on(url: str, folder: Path, ended: list[str]) -> AsyncIterator[ShardProcess]:
    process = ShardProcess(msgspec.structs.replace(settings(folder), store_url=url), catalog(), ended.append)
    await process.prepare()
    await deal(process.store, {"s0": range(SLOTS)})
    await process.activate("s0")
    try:
        yield process
    finally:
        await process.drain()


def fill_up(client: "redis.Redis", to: float, count: int = 0) -> int:
    """Other data fills the server; answers how many keys it took, `count` of which are there already."""
    while client.info("memory")["used_memory"] < to * MAXMEMORY:
        client.set(f"filler:{count}", FILLER)
        count += 1
    return count


async def test_bets_stop_in_time_and_go_on_when_there_is_room(small_redis: RedisServer, tmp_path: Path) -> None:
    ended: list[str] = []
    with redis.Redis.from_url(small_redis.url) as client:
        async with shard_on(small_redis.url, tmp_path, ended) as process:
            assert process.shard is not None
            asking, context = Asking(process.shard), process.shard.context
            await asking.seat("alice", 1_000_000)
            opened = await asking.ask("alice", "open", spin(win=None))
            count = fill_up(client, 0.88)
            async with asyncio.timeout(PATIENCE_S):
                while not context.bets_stopped:  # the server may have given back memory of its own meanwhile
                    count = fill_up(client, 0.88, count)
                    await asyncio.sleep(0.05)
            assert isinstance(await asking.ask("alice", "new", spin()), Unavailable)
            assert isinstance(await asking.ask("alice", "win", Result(opened.answer.session_id, 5)), Answered)
            for number in range(500):
                assert isinstance(await asking.ask("alice", f"dep-{number}", Deposit(1)), Answered)
            client.delete(*(f"filler:{number}" for number in range(count)))
            async with asyncio.timeout(PATIENCE_S):
                await eventually(lambda: not context.bets_stopped)
            assert isinstance(await asking.ask("alice", "new", spin()), Answered)
            assert context.metrics.gauges["store_fill_ratio"] < 0.8
    assert ended == []
