"""Rule 8: snapshots hold durable versions only, and the log behind them stays complete."""

import asyncio
import itertools
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from engine.commands import Deposit
from snapshots.codec import decode_snapshot
from snapshots.contract import Position
from tests.support.deposits import FORMAT_1
from tests.support.shard_harness import LOOK, Desk, TestShard, desk, snapshotter_of, spin, start_shard, table_for


async def versions(table: Desk, player_id: str) -> list[int]:
    """Stored generations of a player, newest first."""
    stored = await table.store.inner.load_player(player_id)
    return [decode_snapshot(record).state.version for record in stored.generations]


async def test_rule_08_an_undurable_version_is_never_snapshotted(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        gate = table.store.hold("append")
        written = table.ask("alice", "k1", spin())
        await gate.reached.wait()
        round_ = asyncio.ensure_future(snapshotter_of(table.shard).round())
        for _ in range(20):
            await asyncio.sleep(0)
        assert table.store.named("put_snapshots") == []
        gate.open()
        await round_
        assert written.done() and await versions(table, "alice") == [3]


async def test_rule_08_trimming_stays_behind_the_older_generation(tmp_path: Path) -> None:
    """Each row: entries in the log when a round begins → checkpoint = all of them, trimmed = what the last one had."""
    async with desk(tmp_path) as table:
        snapshotter, points = snapshotter_of(table.shard), []
        await table.seat("alice")
        for number in range(3):
            await snapshotter.round()
            (info,) = await table.store.inner.unfinished_logs()
            kept = await table.store.inner.read_log(info.log_id, info.trimmed_seq, 100)
            points.append((table.shard.context.committer.head.seq, info.checkpoint_seq, info.trimmed_seq, len(kept)))
            await table.ask("alice", f"k{number}", spin())
        assert points == [(2, 2, 0, 2), (3, 3, 2, 1), (4, 4, 3, 1)]


async def test_rule_08_without_new_entries_both_generations_catch_up(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        snapshotter = snapshotter_of(table.shard)
        await table.seat("alice")
        for _ in range(3):
            await snapshotter.round()
        assert await versions(table, "alice") == [2, 2]
        assert len(table.store.named("put_snapshots")) == 2, "then nothing is owed any more"
        assert table.shard.context.residents.dirty == {}


async def test_players_owe_snapshots_until_both_cover_them_and_a_successor_begins_with_those_of_the_dead(
    tmp_path: Path,
) -> None:
    def owing(process: TestShard) -> float | None:
        registry = CollectorRegistry()
        registry.register(process.metrics)
        return registry.get_sample_value("shard_players_owing_snapshots")

    async with table_for(tmp_path, "s0"):
        async with start_shard(tmp_path) as first:
            assert owing(first) == 0
            for name in ("alice", "bob"):
                await first.asking.seat(name)
            assert owing(first) == 2
        async with start_shard(tmp_path) as second:
            assert second._snapshotter is not None
            assert owing(second) == 2, "both are in the tails, and nobody is in memory"
            for _ in range(2):
                await second._snapshotter._adopt_tails()
                await second._snapshotter.round()
            assert owing(second) == 0


async def test_rule_08_a_player_who_moved_on_while_being_written_still_owes_both_generations(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        gate = table.store.hold("put_snapshots", "after")
        round_ = asyncio.ensure_future(snapshotter_of(table.shard).round())
        await gate.reached.wait()
        await table.ask("alice", "k1", spin())
        gate.open()
        await round_
        assert table.shard.context.residents.dirty == {"alice": 2}


async def test_rule_08_a_damaged_newest_generation_is_replaced_by_the_older_one_and_the_log(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"):
        async with start_shard(tmp_path) as first:
            assert first._snapshotter is not None
            await first.asking.seat("alice")
            for number in range(3):
                await first._snapshotter.round()
                await first.asking.ask("alice", f"k{number}", spin())
            await first._snapshotter.round()
        with sqlite3.connect(tmp_path / "shard-s0.db") as file:
            file.execute("UPDATE snapshots SET state=x'01' WHERE version=(SELECT max(version) FROM snapshots)")
        async with start_shard(tmp_path, lease_ms=1) as second:
            view = await second.asking.look("alice")
            assert (view.version, view.balance.real) == (5, 970)


async def test_rule_08_a_gap_stops_that_player_and_nobody_else(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"):
        async with start_shard(tmp_path) as first:
            assert first._snapshotter is not None
            for name in ("alice", "bob"):
                await first.asking.seat(name)
            await first._snapshotter.round()
            await first._snapshotter.round()
            for name in ("alice", "bob"):
                await first.asking.ask(name, "k1", spin())
        with sqlite3.connect(tmp_path / "shard-s0.db") as file:
            file.execute("DELETE FROM snapshots WHERE player_id='alice'")
        async with start_shard(tmp_path, lease_ms=1) as second:
            assert (await second.asking.ask("alice", "", LOOK)).code == "shard_unavailable"
            assert (await second.asking.ask("alice", "k2", Deposit(5))).code == "shard_unavailable"
            assert (await second.asking.look("bob")).balance.real == 990


async def test_rule_08_while_a_player_who_owes_is_not_in_memory_the_log_is_kept(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        table.shard.context.residents.evict("alice")
        table.shard.loader.reload_after("alice", 0)
        table.store.down = {"load_player"}
        await snapshotter_of(table.shard).round()
        await snapshotter_of(table.shard).round()
        assert table.store.named("checkpoint") == []
        table.store.down = set()
        assert (await table.look("alice")).balance.real == 1_000


async def test_rule_08_who_comes_back_after_a_round_has_passed_by_is_not_taken_for_written(tmp_path: Path) -> None:
    async with desk(tmp_path, snapshot_batch=1) as table:
        for name in ("alice", "bob"):
            await table.seat(name)
        table.shard.context.residents.evict("alice")
        table.shard.loader.reload_after("alice", 0)
        table.store.down, gate = {"load_player"}, table.store.hold("put_snapshots")
        round_ = asyncio.ensure_future(snapshotter_of(table.shard).round())
        await gate.reached.wait()
        table.store.down = set()
        assert (await table.look("alice")).balance.real == 1_000
        gate.open()
        await round_
        assert table.store.named("checkpoint") == [] and await versions(table, "alice") == []


async def test_rule_08_what_a_dead_incarnation_left_becomes_snapshots_before_its_log_is_let_go(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"):
        async with start_shard(tmp_path) as first:
            await first.asking.seat("alice")
        async with start_shard(tmp_path, lease_ms=1) as second:
            assert second.shard is not None and second._snapshotter is not None
            assert second.shard.context.tails.needed_logs() == ["s0-1"]
            await second._snapshotter._adopt_tails()
            await second._snapshotter.round()
            assert second.shard.context.tails.needed_logs() == ["s0-1"], "one generation is not enough"
            await second._snapshotter.round()
            assert second.shard.context.tails.needed_logs() == []
            stored = await second.store.load_player("alice")
            assert [record.version for record in stored.generations] == [2, 2]


async def test_snapshots_are_taken_in_the_background_and_trim_the_log(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path, snapshot_interval_ms=1) as shard:
        await shard.asking.seat("alice")
        while (await store.unfinished_logs())[0].trimmed_seq < 2:
            await asyncio.sleep(0.005)
        assert [record.version for record in (await store.load_player("alice")).generations] == [2, 2]


async def test_a_drained_shard_leaves_nothing_in_its_log_and_nobody_to_wait_for(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _):
        async with start_shard(tmp_path) as first:
            gate = first.faults.hold("load_player")
            waiting = first.asking.ask("alice", "k0", LOOK)
            await first.asking.seat("bob")
            await gate.reached.wait()
            draining = asyncio.ensure_future(first.drain())
            gate.open()
            await draining
            assert waiting.done() and first.ended == []
        (info,) = await store.unfinished_logs()
        assert info.sealed and len(await store.read_log(info.log_id, info.checkpoint_seq, 10)) == 0
        async with start_shard(tmp_path, lease_ms=50_000) as second:
            assert (await second.asking.look("bob")).balance.real == 1_000


async def test_a_store_that_the_version_before_wrote_is_loaded_and_written_anew(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.store.put_snapshots(table.shard.context.inc, [FORMAT_1])
        assert (await table.look("alice")).balance.real == 200
        await table.ask("alice", "k1", Deposit(1))
        await snapshotter_of(table.shard).round()
        stored = await table.store.inner.load_player("alice")
        assert [(record.version, record.state[0]) for record in stored.generations] == [(4, 2), (3, 1)]


class Rests:
    """The snapshotter's pauses, as a test watches them: `taken` in seconds. Each of its steps takes 1 ms of CPU."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[float] = []
        self.first, self.over = asyncio.Event(), asyncio.Event()
        looks = itertools.count()
        monkeypatch.setattr("actors.host.cpu_time.thread_cpu_s", lambda: next(looks) / 1000)
        world = SimpleNamespace(Lock=asyncio.Lock, sleep=self._sleep)
        monkeypatch.setattr("actors.background.snapshotter.asyncio", world)

    async def _sleep(self, seconds: float) -> None:
        if seconds:
            self.taken.append(seconds)
            self.first.set()
            await self.over.wait()
        else:
            await asyncio.sleep(0)


async def seated(table: Desk, count: int) -> None:
    for number in range(count):
        await table.seat(f"p{number}")


@pytest.mark.parametrize("percent", [5, 20, 50])
async def test_a_round_rests_to_keep_to_its_share_of_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, percent: int
) -> None:
    async with desk(tmp_path, snapshot_cpu_percent_max=percent, snapshot_slice=2, snapshot_batch=4) as table:
        await seated(table, 12)
        rests = Rests(monkeypatch)
        rests.over.set()
        await snapshotter_of(table.shard).round()
        spent = table.shard.context.metrics.snapshot_cpu_s
        assert len(rests.taken) == 6
        # The last slice and what stored it have no slice after them to rest for.
        assert 0.75 * percent / 100 < spent / (spent + sum(rests.taken)) < 1.5 * percent / 100


@pytest.mark.parametrize(("entries", "rests_taken"), [(1_000, 6), (0, 0)])
async def test_a_round_rests_only_while_the_log_behind_it_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: int, rests_taken: int
) -> None:
    async with desk(tmp_path, snapshot_slice=2, snapshot_entries=entries) as table:
        await seated(table, 12)
        rests = Rests(monkeypatch)
        rests.over.set()
        await snapshotter_of(table.shard).round()
        assert len(rests.taken) == rests_taken
        assert all([await versions(table, f"p{number}") == [2] for number in range(12)])


async def test_a_round_rests_no_more_once_somebody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, snapshot_slice=2) as table:
        await seated(table, 12)
        rests, snapshotter = Rests(monkeypatch), snapshotter_of(table.shard)
        round_ = asyncio.ensure_future(snapshotter.round())
        await rests.first.wait()
        cleaned = asyncio.ensure_future(snapshotter.clean([f"p{number}" for number in range(12)]))
        await asyncio.sleep(0)
        rests.over.set()
        await asyncio.gather(round_, cleaned)
        assert len(rests.taken) == 1
        assert table.shard.context.residents.dirty == {}


async def test_what_snapshots_take_of_the_cpu_is_counted(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        metrics = table.shard.context.metrics
        assert metrics.snapshot_cpu_s == 0.0
        await snapshotter_of(table.shard).round()
        families = {family.name: family.samples[0] for family in metrics.collect() if family.samples}
        counted = families["shard_snapshot_cpu_seconds"]
        assert counted.name == "shard_snapshot_cpu_seconds_total" and 0.0 < counted.value == metrics.snapshot_cpu_s


async def test_a_full_store_is_trimmed_when_the_archive_has_read_on_though_nobody_plays(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        snapshotter, store = snapshotter_of(table.shard), table.store
        archive = await store.claim_reader("archive", "nonce")
        await table.seat("alice")
        for _ in range(2):
            await snapshotter.round()
        assert await first_kept(table) == 1
        table.shard.context.stop_bets()
        await store.commit_reader(archive, {"s0": Position(1, table.shard.context.committer.head.seq)}, {})
        await snapshotter.round()
        assert await first_kept(table) is None


async def first_kept(table: Desk) -> int | None:
    """The number of the first record that the store still has."""
    records = await table.store.read_log("s0-1", 0, 10)
    return records[0].seq if records else None
