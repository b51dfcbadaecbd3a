"""Rule 12: a catalog put in force while players are not in memory reaches them, too."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.background.due_sweep import DueSweep
from actors.routing.owner_of import slot_of
from actors.shard.catalog_swap import DeploymentOver
from actors.stored_catalogs import CatalogContent, encode_content, next_row
from actors.wire.frames import SetClock
from engine.catalog import Catalog
from engine.commands import Block
from snapshots.contract import SLOTS
from tests.support.shard_harness import TestShard, catalog, deal, eventually, players_in, start_shard, table_for
from tests.unit.actors.background.test_rule_12_due_work import ALL, DAY_MS, Clock, passivate, silent
from tests.unit.actors.background.test_rule_12_due_work import clock as clock

PLAIN, SILENT = replace(catalog(), version="plain"), replace(silent(), version="silent")
"""Without and with a campaign for two days of silence."""


@pytest.fixture(autouse=True)
def _only_when_asked(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No sweep and no look for due work by itself, unless a test is about that."""
    if "by_itself" not in request.node.name:
        monkeypatch.setattr("actors.background.due_sweep.DueSweep.run", lambda self: asyncio.sleep(0))
        monkeypatch.setattr("actors.background.due_work.Scheduler.run", lambda self: asyncio.sleep(0))


async def put_in_force(store: Any, term: int, rules: Catalog, *shards: TestShard) -> None:
    """Commits the catalog; these shards go on under it."""
    await store.put_catalog(rules.version, encode_content(CatalogContent(rules)))
    row = await next_row(store, await store.routing(), rules.version, "test")
    await store.commit_catalog(term, row)
    for process in shards:
        shard = process.shard
        assert shard is not None
        with suppress(DeploymentOver):  # the heartbeat may have been quicker
            await process._keep_up()
        await eventually(lambda shard=shard: shard.context.committer.catalog_number == row.number)  # type: ignore[misc]


async def away(process: TestShard, *names: str) -> None:
    """Players who registered, deposited 10 EUR and left the memory."""
    assert process.shard is not None
    for name in names:
        await process.asking.seat(name)
    await passivate(process.shard, *names)


def sweep(process: TestShard) -> DueSweep:
    assert process._due_sweep is not None
    return process._due_sweep


def left(process: TestShard) -> float:
    """Slots not complete."""
    return process.metrics.gauges["shard_due_slots_to_sweep"]


async def indexed(store: Any) -> set[str]:
    """Who has work due some day, as the index tells."""
    return set(await store.due_players(ALL, [], 10**15, 1_000))


async def bonus(process: TestShard, player_id: str) -> int:
    amount: int = (await process.asking.look(player_id)).balance.bonus
    return amount


async def test_rule_12_a_new_catalog_makes_work_due_for_players_not_in_memory(
    tmp_path: Path, clock: Clock, monkeypatch: Any
) -> None:
    monkeypatch.setattr("actors.shard.residents.FORGOTTEN_MAX", 0)
    names = players_in(ALL, 20)
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path, clock_skew_max_ms=9 * DAY_MS) as process:
            assert process.shard is not None and process._scheduler is not None
            await away(process, *names)
            await sweep(process).catch_up()
            assert (await indexed(store), left(process)) == (set(), 0)
            await put_in_force(store, term, SILENT, process)
            await sweep(process).catch_up()
            assert (await indexed(store), left(process)) == (set(names), 0)
            assert len(process.shard.context.residents) == 0, "they were let go again"
            assert len(process.shard.context.scheduled) == 0, "and no note of them stays in memory"
            clock.pass_days(3)
            await process._scheduler.catch_up()
            assert process.metrics.counters["bonuses_granted"] == 20
            assert [await bonus(process, name) for name in names] == [500] * 20


async def test_rule_12_the_sandbox_clock_waits_for_the_sweep(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as process:
            await away(process, "alice")
            await put_in_force(store, term, SILENT, process)
            await process._control(SetClock(3 * DAY_MS))
            assert process.metrics.counters["bonuses_granted"] == 1


async def test_rule_12_a_sweep_by_itself_after_activation_and_after_a_swap(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.background.due_sweep.LOOK_S", 0.01)
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as process:
            await away(process, *players_in(ALL, 20))
            while len(await store.due_marks()) < SLOTS:
                await asyncio.sleep(0.01)
            await put_in_force(store, term, SILENT, process)
            while len(await indexed(store)) < 20:
                await asyncio.sleep(0.01)


async def test_rule_12_other_changes_of_the_catalog_load_nobody(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, SILENT)
        async with start_shard(tmp_path) as process:
            await away(process, "alice")
            await sweep(process).catch_up()
            process.faults.calls.clear()
            await put_in_force(store, term, replace(SILENT, version="other", funds_order="bonus_first"), process)
            await sweep(process).catch_up()
            assert process.faults.named("load_player") == process.faults.named("stored_players") == []
            await process.drain()
        async with start_shard(tmp_path) as again:
            await sweep(again).catch_up()
            assert again.faults.named("load_player") == again.faults.named("stored_players") == []


async def test_rule_12_an_empty_store_is_complete_at_once(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path) as process:
        await sweep(process).catch_up()
        assert (len(await store.due_marks()), len(process.faults.named("stored_players"))) == (SLOTS, 1)


async def test_rule_12_only_who_has_another_due_time_is_written(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as process:
            await away(process, "alice", "blocked")
            await process.asking.ask("blocked", "b", Block("test"))
            assert process.shard is not None
            await passivate(process.shard, "blocked")
            process.faults.calls.clear()
            await put_in_force(store, term, SILENT, process)
            await sweep(process).catch_up()
            written = [record.player_id for _, records in process.faults.named("put_snapshots") for record in records]
            assert written == ["alice"]
            assert len(process.faults.named("load_player")) == 2


async def test_rule_12_a_campaign_that_is_gone_leaves_the_index(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, SILENT)
        async with start_shard(tmp_path) as process:
            await away(process, "alice")
            assert await indexed(store) == {"alice"}
            await put_in_force(store, term, PLAIN, process)
            await sweep(process).catch_up()
            assert await indexed(store) == set()


async def test_rule_12_a_shard_that_died_before_its_sweep_leaves_it_to_the_next(tmp_path: Path, clock: Clock) -> None:
    """Also of players in memory: what the new catalog makes due was known there only."""
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as first:
            await away(first, "alice", "bob")
            await sweep(first).catch_up()
            await bonus(first, "bob")
            await put_in_force(store, term, SILENT, first)
        async with start_shard(tmp_path, lease_ms=1) as second:
            await sweep(second).catch_up()
            assert await indexed(store) == {"alice", "bob"}


async def test_rule_12_who_is_in_memory_is_in_the_index_before_the_slot_is_complete(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as process:
            assert process.shard is not None
            await away(process, "alice")
            await bonus(process, "alice")
            await put_in_force(store, term, SILENT, process)
            await sweep(process).catch_up()
            assert await indexed(store) == {"alice"} == set(process.shard.context.residents.by_id)


async def test_rule_12_rules_that_went_and_came_back_are_swept_for_again(tmp_path: Path) -> None:
    """Complete under A; B is in force when alice is written; the shard dies before its sweep; A again."""
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, SILENT)
        async with start_shard(tmp_path) as first:
            await away(first, "alice")
            await sweep(first).catch_up()
            await put_in_force(store, term, PLAIN, first)
            await away(first, "alice")
            assert await indexed(store) == set()
        await put_in_force(store, term, SILENT)
        async with start_shard(tmp_path, lease_ms=1) as second:
            await sweep(second).catch_up()
            assert await indexed(store) == {"alice"}


async def test_rule_12_who_gains_a_slot_completes_it(tmp_path: Path) -> None:
    (alice,) = players_in(range(0, SLOTS, 2), 1)
    async with table_for(tmp_path, "s0", "s1") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path, "s0") as loser, start_shard(tmp_path, "s1") as gainer:
            await away(loser, alice)
            await put_in_force(store, term, SILENT, loser, gainer)
            await sweep(gainer).catch_up()
            assert await indexed(store) == set(), "it is not the gainer's yet"
            await loser.release(term, [slot_of(alice)], [], "s1")
            await sweep(loser).catch_up()
            assert await indexed(store) == set()
            await gainer.gain()
            await sweep(gainer).catch_up()
            assert await indexed(store) == {alice}
            assert len(await store.due_marks()) == SLOTS


async def test_rule_12_dedicated_players_and_those_who_are_no_longer(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await store.assign(term, {}, {"vip": "s1"})
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path, "s0") as s0, start_shard(tmp_path, "s1") as s1:
            await away(s1, "vip")
            for process in (s0, s1):
                await sweep(process).catch_up()
            await put_in_force(store, term, SILENT, s0, s1)
            await sweep(s0).catch_up()
            assert await store.due_players([], ["vip"], 10**15, 9) == []
            await sweep(s1).catch_up()
            assert await store.due_players([], ["vip"], 10**15, 9) == ["vip"]
            await put_in_force(store, term, PLAIN, s0)
            await sweep(s0).catch_up()
        await deal(store, {})
        async with start_shard(tmp_path, "s0", lease_ms=1) as again:
            assert await indexed(store) == {"vip"}, "of the campaign that is gone"
            await sweep(again).catch_up()
            assert await indexed(store) == set()


@pytest.mark.parametrize(("residents_max", "at_most"), [(200_000, 8), (3, 3), (1, 1)])
async def test_rule_12_a_sweep_keeps_to_its_slices_and_to_the_bound(
    tmp_path: Path, residents_max: int, at_most: int
) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path, residents_max=residents_max, snapshot_batch=8) as process:
            assert process.shard is not None
            await away(process, *players_in(ALL, 30))
            await put_in_force(store, term, SILENT, process)
            admit, seen = process.shard.turn.admit, list[int]()
            process.shard.turn.admit = lambda loaded: (admit(loaded), seen.append(len(process.shard.context.residents)))  # type: ignore
            await sweep(process).catch_up()
            assert (len(await indexed(store)), max(seen)) == (30, at_most)


async def test_rule_12_whoever_is_used_meanwhile_stays(tmp_path: Path, clock: Clock) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as process:
            assert process.shard is not None
            await away(process, "alice", "bob")
            await put_in_force(store, term, SILENT, process)
            gate = process.faults.hold("put_snapshots")
            sweeping = asyncio.ensure_future(sweep(process).catch_up())
            await gate.reached.wait()
            clock.off_ms += 10
            assert (await bonus(process, "alice"), len(process.shard.context.residents)) == (0, 2)
            gate.open()
            await sweeping
            assert set(process.shard.context.residents.by_id) == {"alice"}


@pytest.mark.parametrize("interruption", ["paused", "draining", "moved"])
async def test_rule_12_an_interrupted_sweep_marks_nothing_it_did_not_finish(tmp_path: Path, interruption: str) -> None:
    names = players_in([9], 20)
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as process:
            shard = process.shard
            assert shard is not None
            await away(process, *names)
            await sweep(process).catch_up()
            before = dict(await store.due_marks())
            await put_in_force(store, term, SILENT, process)
            process.faults.calls.clear()
            gate = process.faults.hold("load_player")
            sweeping = asyncio.ensure_future(sweep(process).catch_up())
            await gate.reached.wait()
            if interruption == "paused":
                shard.context.pause()
            elif interruption == "draining":
                shard.context.drain()
            else:
                await process.gain()
            gate.open()
            await sweeping
            assert (await store.due_marks(), left(process)) == (before, SLOTS)
            assert len(process.faults.named("load_player")) <= 2, "it stopped at once"
            shard.context.resume()
            shard.context.draining = False
            await sweep(process).catch_up()
            assert (len(await indexed(store)), left(process)) == (20, 0)


async def test_rule_12_a_damaged_player_keeps_its_slot_open_and_holds_up_nobody(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("actors.background.backoff.REST_FIRST_S", 0.0)
    broken, *others = players_in([9], 5)
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as process:
            assert process.shard is not None
            await away(process, broken, *others)
            await put_in_force(store, term, SILENT, process)
            arrive, asked = process.shard.loader.arrive, list[str]()

            async def arrives(player_id: str) -> None:
                asked.append(player_id)
                if player_id != broken:
                    await arrive(player_id)

            monkeypatch.setattr(sweep(process), "_arrive", arrives)
            await sweep(process).catch_up()
            assert (await indexed(store), left(process)) == (set(others), 1)
            assert 9 not in await store.due_marks() and len(await store.due_marks()) == SLOTS - 1
            asked.clear()
            await sweep(process).catch_up()
            assert asked == [broken], "nobody else is loaded again for its sake"
            monkeypatch.setattr(sweep(process), "_arrive", arrive)
            await sweep(process).catch_up()
            assert (await indexed(store), left(process)) == ({broken, *others}, 0)
            assert len(await store.due_marks()) == SLOTS


async def test_rule_12_a_store_that_fails_is_asked_again_from_where_it_failed(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.background.due_sweep.LOOK_S", 0.01)
    names = players_in(ALL, 30)
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path, snapshot_batch=8) as process:
            await away(process, *names)
            await put_in_force(store, term, SILENT, process)
            for call in ("routing", "due_marks", "stored_players", "put_snapshots", "put_due_marks"):
                process.faults.fail(call, "before")
            monkeypatch.undo()
            monkeypatch.setattr("actors.background.due_sweep.LOOK_S", 0.01)
            running = asyncio.ensure_future(sweep(process).run())
            await eventually(lambda: left(process) == 0 and sweep(process)._done is not None)
            running.cancel()
            assert await indexed(store) == set(names)


async def test_rule_12_a_snapshot_under_way_does_not_bring_the_former_rules_back(tmp_path: Path) -> None:
    """Written under the old catalog, it reaches the store after the new one is in force."""
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path) as process:
            assert process.shard is not None
            await process.asking.seat("alice")
            gate = process.faults.hold("put_snapshots")
            writing = asyncio.ensure_future(process._snapshotter.round())  # type: ignore[union-attr]
            await gate.reached.wait()
            await put_in_force(store, term, SILENT, process)
            sweeping = asyncio.ensure_future(sweep(process).catch_up())
            for _ in range(20):
                await asyncio.sleep(0.001)
            gate.open()
            await asyncio.gather(writing, sweeping)
            assert await indexed(store) == {"alice"}


async def test_rule_12_sweeps_leave_the_time_to_others_unless_somebody_waits(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.background.due_sweep.PAUSE_PER_WORK", 10**9)
    monkeypatch.setattr("actors.background.due_sweep.PAUSE_MAX_S", 3_600)
    async with table_for(tmp_path, "s0") as (store, term):
        await put_in_force(store, term, PLAIN)
        async with start_shard(tmp_path, snapshot_batch=8) as process:
            await away(process, *players_in(ALL, 30))
            await put_in_force(store, term, SILENT, process)
            paced = asyncio.ensure_future(sweep(process)._sweep())
            while len(await indexed(store)) < 8:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
            assert not paced.done() and len(await indexed(store)) == 8, "one slice, then a long pause"
            paced.cancel()
            await asyncio.wait([paced])
            await sweep(process).catch_up()
            assert len(await indexed(store)) == 30
