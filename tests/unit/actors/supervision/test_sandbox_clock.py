"""The sandbox clock (rules §10): moved on for all shards at once, answered when all that became due is done."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.host.clock import now_ms
from actors.outcome import ask
from actors.stored_catalogs import CatalogContent, encode_content
from actors.supervision.deploying import DeployFailed, advance_clock
from actors.wire.frames import AdvanceClock, ClockSet, DeployCatalog, Done, Keyed, SetClock, TimeEnds
from engine.calendar import LATEST_MS
from engine.commands import Deposit, GrantCampaign
from tests.support.patience import PATIENCE_S
from tests.support.shard_harness import TestShard, catalog, players_in, spin, start_shard, table_for
from tests.unit.actors.background.test_rule_12_due_work import passivate, silent
from tests.unit.actors.shard.test_rule_14_catalog import cluster as cluster
from tests.unit.actors.supervision.test_supervisor import House

DAY_MS = 86_400_000
TEN_YEARS_MS = 3_650 * DAY_MS
GIVE = GrantCampaign("gift", "test")


async def advanced(house: House, by_ms: int) -> int:
    supervisor = house.started[-1][0]
    asked = AdvanceClock(by_ms, Keyed(f"{len(house.store.calls)}".encode(), b""))
    moved = await advance_clock(house.store, house.client, supervisor.term, supervisor._crew.wanted, asked)  # type: ignore[arg-type]
    assert isinstance(moved, ClockSet)
    return moved.offset_ms


async def test_it_answers_when_all_due_work_is_done_in_memory_or_not(cluster: House) -> None:
    await cluster.supervisor()
    names = players_in(range(256), 6)
    await cluster.seat(*names)
    for name in names:
        assert (await ask(cluster.client, name, "gs:g", GIVE)).answer.balance.bonus == 500  # type: ignore[union-attr]
    for process in cluster.cluster.serving().values():
        assert process.shard is not None and process._snapshotter is not None
        for resident in list(process.shard.context.residents.by_id.values())[:2]:
            resident.used_ms = 0
        await process._snapshotter._passivate()
    assert await advanced(cluster, 2 * DAY_MS) == 2 * DAY_MS
    expired = sum(p.metrics.counters["bonuses_expired"] for p in cluster.cluster.serving().values())
    assert expired == 6, "without anybody asking for a player"
    assert await advanced(cluster, DAY_MS) == 3 * DAY_MS


async def test_ten_years_at_a_time_it_comes_to_the_latest_instant_and_not_beyond(cluster: House) -> None:
    await cluster.supervisor()
    await cluster.seat("alice")
    assert await advanced(cluster, LATEST_MS - now_ms() - 60_000) > 0
    supervisor = cluster.started[-1][0]
    for step in (TEN_YEARS_MS, 60_001):
        refused = await supervisor._control(AdvanceClock(step, Keyed(b"k%d" % step, b"")))
        assert isinstance(refused, TimeEnds) and 0 < refused.left_ms <= 60_000
    last = await supervisor._control(AdvanceClock(refused.left_ms - 5_000, Keyed(b"last", b"")))
    assert isinstance(last, ClockSet) and LATEST_MS - 10_000 < last.now_ms <= LATEST_MS
    assert await ask(cluster.client, "alice", "gs:d", Deposit(100))


async def test_time_stands_still_where_it_ends(tmp_path: Path) -> None:
    """A store moved too far by an earlier version serves on: nothing is accepted, shown or due at a later time."""
    async with table_for(tmp_path, "s0") as (store, term):
        await store.advance_clock(term, 8_000 * 366 * DAY_MS)
        async with start_shard(tmp_path) as process:
            assert process.shard is not None and process.shard.context.now() == LATEST_MS
            await process.asking.seat("alice")
            for key in ("d1", "d2"):
                await process.asking.ask("alice", key, Deposit(100))
                assert process.shard.context.residents.by_id["alice"].player.state.time_ms == LATEST_MS


async def test_it_survives_a_restart_and_never_goes_back(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await store.advance_clock(term, 2 * DAY_MS)
        async with start_shard(tmp_path) as process:
            assert process.shard is not None
            assert abs(process.shard.context.now() - now_ms() - 2 * DAY_MS) < 5_000
            assert await process._control(SetClock(DAY_MS)) == Done()
            assert process.shard.context.clock_offset_ms == 2 * DAY_MS


async def test_a_shard_that_was_not_told_follows_the_store(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path, heartbeat_ms=3_600_000) as process:
        assert process.shard is not None
        await store.advance_clock(term, DAY_MS)
        await process._keep_up()
        assert process.shard.context.clock_offset_ms == DAY_MS


async def test_a_key_is_forgotten_by_real_time_not_by_the_sandbox_clock(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path) as process:
        await process.asking.seat("alice")
        first = await process.asking.ask("alice", "k", Deposit(100))
        for days in (1, 40):
            await process._control(SetClock(days * DAY_MS))
            again = await process.asking.ask("alice", "k", Deposit(100))
            assert again.replayed and again.answer == first.answer
            await process.asking.ask("alice", f"spin-{days}", spin())


async def test_rules_deployed_in_the_sandboxes_future_are_in_force_from_then_on(cluster: House) -> None:
    """Nothing becomes due by them before that: not in the 40 days that only the players have lived through."""
    supervisor = await cluster.supervisor()
    await advanced(cluster, 40 * DAY_MS)
    rules = replace(silent(), version="silent")
    await cluster.store.put_catalog(rules.version, encode_content(CatalogContent(rules)))
    await supervisor._control(DeployCatalog(rules.version, "ann"))
    for process in cluster.cluster.serving().values():
        shard = process.shard
        assert shard is not None and shard.context.catalog.version == "silent"
        assert abs(shard.context.catalog.in_force_ms - shard.context.now()) < 10_000


async def expires_once_abandoned(process: TestShard, moving: "asyncio.Future[Any]") -> None:
    """The clock is moved, and the bonus gone, when the catalog that was being prepared is given up, and not before."""
    assert process.shard is not None
    await asyncio.sleep(0.05)
    assert not moving.done() and process.metrics.counters["bonuses_expired"] == 0
    process.shard.swap.abandon()
    assert await moving == Done()
    assert process.metrics.counters["bonuses_expired"] == 1


async def test_it_waits_for_a_catalog_that_is_being_swapped(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await process.asking.ask("alice", "g", GIVE)
        process.shard.context.pause()
        process.shard.swap._prepared = object()  # type: ignore[assignment]
        moving = asyncio.ensure_future(process._control(SetClock(2 * DAY_MS)))
        await expires_once_abandoned(process, moving)


async def test_a_catalog_that_is_prepared_meanwhile_makes_it_look_again(tmp_path: Path) -> None:
    """While a catalog is prepared nothing is decided, so whatever had its turn then is still to be done."""
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await process.asking.ask("alice", "g", GIVE)
        await passivate(process.shard, "alice")
        await store.put_catalog("next", encode_content(CatalogContent(replace(catalog(), version="next"))))
        gate = process.faults.hold("due_players")
        moving = asyncio.ensure_future(process._control(SetClock(2 * DAY_MS)))
        await gate.reached.wait()
        await process.shard.swap.prepare(7, "next")
        gate.open()
        await expires_once_abandoned(process, moving)


async def test_whoever_rests_after_a_failure_is_tried_once_more(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path) as process:
        assert process._scheduler is not None
        await process.asking.seat("alice")
        await process.asking.ask("alice", "g", GIVE)
        for _ in range(5):
            process._scheduler._rests.failed("alice")
        assert await process._control(SetClock(2 * DAY_MS)) == Done()
        assert process.metrics.counters["bonuses_expired"] == 1


async def test_a_shard_that_dies_over_it_is_reported_at_once(cluster: House, monkeypatch: Any) -> None:
    await cluster.supervisor()
    await cluster.seat("alice")
    dying = cluster.cluster.serving()["s0"]

    async def catch_up(**_: Any) -> None:
        dying.kill()
        await asyncio.Event().wait()

    monkeypatch.setattr(dying._scheduler, "catch_up", catch_up)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(DeployFailed, match="not all due work is done: s0: no answer"):
            await advanced(cluster, DAY_MS)
