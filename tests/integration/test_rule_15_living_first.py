"""Rule 15 with a supervisor on two real Redis servers: who lives tells the store first what it has lost."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.routing.client import ShardClient
from actors.settings import ClientSettings, SupervisorSettings
from actors.stored_catalogs import CatalogContent
from actors.supervision.supervisor import SupervisorProcess
from actors.wire.frames import DeployCatalog, Deployed
from engine.control_entries import decode_control_entry
from snapshots.contract import Store
from snapshots.opening import open_store
from tests.support.failing_over import House, a_house, play
from tests.support.shard_harness import EVEN, ODD, REGISTER, SECRET, catalog, eventually, players_in, spin
from tests.unit.actors.local_cluster import LocalCluster, LocalShard, stop_supervisor
from tests.unit.actors.shard.test_rule_14_catalog import put

ALICE, BOB = players_in(EVEN, 1)[0], players_in(ODD, 1)[0]
NEVER_MS = 3_600_000


class Supervised:
    """A supervisor with its shards s0 and s1 on a house."""

    def __init__(self, house: House, supervisor: SupervisorProcess, cluster: LocalCluster, store: Store) -> None:
        self.house, self.supervisor, self.cluster, self.store = house, supervisor, cluster, store

    def shard(self, name: str) -> LocalShard:
        return self.cluster.serving()[name]

    async def die(self, name: str) -> LocalShard:
        """The process is gone, and Ray would say so."""
        shard = self.shard(name)
        await shard.crash()
        shard.gone.set()
        return shard


@asynccontextmanager
async def supervised(folder: Path, *, cut_off: bool = False, **changes: Any) -> AsyncIterator[Supervised]:
    """`cut_off`: the replica is, before the supervisor begins. Shards have no heartbeats unless told."""
    async with a_house(folder, {"s0": EVEN, "s1": ODD}) as house:
        if cut_off:
            await house.replicated()
            house.cut_off()
        quick = {"lease_ms": 100, "heartbeat_ms": NEVER_MS} | changes
        cluster = LocalCluster(folder / "shards", store_url=house.url, **quick)
        store = open_store(house.url)
        await store.open()
        client = ShardClient(store.routing, SECRET, ClientSettings(deadline_ms=20_000, refresh_fast_ms=2))
        await client.start()
        settings = SupervisorSettings(probe_ms=20, corpse_kill_after_ms=50)
        content = CatalogContent(catalog())
        supervisor = SupervisorProcess(
            store, cluster, client, settings, content, 100, SECRET, "127.0.0.1", "one"
        )  # fmt: skip
        await supervisor.start()
        try:
            yield Supervised(house, supervisor, cluster, store)
        finally:
            await stop_supervisor(supervisor)
            await client.stop()
            await cluster.close()
            await store.close()


async def heard(here: Supervised, name: str) -> None:
    """The supervisor knows by a probe how far that shard is."""
    head = here.shard(name).asking.shard.context.committer.head.seq
    reports = here.supervisor._watch._living_first._heard
    await eventually(lambda: name in reports and reports[name].durable_seq >= head)


async def test_rule_15_nobody_is_replaced_before_the_living_have_told_what_the_store_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """s0 has given its slots to s1, dies, and the store has lost the move: s0's successor may not serve them."""
    async with supervised(tmp_path) as here:
        s1 = here.shard("s1")
        await here.shard("s0").asking.seat(ALICE)
        await here.house.replicated()
        here.house.cut_off()
        await here.supervisor.move(EVEN[:], "s1")
        assert await play(s1, 0, 5, ALICE) == 950
        await heard(here, "s1")
        here.house.fail_over()
        await here.die("s0")
        await eventually(lambda: any("living shards do not follow" in line for line in caplog.messages))
        assert "s0" not in here.cluster.serving() and s1.ended == []
        s1.asking.ask(ALICE, "k9", spin())
        await eventually(lambda: {"s0", "s1"} == set(here.cluster.serving()))
        assert (await here.store.routing()).slots[EVEN[0]] == "s1"
        assert await play(here.shard("s1"), 10, 1, ALICE) == 940
    assert any("s1 takes back slots" in line for line in caplog.messages)


async def test_rule_15_a_lost_term_and_a_lost_catalog_are_told_again(tmp_path: Path) -> None:
    async with supervised(tmp_path, cut_off=True, heartbeat_ms=20) as here:
        await put(here.store, 700)
        routing = await here.store.routing()
        client = here.supervisor._client
        assert isinstance(await client.control(routing.supervisor, DeployCatalog("v700", "ann"), 20), Deployed)
        before = await here.store.routing()
        here.house.fail_over()
        await eventually(lambda: {"s0", "s1"} == {name for name, at in epochs(here).items() if at > 1})
        while (now := await here.store.routing()).catalog != before.catalog:
            await asyncio.sleep(0.02)
        assert now.term == before.term == here.supervisor.term and here.supervisor.lost is None
        shards = [shard.asking.shard.context for shard in here.cluster.serving().values()]
        await eventually(lambda: {context.committer.catalog_number for context in shards} == {2})


def epochs(here: Supervised) -> dict[str, int]:
    return {name: shard.asking.shard.context.inc.epoch for name, shard in here.cluster.serving().items()}


async def test_rule_15_what_died_with_its_owner_is_reported_as_an_interval(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "croupier.supervisor")
    async with supervised(tmp_path, heartbeat_ms=20) as here:
        await here.shard("s0").asking.seat(ALICE)
        await here.house.replicated()
        here.house.cut_off()
        await play(here.shard("s0"), 0, 3, ALICE)
        await heard(here, "s0")
        last = here.shard("s0").asking.shard.context.committer.head.seq
        here.house.fail_over()
        await here.die("s0")
        told = f"acknowledged records {last - 2} to {last} of s0-1 are lost"
        await eventually(lambda: any(told in line for line in caplog.messages))
        await eventually(lambda: "s0" in here.cluster.serving())
        counters = here.shard("s0").metrics.counters
        await eventually(lambda: counters["journal_records_lost"] == 3)
        entries = [decode_control_entry(entry) for _, entry in await here.store.control_entries(0, 100)]
        found = [(entry.subject, entry.after) for entry in entries if entry.outcome == "records_lost"]
        assert found == [("s0-1", {"shard": "s0", "first": last - 2, "last": last})]


async def test_rule_15_a_shard_that_does_not_follow_is_killed_before_it_is_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(tmp_path) as here:
        here.supervisor._watch._living_first._patience_s = 0.3
        frozen = here.shard("s0")
        await frozen.asking.seat(ALICE)
        await here.house.replicated()
        here.house.cut_off()
        here.house.fail_over()
        frozen.stopped = True
        here.shard("s1").asking.ask(BOB, "reg", REGISTER)
        await eventually(lambda: frozen.killed)
        await eventually(lambda: "s0" in here.cluster.serving())
    assert any("did not follow the store's history" in line for line in caplog.messages)


async def test_rule_15_who_is_to_be_replaced_tells_first_though_the_store_was_away_meanwhile(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """s0 is silent, and the store fails before it is replaced: only s0 has what the next store lacks."""
    async with supervised(tmp_path, heartbeat_ms=20) as here:
        s0 = here.shard("s0")
        await s0.asking.seat(ALICE)
        await here.house.replicated()
        here.house.cut_off()
        assert await play(s0, 0, 3, ALICE) == 970
        here.house.primary.kill()
        s0.stopped = True
        here.supervisor._recovery.begin("s0", "it has been silent")
        await eventually(lambda: any("s0 can't be replaced" in line for line in caplog.messages))
        assert "s0" in here.supervisor._recovery.under_way and not s0.killed
        here.house.fail_over()
        s0.stopped = False
        await eventually(lambda: here.cluster.serving().get("s0", s0) is not s0)
        assert await play(here.shard("s0"), 10, 1, ALICE) == 960
