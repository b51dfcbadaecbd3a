"""Rule 16 on a real Redis that is killed: shards with a grant go on, and everything is in the store afterwards."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.outcome import Answered, Unavailable
from actors.wire.frames import Done, GiveUpFallback, GrantFallback, PrepareCatalog
from engine.commands import Deposit
from snapshots.codec import decode_batch
from snapshots.contract import SLOTS, Sealed, Store
from snapshots.errors import FallbackHeld, Fenced, StoreUnavailable
from snapshots.opening import open_store
from tests.support.redis_server import RedisServer
from tests.support.shard_harness import TestShard, deal, eventually, spin, start_shard

FALLBACK = "fallback"


@asynccontextmanager
async def a_redis(folder: Path) -> AsyncIterator[tuple[RedisServer, int]]:
    """With the table of one shard; yields the server and the term."""
    server = RedisServer(folder / "redis", appendfsync="always").start()
    store = open_store(server.url)
    try:
        await store.open()
        term = await deal(store, {"s0": range(SLOTS)})
        await store.close()
        yield server, term
    finally:
        server.kill()


@asynccontextmanager
async def a_shard(server: RedisServer, term: int = 0, **changes: Any) -> AsyncIterator[TestShard]:
    """With a grant of the term, unless that is 0."""
    folder = server.folder.parent / FALLBACK
    async with start_shard(server.folder, store_url=server.url, fallback_dir=str(folder), **changes) as process:
        if term:
            assert await process._control(GrantFallback(term)) == Done()
        yield process


@asynccontextmanager
async def a_house(folder: Path, **changes: Any) -> AsyncIterator[tuple[RedisServer, TestShard]]:
    """Alice has 1 000 and has played five spins."""
    async with a_redis(folder) as (server, term), a_shard(server, term, **changes) as process:
        await process.asking.seat("alice")
        assert await play(process, 0, 5) == 950
        yield server, process


async def play(process: TestShard, first: int, count: int) -> int:
    """That many spins for 10, one after the other; answers the balance after the last."""
    asking, balance = process.asking, 0
    for number in range(first, first + count):
        balance = (await asking.ask("alice", f"k{number}", spin())).answer.balance.real
    return balance


async def back(process: TestShard) -> None:
    """Returns once appends go to the store again."""
    await eventually(lambda: not on_fallback(process))


def on_fallback(process: TestShard) -> bool:
    assert process.shard is not None
    return process.shard.context.committer.on_fallback


def files(server: RedisServer) -> list[Path]:
    return sorted((server.folder.parent / FALLBACK).glob("*.fallback"))


async def stored_versions(store: Store, log_id: str) -> list[int]:
    """Alice's versions, as the log has them."""
    return [
        entry.version for record in await store.read_log(log_id, 0, 1_000) for entry in decode_batch(record.payload)
    ]


async def test_rule_16_spins_go_on_and_are_in_the_store_afterwards(tmp_path: Path) -> None:
    async with a_house(tmp_path) as (server, process):
        server.kill()
        began = time.monotonic()
        assert await play(process, 5, 1) == 940
        assert time.monotonic() - began < 2
        assert await play(process, 6, 20) == 740 and on_fallback(process)
        assert process.metrics.counters["fallback_records"] == 21 and process.metrics.gauges["shard_on_fallback"] == 1
        assert process.shard is not None and process.shard.report().on_fallback
        assert (await process.asking.look("alice")).balance.real == 740
        known = await process.asking.ask("alice", "k7", spin())
        assert isinstance(known, Answered) and known.replayed
        server.start()
        await back(process)
        assert await play(process, 26, 4) == 700 and process.ended == []
        assert process.metrics.gauges["shard_on_fallback"] == 0
        store = open_store(server.url)
        await store.open()
        assert await stored_versions(store, "s0-1") == list(range(1, 33))
        await store.close()
        assert await process._control(GrantFallback(1)) == Done()  # a Redis that was started again may have lost it
        server.kill()  # and a second time: the file begins anew
        assert await play(process, 30, 3) == 670 and on_fallback(process)
        server.start()
        await back(process)
        await process.crash()
        async with a_shard(server) as successor:
            assert (await successor.asking.look("alice")).balance.real == 670


async def test_rule_16_a_redis_that_hangs_is_as_silent_as_one_that_is_dead(tmp_path: Path) -> None:
    """The batch in flight lands when Redis wakes up, while the same record is drained: it is there once."""
    async with a_house(tmp_path) as (server, process):
        os.kill(server.pid, signal.SIGSTOP)
        assert await play(process, 5, 3) == 920 and on_fallback(process)
        os.kill(server.pid, signal.SIGCONT)
        await back(process)
        assert await play(process, 8, 1) == 910 and process.ended == []
        await process.crash()
        async with a_shard(server) as successor:
            assert (await successor.asking.look("alice")).balance.real == 910


async def test_rule_16_without_a_grant_spins_wait(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as (server, _), a_shard(server, heartbeat_ms=3_600_000) as process:
        await process.asking.seat("alice")
        server.kill()
        waiting = asyncio.ensure_future(play(process, 0, 1))
        await eventually(lambda: process.metrics.journal_failures["silence"] > 4)
        assert not on_fallback(process) and not waiting.done()
        server.start()
        assert await waiting == 990


async def test_rule_16_who_only_asks_is_answered_too(tmp_path: Path) -> None:
    """No spin waits for the store; the shard notices by its heartbeats, and the file keeps its lease fresh."""
    async with a_house(tmp_path, lease_ms=400) as (server, process):
        server.kill()
        await eventually(lambda: on_fallback(process))
        await asyncio.sleep(0.6)  # longer than the lease that the store gave
        assert (await process.asking.look("alice")).balance.real == 950
        server.start()
        await back(process)
        assert process.ended == [] and await play(process, 5, 1) == 940


async def test_rule_16_what_needs_the_store_waits_for_it(tmp_path: Path) -> None:
    async with a_house(tmp_path) as (server, process):
        server.kill()
        await play(process, 5, 2)
        refused = await process.asking.ask("bob", "k", Deposit(5))
        assert isinstance(refused, Unavailable) and refused.code == "journal_unavailable" and refused.retry_after_s == 2
        with pytest.raises(StoreUnavailable, match="without the store"):
            await process._control(PrepareCatalog(1, "v"))
        with pytest.raises(StoreUnavailable, match="without the store"):
            await process.release(1, [1], [], "s1")
        with pytest.raises(StoreUnavailable):
            await process._control(GiveUpFallback())
        with pytest.raises(StoreUnavailable):
            await process.drain()
        assert await play(process, 7, 0) == 0 and process.ended == []


def tear_off(server: RedisServer, folder: Path, bytes_: int) -> None:
    """Kills Redis; what it wrote last is gone with its host."""
    saved = (server.folder / "appendonlydir").rename(folder / "saved")
    server.kill()
    (server.folder / "appendonlydir").mkdir()
    for file in saved.iterdir():
        (server.folder / "appendonlydir" / file.name).write_bytes(file.read_bytes())
    increments = max((server.folder / "appendonlydir").glob("*.incr.aof"))
    data = increments.read_bytes()
    increments.write_bytes(data[: data.rindex(b"*", 0, len(data) - bytes_)])


@pytest.mark.parametrize("lives", [True, False], ids=["the shard lives", "the shard dies, too"])
async def test_rule_16_a_store_that_lost_its_tail_gets_that_first(tmp_path: Path, lives: bool) -> None:
    """Redis comes back without its last records: those of the ring are appended, or, as they are in the file, too, a
    successor finds them there.
    """
    async with a_house(tmp_path) as (server, process):
        tear_off(server, tmp_path, 700)
        assert await play(process, 5, 3) == 920
        if lives:
            server.start()
            await back(process)
            assert process.metrics.counters["journal_records_restored"] > 0 and process.ended == []
            await process.crash()
        else:
            await process.crash()
            server.start()
        async with a_shard(server) as successor:
            assert (await successor.asking.look("alice")).balance.real == 920
            assert await play(successor, 8, 1) == 910


async def test_rule_16_snapshots_and_loads_wait_until_the_log_has_everything(tmp_path: Path) -> None:
    """The store answers again, and only appends do not come through yet."""
    async with a_house(tmp_path) as (_, process):
        snapshotter = process._snapshotter
        assert snapshotter is not None
        process.faults.down.add("append")
        await play(process, 5, 3)
        assert on_fallback(process)
        written = len(process.faults.named("put_snapshots"))
        for write in (snapshotter.round(), snapshotter.clean(["alice"])):
            with pytest.raises(StoreUnavailable, match="without the store"):
                await write
        assert len(process.faults.named("put_snapshots")) == written and not process.faults.named("checkpoint")
        refused = await process.asking.ask("bob", "k", Deposit(5))
        assert isinstance(refused, Unavailable) and refused.code == "journal_unavailable"
        process.faults.down.clear()
        await back(process)
        await snapshotter.round()
        assert len(process.faults.named("put_snapshots")) > written and process.faults.named("checkpoint")


@pytest.mark.parametrize("alive", [False, True], ids=["it was killed", "it was only stopped"])
async def test_rule_16_a_successor_drains_the_file_of_its_predecessor(tmp_path: Path, alive: bool) -> None:
    async with a_house(tmp_path) as (server, process):
        server.kill()
        assert await play(process, 5, 10) == 850
        if alive:  # nothing of it runs while the successor takes over
            process._cancel_tasks()
            assert process.shard is not None
            fallback = process.shard.context.committer.fallback
            assert fallback is not None and fallback._returning is not None
            fallback._returning.cancel()
        else:
            await process.crash()
        server.start()
        async with a_shard(server) as successor:
            assert (await successor.asking.look("alice")).balance.real == 850
            known = await successor.asking.ask("alice", "k14", spin())
            assert isinstance(known, Answered) and known.replayed
            assert await play(successor, 15, 1) == 840
            if alive:
                lost = await process.asking.ask("alice", "k15", spin())
                assert isinstance(lost, Unavailable) and lost.code == "outcome_unknown"
                assert "is sealed" in process.ended[0]


async def test_rule_16_a_shard_that_never_went_over_is_taken_as_quickly_as_ever(tmp_path: Path) -> None:
    async with a_house(tmp_path) as (server, process):
        assert len(files(server)) == 1
        await process.crash()
        async with a_shard(server, 1) as successor:
            assert (await successor.asking.look("alice")).balance.real == 950
            await eventually(lambda: [file.name[:4] for file in files(server)] == ["s0-2"])


async def test_rule_16_without_its_file_a_shard_is_down(tmp_path: Path) -> None:
    async with a_house(tmp_path) as (server, process):
        server.kill()
        await play(process, 5, 1)
        await process.crash()
        (file,) = files(server)
        file.rename(tmp_path / "elsewhere")
        server.start()
        for _ in range(2):
            with pytest.raises(FallbackHeld, match="and that file is not here"):
                async with a_shard(server):
                    pass
        (tmp_path / "elsewhere").rename(file)
        async with a_shard(server) as successor:
            assert (await successor.asking.look("alice")).balance.real == 940


async def test_rule_16_a_full_file_makes_spins_wait_and_loses_none(tmp_path: Path) -> None:
    async with a_house(tmp_path, fallback_bytes_max=8_000) as (server, process):
        server.kill()
        asking, number = process.asking, 5
        while True:
            late = asking.ask("alice", f"k{number}", spin())
            if not (await asyncio.wait([late], timeout=0.7))[0]:
                break
            number += 1
        assert on_fallback(process) and number > 10
        server.start()
        assert isinstance(await late, Answered)
        await back(process)
        assert (await asking.look("alice")).balance.real == 1_000 - 10 * (number + 1) and process.ended == []


async def test_rule_16_a_shard_that_was_fenced_meanwhile_ends_and_names_what_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody accepted the loss while it was cut off."""
    async with a_house(tmp_path) as (server, process):
        assert process.shard is not None
        process.faults.down.add("append")
        await play(process, 5, 3)
        store = open_store(server.url)
        await store.open()
        await store.fence(1, "s0", Sealed(process.shard.context.inc.nonce))
        await store.close()
        with caplog.at_level(logging.ERROR):
            process.faults.down.clear()
            await eventually(lambda: process.ended)
        assert "acknowledged records 8 to 10 of s0-1 are in" in caplog.text
        assert len(files(server)) == 1


async def test_rule_16_a_grant_that_is_given_up_leaves_the_shard_to_others(tmp_path: Path) -> None:
    async with a_house(tmp_path) as (server, process):
        assert await process._control(GiveUpFallback()) == Done()
        store = open_store(server.url)
        await store.open()
        assert (await store.routing()).shards["s0"].fallback is None
        with pytest.raises(Fenced, match="term"):
            await process._control(GrantFallback(7))
        await store.close()
