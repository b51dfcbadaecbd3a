"""Rule 14: one catalog for all shards. They prepare it, one row of the store commits it, older numbers are refused."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.host.clock import now_ms
from actors.outcome import ask
from actors.shard.catalog_swap import DeploymentOver
from actors.stored_catalogs import CatalogContent, encode_content
from actors.supervision.deploying import DeployFailed, deploy
from actors.wire.frames import DeployCatalog, Deployed, FinishCatalog, PrepareCatalog, RequestFrame, ShardStatus
from engine.catalog import Catalog
from engine.commands import GrantCampaign
from snapshots.contract import CatalogRow, Store
from tests.support.patience import PATIENCE_S
from tests.support.playing import campaign, catalog_with, wager
from tests.support.shard_harness import FAR_MS, TestShard, eventually, players_in, spin, start_shard, table_for
from tests.unit.actors.local_cluster import stop_supervisor
from tests.unit.actors.supervision.test_supervisor import House

GIVE = GrantCampaign("gift", "test")


def version(fixed: int) -> Catalog:
    """The version that gives so many cents, so that every grant tells under which one it was decided."""
    gift = campaign("gift", fixed, valid_from_ms=0, valid_to_ms=FAR_MS, wager=wager(10))
    return replace(catalog_with(gift), version=f"v{fixed}")


async def put(store: Any, *amounts: int) -> None:
    for fixed in amounts:
        await store.put_catalog(f"v{fixed}", encode_content(CatalogContent(version(fixed))))


async def commit(store: Store, term: int, number: int, fixed: int) -> None:
    await store.commit_catalog(term, CatalogRow(number, f"v{fixed}", now_ms(), "test"))


async def given(process: TestShard, key: str) -> int:
    """Cents that a grant made now gives."""
    return (await process.asking.ask("alice", key, GIVE)).answer.granted.amount  # type: ignore[no-any-return]


@pytest.fixture
def doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that hears nothing asks the store soon."""
    monkeypatch.setattr("actors.shard.catalog_swap.PREPARED_MAX_S", 0.05)


async def test_rule_14_what_comes_while_it_is_prepared_waits_and_is_decided_under_the_new_one(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await put(store, 700)
        asking = process.asking
        await process.shard.swap.prepare(1, "v700")
        waiting, reading = asking.ask("alice", "g", GIVE), asking.ask("alice", "1", spin())
        await asyncio.sleep(0.02)
        assert not waiting.done() and not reading.done()
        await commit(store, term, 1, 700)
        process.shard.swap.finish(1, "v700")
        assert (await waiting).answer.granted.amount == 700 and (await reading).answer.balance.real == 990
        assert process.shard.context.committer.catalog_number == 1 and process.ended == []


async def test_rule_14_commands_waiting_for_a_load_or_for_facts_are_decided_before_it_is_prepared(
    tmp_path: Path,
) -> None:
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await put(store, 700)
        process.shard.context.residents.evict("alice")
        process.shard.loader.reload_after("alice", process.shard.context.residents.dirty["alice"])
        gate = process.faults.hold("load_player")
        earlier = process.asking.ask("alice", "g", GIVE)
        preparing = asyncio.ensure_future(process.shard.swap.prepare(1, "v700"))
        await gate.reached.wait()
        await asyncio.sleep(0.02)
        assert not preparing.done()
        gate.open()
        await preparing
        assert (await earlier).answer.granted.amount == 500, "it came before, and is durable"
        await commit(store, term, 1, 700)
        process.shard.swap.finish(1, "v700")
        assert await given(process, "h") == 700


async def test_rule_14_given_up_everything_goes_on_under_the_old_one(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await put(store, 700)
        asking = process.asking
        await process.shard.swap.prepare(1, "v700")
        waiting = asking.ask("alice", "g", GIVE)
        process.shard.swap.abandon()
        assert (await waiting).answer.granted.amount == 500


@pytest.mark.parametrize(("committed", "amount"), [(False, 500), (True, 700)])
async def test_rule_14_left_alone_a_shard_asks_the_store_how_it_ended(
    tmp_path: Path, doubtful: None, committed: bool, amount: int
) -> None:
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await put(store, 700)
        await process.shard.swap.prepare(1, "v700")
        if committed:
            await commit(store, term, 1, 700)
        process.faults.fail("routing", "before")
        assert await given(process, "g") == amount


async def test_rule_14_another_version_under_the_same_number_is_not_taken_for_the_prepared_one(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path, heartbeat_ms=3_600_000) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await put(store, 700, 800)
        await process.shard.swap.prepare(1, "v700")
        await commit(store, term, 1, 800)
        process.shard.swap.finish(1, "v800")
        assert await given(process, "g") == 800


async def test_rule_14_an_older_preparation_does_not_survive_a_newer_word(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await put(store, 700)
        gate = process.faults.hold("get_catalog")
        preparing = asyncio.ensure_future(process.shard.swap.prepare(1, "v700"))
        await gate.reached.wait()
        process.shard.swap.abandon()
        gate.open()
        with pytest.raises(DeploymentOver):
            await preparing
        assert await given(process, "g") == 500, "nothing waits"


async def test_rule_14_a_shard_nobody_told_is_refused_by_the_store(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path, heartbeat_ms=3_600_000) as process:
        await process.asking.seat("alice")
        await put(store, 700)
        await commit(store, term, 1, 700)
        assert (await process.asking.ask("alice", "1", spin())).code == "outcome_unknown"
        assert len(process.ended) == 1
        async with start_shard(tmp_path, lease_ms=1) as successor:
            assert await given(successor, "g") == 700


async def test_rule_14_a_shard_nobody_told_notices_also_without_appending(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await put(store, 700)
        await commit(store, term, 1, 700)
        await eventually(lambda: process.shard.context.committer.catalog_number == 1)  # type: ignore[union-attr]
        assert await given(process, "g") == 700


async def test_rule_14_what_is_committed_while_a_shard_starts_is_in_force_when_it_serves(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term):
        await put(store, 700)
        process = TestShard(tmp_path, heartbeat_ms=3_600_000)
        await process.prepare()
        gate = process.faults.hold("heartbeat")
        starting = asyncio.ensure_future(process.activate("s0"))
        await gate.reached.wait()
        await commit(store, term, 1, 700)
        gate.open()
        await starting
        await process.asking.seat("alice")
        assert await given(process, "g") == 700
        await process.crash()


async def test_rule_14_frames_that_wait_are_bounded_and_control_does_not_wait(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path, pending_entries_max=1) as process:
        assert process.shard is not None
        await process.asking.seat("alice")
        await put(store, 700)
        asking = process.asking
        await process.shard.swap.prepare(1, "v700")
        waiting = asking.ask("alice", "1", spin())
        assert (await asking.ask("alice", "2", spin())).code == "overloaded"
        assert (await asking.ask("", "", ShardStatus())).shard_id == "s0"
        process.shard.handle(asking.reply_to, RequestFrame(0, []))
        process.shard.swap.abandon()
        assert (await waiting).answer.balance.real == 990


async def test_rule_14_what_waits_when_the_shard_ends_is_sent_on(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path) as process:
        assert process.shard is not None
        await put(store, 700)
        asking = process.asking
        await process.shard.swap.prepare(1, "v700")
        waiting = asking.ask("alice", "1", spin())
        process.shard.context.end("fenced")
        assert await waiting == "not_owner"


# --- by the supervisor


def numbers(house: House) -> set[int]:
    return {process.shard.context.committer.catalog_number for process in house.cluster.serving().values()}  # type: ignore[union-attr]


async def deployed(house: House, fixed: int) -> Deployed:
    supervisor = house.started[-1][0]
    asked = DeployCatalog(f"v{fixed}", "test")
    return await deploy(house.store, house.client, supervisor.term, supervisor._crew.wanted, asked)  # type: ignore[arg-type, return-value]


@pytest.fixture
async def cluster(tmp_path: Path) -> Any:
    made = House(tmp_path)
    yield made
    for supervisor, client, store in made.started:
        await stop_supervisor(supervisor)
        await client.stop()
        await store.close()
    await made.cluster.close()


async def test_rule_14_every_shard_decides_under_it_when_it_is_deployed(cluster: House) -> None:
    await cluster.supervisor()
    names = players_in(range(256), 4)
    await cluster.seat(*names)
    await put(cluster.store, 700, 800)
    for number, fixed in ((2, 700), (3, 800)):
        assert await deployed(cluster, fixed) == Deployed(number, f"v{fixed}")
        for name in names:
            granted = await ask(cluster.client, name, f"gs:g{number}", GIVE)
            assert granted.answer.granted.amount == fixed  # type: ignore[union-attr]
    assert numbers(cluster) == {3}


async def test_rule_14_the_version_in_force_changes_nothing(cluster: House) -> None:
    await cluster.supervisor()
    await put(cluster.store, 700)
    first = await deployed(cluster, 700)
    cluster.store.calls.clear()
    assert await deployed(cluster, 700) == first
    assert cluster.store.named("commit_catalog") == []


async def test_rule_14_without_dropping_a_spin(cluster: House) -> None:
    await cluster.supervisor()
    names = players_in(range(256), 4)
    await cluster.seat(*names)
    await put(cluster.store, *range(600, 605))
    asked = [ask(cluster.client, name, f"gs:{number}", spin(bet=10)) for number in range(10) for name in names]
    for fixed in range(600, 605):
        deploying = asyncio.ensure_future(deployed(cluster, fixed))
        asked += [ask(cluster.client, name, f"gs:{fixed}-{number}", spin()) for number in range(5) for name in names]
        await deploying
    outcomes = await asyncio.gather(*asked)
    assert {type(outcome).__name__ for outcome in outcomes} == {"Answered"}


async def test_rule_14_a_version_that_a_shard_can_not_use_is_refused_with_its_reason(cluster: House) -> None:
    await cluster.supervisor()
    await cluster.seat("alice")
    broken = replace(version(700), geo_database="no-such.mmdb")
    await cluster.store.put_catalog("v700", encode_content(CatalogContent(broken)))
    with pytest.raises(DeployFailed, match=r"geo database .*no-such\.mmdb"):
        await deployed(cluster, 700)
    with pytest.raises(DeployFailed, match="the store has no catalog v800"):
        await deployed(cluster, 800)
    assert await cluster.spin("alice", "k1") == 990 and numbers(cluster) == {1}


async def test_rule_14_a_shard_that_is_being_replaced_is_waited_for(cluster: House) -> None:
    await cluster.supervisor()
    await put(cluster.store, 700)
    cluster.cluster.serving()["s0"].kill()
    assert await deployed(cluster, 700) == Deployed(2, "v700")
    assert len(cluster.cluster.serving()) == 2 and numbers(cluster) == {2}


async def test_rule_14_a_commit_without_outcome_is_repeated_until_it_has_one(cluster: House) -> None:
    await cluster.supervisor()
    await put(cluster.store, 700)
    cluster.store.calls.clear()
    cluster.store.fail("commit_catalog", "before")
    cluster.store.fail("commit_catalog", "after")
    assert await deployed(cluster, 700) == Deployed(2, "v700")
    assert len(set(cluster.store.named("commit_catalog"))) == 1 and numbers(cluster) == {2}


@pytest.mark.parametrize(("point", "amount"), [("before", 500), ("after", 700)])
async def test_rule_14_a_supervisor_killed_around_the_commit_leaves_shards_that_find_out(
    cluster: House, doubtful: None, point: Any, amount: int
) -> None:
    await cluster.supervisor()
    await cluster.seat("alice")
    await put(cluster.store, 700)
    gate = cluster.store.hold("commit_catalog", point)
    deploying = asyncio.ensure_future(deployed(cluster, 700))
    await gate.reached.wait()
    deploying.cancel()
    granted = await ask(cluster.client, "alice", "gs:g", GIVE)
    assert granted.answer.granted.amount == amount  # type: ignore[union-attr]
    async with asyncio.timeout(PATIENCE_S):  # the other shard has nobody who asks: it finds out by itself
        while numbers(cluster) != {2 if point == "after" else 1}:
            await asyncio.sleep(0.01)


async def test_rule_14_a_supervisor_whose_term_is_over_commits_nothing(cluster: House) -> None:
    await cluster.supervisor()
    await cluster.seat("alice")
    await put(cluster.store, 700)
    await cluster.store.inner.take_term()
    with pytest.raises(Exception, match="term"):
        await deployed(cluster, 700)
    assert await cluster.spin("alice", "k1") == 990 and numbers(cluster) == {1}


async def test_rule_14_control_requests_reach_the_swap(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, term), start_shard(tmp_path) as process:
        await process.asking.seat("alice")
        await put(store, 700)
        await process._control(PrepareCatalog(1, "v700"))
        await commit(store, term, 1, 700)
        await process._control(FinishCatalog(1, "v700"))
        assert await given(process, "g") == 700
