"""Shards on a real Redis that refuses to write: who waits is told, and the shard goes on with what was written."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

from actors.outcome import Answered, Unavailable
from snapshots.contract import SLOTS
from snapshots.opening import open_store
from tests.support.redis_server import RedisServer, free_port
from tests.support.shard_harness import TestShard, deal, eventually, spin, start_shard


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    started = RedisServer(tmp_path, appendfsync="always").start()
    yield started
    started.stop()


@asynccontextmanager
async def shard_on(server: RedisServer, **changes: int) -> AsyncIterator[TestShard]:
    async with start_shard(server.folder, store_url=server.url, **changes) as process:
        yield process


async def dealt(server: RedisServer) -> None:
    store = open_store(server.url)
    await store.open()
    await deal(store, {"s0": range(SLOTS)})
    await store.close()


def without_memory(client: "redis.Redis") -> None:
    client.config_set("maxmemory", 1)


def as_a_replica(client: "redis.Redis") -> None:
    client.replicaof("127.0.0.1", str(free_port()))


def without_replicas(client: "redis.Redis") -> None:
    client.config_set("min-replicas-to-write", 1)


def mended(client: "redis.Redis") -> None:
    client.config_set("maxmemory", 0)
    client.config_set("min-replicas-to-write", 0)
    client.replicaof("no", "one")


@pytest.mark.parametrize(
    ("spoil", "reason"), [(without_memory, "oom"), (as_a_replica, "readonly"), (without_replicas, "noreplicas")]
)
async def test_a_redis_that_refuses_ends_in_journal_unavailable_and_play_goes_on_once_it_writes(
    server: RedisServer, spoil: Callable[["redis.Redis"], None], reason: str
) -> None:
    await dealt(server)
    with redis.Redis.from_url(server.url) as client:
        async with shard_on(server, journal_refused_ms=50) as process:
            asking = process.asking
            await asking.seat("alice")
            assert (await asking.ask("alice", "k1", spin())).answer.balance.real == 990
            spoil(client)
            refused = await asking.ask("alice", "k2", spin())
            assert isinstance(refused, Unavailable) and refused.code == "journal_unavailable"
            assert process.metrics.journal_failures[reason] >= 1 and process.ended == []
            before = process.incarnation
            mended(client)
            await eventually(lambda: process.incarnation != before)
            assert process.ended == [], "the same process goes on"
            repeated = await process.asking.ask("alice", "k2", spin())
            assert isinstance(repeated, Answered) and (repeated.replayed, repeated.answer.balance.real) == (False, 980)
            known = await process.asking.ask("alice", "k1", spin())
            assert isinstance(known, Answered) and (known.replayed, known.answer.balance.real) == (True, 990)
