"""Rule 8 over a recovery: the log of a dead incarnation stays until both snapshots of its players cover it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.commands import Deposit
from snapshots.contract import Store
from snapshots.errors import StoreUnavailable
from snapshots.recovery import load_player
from tests.contract.backends import Backend
from tests.support.shard_harness import LOOK, TestShard, deal, eventually, spin, start_shard

ALL = range(256)


@asynccontextmanager
async def shard(folder: Path, backend: Backend, shard_id: str = "s0", **changes: Any) -> AsyncIterator[TestShard]:
    async with start_shard(folder, shard_id, store_url=backend.url, lease_ms=1, **changes) as process:
        yield process


@asynccontextmanager
async def successor(folder: Path, backend: Backend) -> AsyncIterator[TestShard]:
    """Of a shard that died when alice had been written once after her last entry; it looks when the test says so."""
    async with shard(folder, backend) as first:
        await first.asking.seat("alice")
        await written(first)
    async with shard(folder, backend) as second:
        for task in second._tasks:
            if task.get_name() == "older snapshots":
                task.cancel()
        yield second


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.background.older_generations.BEGIN_S", 0.0)


async def written(process: TestShard) -> None:
    assert process._snapshotter is not None
    await process._snapshotter.round()


async def looked(process: TestShard) -> None:
    assert process._older is not None
    await process._older.settle(lambda player_id: True)


def needed(process: TestShard) -> tuple[str, ...]:
    assert process.shard is not None
    return process.shard.report().needs_logs


async def generations(store: Store, player_id: str) -> list[int]:
    return [record.version for record in (await store.load_player(player_id)).generations]


async def test_the_log_is_needed_until_both_snapshots_cover_it(store: Store, backend: Backend, tmp_path: Path) -> None:
    await deal(store, {"s0": ALL})
    async with shard(tmp_path, backend) as first:
        await first.asking.seat("alice")
        await written(first)
        (log,) = await store.unfinished_logs()
        assert (log.checkpoint_seq, log.trimmed_seq, await generations(store, "alice")) == (2, 0, [2])
    async with shard(tmp_path, backend) as second:
        assert needed(second) == ("s0-1",)
        assert second.shard is not None
        context = second.shard.context
        await eventually(lambda: not context.tails.held())
        assert "alice" in context.residents.dirty and needed(second) == ("s0-1",), "one write is not enough"
        for _ in range(2):
            await written(second)
        assert needed(second) == () and await generations(store, "alice") == [2, 2]


@pytest.mark.parametrize("looks", [False, True], ids=["before anybody looked", "after it was let go"])
async def test_a_newest_snapshot_that_rots_is_replaced_whatever_the_supervisor_has_removed(
    store: Store, backend: Backend, tmp_path: Path, looks: bool
) -> None:
    term = await deal(store, {"s0": ALL})
    async with successor(tmp_path, backend) as second:
        if looks:
            await looked(second)
            for _ in range(2):
                await written(second)
            await second.asking.ask("alice", "k1", spin())
            await written(second)
        for log in await store.unfinished_logs():
            if log.sealed and log.log_id not in needed(second):
                await store.finish_log(term, log.log_id)
                await store.sweep_journal(term)
        assert len(await store.unfinished_logs()) == (1 if looks else 2)
        newest = max(await generations(store, "alice"))
        backend.damage_snapshot("alice", newest)
        assert (await load_player(store, "alice")).player.state.version == newest == (3 if looks else 2)


async def test_who_is_in_memory_already_owes_both_snapshots(store: Store, backend: Backend, tmp_path: Path) -> None:
    await deal(store, {"s0": ALL})
    async with successor(tmp_path, backend) as second:
        assert second.shard is not None
        await second.asking.look("alice")
        assert second.shard.context.residents.dirty == {}
        await looked(second)
        assert second.shard.context.residents.dirty == {"alice": 2}


async def test_whom_both_snapshots_cover_is_not_loaded(store: Store, backend: Backend, tmp_path: Path) -> None:
    """The log is there only because the archive has not read it."""
    await deal(store, {"s0": ALL})
    await store.claim_reader("archive", "nonce")
    async with shard(tmp_path, backend) as first:
        await first.asking.seat("alice")
        for _ in range(2):
            await written(first)
    async with shard(tmp_path, backend) as second:
        await eventually(lambda: needed(second) == ())
        assert second.shard is not None and len(second.shard.context.residents) == 0


async def test_a_slot_leaves_only_with_both_snapshots(store: Store, backend: Backend, tmp_path: Path) -> None:
    term = await deal(store, {"s0": ALL})
    async with successor(tmp_path, backend) as second, shard(tmp_path, backend, "s1") as other:
        await second.release(term, list(ALL), [], "s1")
        assert needed(second) == () and await generations(store, "alice") == [2, 2]
        await other.gain()
        assert (await other.asking.look("alice")).balance.real == 1_000


async def test_a_log_that_cant_be_looked_through_is_kept_and_stops_nobody(
    store: Store, backend: Backend, tmp_path: Path
) -> None:
    term = await deal(store, {"s0": ALL})
    async with successor(tmp_path, backend) as second, shard(tmp_path, backend, "s1") as other:
        second.faults.down = {"read_log"}
        with pytest.raises(StoreUnavailable):
            await looked(second)
        second.faults.down = set()
        assert needed(second) == ("s0-1",)
        (record, _) = await store.read_log("s0-1", 0, 9)
        backend.damage_record("s0-1", 1, record.payload.replace(b"alice", b"aXice"))
        await looked(second)
        assert (await second.asking.ask("alice", "k1", Deposit(5))).replayed is False
        await second.release(term, list(ALL), [], "s1")
        assert needed(second) == ("s0-1",)
        await other.gain()
        assert (await other.asking.ask("alice", "", LOOK)).answer.balance.real == 1_005
