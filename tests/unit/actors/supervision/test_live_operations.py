"""Scale, drain, rolling restart, rebalance while players spin: nothing fails, and whoever dies, it is carried out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.stored_catalogs import CatalogContent, encode_content
from actors.supervision.crew import dedicated_shard
from actors.supervision.ports import ShardDied
from actors.supervision.supervisor import SupervisorProcess
from actors.wire.cluster_requests import (
    ChangeCluster,
    ClusterStatus,
    Keyed,
    NotPossible,
    Operation,
    OperationBegun,
)
from actors.wire.frames import DeployCatalog, Deployed, KeyTaken
from engine.control_entries import decode_control_entry
from snapshots.contract import Routing
from tests.support.shard_harness import catalog, eventually, players_in
from tests.unit.actors.supervision.test_supervisor import House, house

QUICK = {"move_rest_ms": 0, "operation_rest_ms": 5, "move_slots_max": 64, "spares": 0}
VIP = "vip"
TWO_NODES = {"node-one": "10.0.0.1", "node-two": "10.0.0.2"}
SPINS_MAX = 100
"""Then a player has spent everything."""


async def begin(supervisor: SupervisorProcess, kind: Any, **more: Any) -> Any:
    return await supervisor._control(ChangeCluster(kind, "ann", **more))


async def shown(supervisor: SupervisorProcess) -> Operation:
    report: Any = await supervisor._control(ClusterStatus())
    assert report.operation is not None
    return report.operation  # type: ignore[no-any-return]


async def ended(supervisor: SupervisorProcess) -> Operation:
    """The operation that runs, when it has ended."""
    while (operation := await shown(supervisor)).state == "running":
        await asyncio.sleep(0.01)
    return operation


async def done(supervisor: SupervisorProcess, kind: Any, **more: Any) -> Operation:
    begun = await begin(supervisor, kind, **more)
    assert isinstance(begun, OperationBegun), begun
    operation = await ended(supervisor)
    assert (operation.state, operation.trouble) == ("done", ""), operation
    return operation


async def slots(here: House) -> dict[str, int]:
    return dict(Counter((await here.store.routing()).slots))


@asynccontextmanager
async def spinning(here: House, *names: str) -> AsyncIterator[None]:
    """The players spin without a pause; each has been answered once for every spin, with the right balance."""
    await here.seat(*names)
    stop, counts = asyncio.Event(), Counter[str]()

    async def play(name: str) -> None:
        while not stop.is_set() and counts[name] < SPINS_MAX:
            counts[name] += 1
            assert await here.spin(name, f"{name}-{counts[name]}") == 1_000 - 10 * counts[name]
            await asyncio.sleep(0.005)

    playing = [asyncio.ensure_future(play(name)) for name in names]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*playing)
    for name in names:
        assert await here.spin(name, f"{name}-1") == 990, "replayed, by whoever has the player now"


PLAYERS = players_in(range(256), 6)


async def test_one_shard_becomes_three_and_then_two_while_players_spin(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=1, **QUICK)
        async with spinning(here, *PLAYERS):
            up = await done(supervisor, "scale", shards=3)
            assert sorted((await slots(here)).values()) == [85, 85, 86]
            down = await done(supervisor, "scale", shards=2)
        assert await slots(here) == {"s0": 128, "s1": 128}
        assert set(here.cluster.serving()) == {"s0", "s1"}
        assert (up.slots_moved, up.slots_left) in ((170, 0), (171, 0)) and down.slots_moved in (85, 86)
        assert (up.number, down.number, up.asked) == (1, 2, "1 → 3 shards")
        assert [shard.killed for shard in here.cluster.launched] == [False] * 3, "the third drained and was dismissed"
        logs = {info.shard_id: info.sealed for info in await here.store.unfinished_logs()}
        assert (logs["s0"], logs["s1"], logs.get("s2", True)) == (False, False, True)


async def test_the_control_log_tells_what_it_came_to(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=1, **QUICK)
        await done(supervisor, "scale", shards=2)
        found: list[Any] = []

        async def read() -> None:
            found[:] = [decode_control_entry(entry) for _, entry in await here.store.control_entries(0, 9)]

        while not found:
            await read()
        assert [(e.who, e.role, e.operation, e.outcome, e.subject) for e in found] == [
            ("ann", "ops", "cluster scale", "done", "1")
        ]
        assert found[0].after["slots_moved"] == 128


async def test_a_rolling_restart_gives_every_shard_a_fresh_process_while_players_spin(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(dedicated=[VIP], **QUICK)
        before = dict(here.cluster.serving())
        async with spinning(here, VIP, *PLAYERS):
            operation = await done(supervisor, "rolling_restart")
        assert (operation.shards_done, operation.shards_left, operation.slots_moved) == (3, 0, 256)
        assert all(shard.gone.is_set() and not shard.killed for shard in before.values())
        routing = await here.store.routing()
        assert await slots(here) == {"s2": 128, "s0": 128}, "s0 went to s2, then s1 to the free name s0"
        assert routing.dedicated == {VIP: dedicated_shard(VIP) + "r"}
        assert set(here.cluster.serving()) == {"s0", "s2", dedicated_shard(VIP) + "r"}
        await done(supervisor, "rolling_restart")
        assert (await here.store.routing()).dedicated == {VIP: dedicated_shard(VIP)}


async def test_a_drained_shard_gives_its_slots_to_the_others_and_ends(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=3, **QUICK)
        async with spinning(here, *PLAYERS):
            await done(supervisor, "drain", shard="s1")
        assert await slots(here) == {"s0": 128, "s2": 128}
        assert set(here.cluster.serving()) == {"s0", "s2"}


async def test_a_drained_node_loses_its_shards_and_spares_to_another_one(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(**QUICK | {"spares": 1})
        await eventually(lambda: len(supervisor._crew.nodes) == 2)
        here.cluster.places = TWO_NODES
        spare = supervisor._crew.spares[0]
        async with spinning(here, *PLAYERS):
            operation = await done(supervisor, "drain", node="10.0.0.1")
        assert (operation.asked, operation.shards_done) == ("node node-one, with 2 shards", 2)
        assert spare.killed  # type: ignore[attr-defined]
        assert {shard.node for shard in here.cluster.launched if not shard.gone.is_set()} == {"node-two"}
        here.crash()
        second = await here.supervisor(**QUICK | {"spares": 1})
        assert {shard.node for shard in second._crew.spares} == {"node-two"}, "its successor avoids the node, too"  # type: ignore[attr-defined]


def by_node(here: House) -> Counter[str]:
    return Counter(shard.node for shard in here.cluster.serving().values())


async def test_a_node_that_joins_gets_the_shards_that_a_scale_starts_though_the_spare_is_elsewhere(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(**QUICK | {"spares": 1})
        here.cluster.places = TWO_NODES
        await done(supervisor, "scale", shards=4)
        assert by_node(here) == {"node-one": 2, "node-two": 2}


@pytest.mark.parametrize("dedicated", [(), (VIP,)])
async def test_rebalance_hands_shards_of_a_crowded_node_to_one_that_has_joined(
    tmp_path: Path, dedicated: tuple[str, ...]
) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=4, dedicated=dedicated, **QUICK | {"spares": 1})
        here.cluster.places = TWO_NODES
        async with spinning(here, *PLAYERS, *dedicated):
            operation = await done(supervisor, "rebalance")
        assert operation.asked == "2 shards to emptier nodes, slots evened out by players"
        assert (operation.shards_done, operation.shards_left) == (2, 0)
        assert by_node(here) == {"node-one": 2 + len(dedicated), "node-two": 2}
        assert len(await slots(here)) == 4
        again = await done(supervisor, "rebalance")
        assert (again.asked, again.shards_done) == ("slots evened out by players", 0)


async def test_shards_and_spares_begin_spread_over_the_nodes(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.cluster.places = TWO_NODES
        supervisor = await here.supervisor(shards=3, **QUICK | {"spares": 1})
        assert max(by_node(here).values()) <= 2
        assert supervisor._crew.spread([*supervisor._crew.live.values(), *supervisor._crew.spares]) == {
            "node-one": 2,
            "node-two": 2,
        }


async def test_rebalance_evens_out_what_was_moved_by_hand(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(**QUICK)
        await supervisor.move(list(range(0, 100, 2)), "s1")
        assert await slots(here) == {"s0": 78, "s1": 178}
        await done(supervisor, "rebalance")
        assert await slots(here) == {"s0": 128, "s1": 128}


async def test_rebalance_goes_by_players_in_memory(tmp_path: Path) -> None:
    """Forty players in four slots of one shard: two of the slots go to the other one, and nothing else moves."""
    busy = range(0, 8, 2)
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(**QUICK)
        crowd = [name for slot in busy for name in players_in([slot], 10)]
        await here.seat(*crowd)
        await done(supervisor, "rebalance")
        table = (await here.store.routing()).slots
        assert [table[slot] for slot in busy].count("s1") == 2
        assert await slots(here) == {"s0": 126, "s1": 130}
        assert [await here.spin(name, name) for name in crowd] == [990] * len(crowd)


async def test_a_catalog_is_deployed_between_two_steps(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=1, **QUICK | {"move_slots_max": 4})
        await here.store.put_catalog("v2", encode_content(CatalogContent(replace(catalog(), version="v2"))))
        async with spinning(here, *PLAYERS):
            await begin(supervisor, "scale", shards=3)
            deployed = await supervisor._control(DeployCatalog("v2", "ann"))
            assert isinstance(deployed, Deployed)
            assert (await shown(supervisor)).state == "running"
            await ended(supervisor)
        numbers = {p.shard.context.committer.catalog_number for p in here.cluster.serving().values() if p.shard}
        assert numbers == {deployed.number}


# --- whoever dies


async def test_rule_07_the_next_supervisor_goes_on_with_the_operation_under_way(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        first = await here.supervisor(shards=1, **QUICK)
        await here.seat(*PLAYERS)
        loser = here.cluster.serving()["s0"]
        gate = loser.faults.hold("release_slots", "after")
        await begin(first, "scale", shards=3)
        await gate.reached.wait()
        here.crash()
        second = await here.supervisor(shards=1, **QUICK)
        gate.open()
        operation = await ended(second)
        assert (operation.number, operation.state) == (1, "done")
        assert sorted((await slots(here)).values()) == [85, 85, 86]
        assert not loser.killed
        assert [await here.spin(name, name) for name in PLAYERS] == [990] * len(PLAYERS)


@pytest.mark.parametrize("held", ["put_snapshots", "retire"])
async def test_rule_07_a_rolling_restart_goes_on_wherever_its_supervisor_died(tmp_path: Path, held: str) -> None:
    async with house(tmp_path) as here:
        first = await here.supervisor(**QUICK)
        await here.seat(*PLAYERS)
        gate = here.cluster.serving()["s0"].faults.hold(held)
        await begin(first, "rolling_restart")
        await gate.reached.wait()
        here.crash()
        second = await here.supervisor(**QUICK)
        gate.open()
        operation = await ended(second)
        assert (operation.state, operation.shards_left) == ("done", 0)
        assert await slots(here) == {"s2": 128, "s0": 128}
        assert set(here.cluster.serving()) == {"s0", "s2"}
        assert [await here.spin(name, name) for name in PLAYERS] == [990] * len(PLAYERS)


@pytest.mark.parametrize("victim", ["s0", "s1"])
async def test_a_shard_that_dies_meanwhile_is_replaced_and_the_operation_goes_on(tmp_path: Path, victim: str) -> None:
    """`s0` gives slots away, `s1` takes them."""
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=1, **QUICK | {"move_slots_max": 16})
        async with spinning(here, *PLAYERS):
            await begin(supervisor, "scale", shards=2)
            while (await slots(here)).get("s1", 0) < 32:
                await asyncio.sleep(0.002)
            here.cluster.serving()[victim].kill()
            assert (await ended(supervisor)).state == "done"
        assert await slots(here) == {"s0": 128, "s1": 128}


async def test_a_shard_that_dies_while_it_is_retired_leaves_no_process_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard that nobody wants is probed with the others, and no log would ever be finished."""
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(**QUICK)
        await supervisor.move(range(1, 256, 2), "s0")
        recovery, routing = supervisor._recovery, supervisor._held.routing

        async def dies_meanwhile() -> Routing:
            monkeypatch.undo()
            here.cluster.serving()["s1"].kill()
            await eventually(lambda: "s1" in recovery.under_way)
            return await routing()

        monkeypatch.setattr(supervisor._held, "routing", dies_meanwhile)
        await supervisor._operations._steps.retire("s1")
        await eventually(lambda: not recovery.under_way)
        assert set(supervisor._crew.live) == set(here.cluster.serving()) == {"s0"}


async def test_an_operation_that_can_not_go_on_says_why_and_fails_in_the_end(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=1, **QUICK | {"operation_tries": 3})
        await here.seat(*PLAYERS)
        here.cluster.broken = ["all"]
        await begin(supervisor, "scale", shards=2)
        operation = await ended(supervisor)
        assert (operation.state, operation.trouble) == ("failed", "told to refuse")
        assert await slots(here) == {"s0": 256}
        assert [await here.spin(name, name) for name in PLAYERS] == [990] * len(PLAYERS)
        here.cluster.broken = ()
        await done(supervisor, "scale", shards=2)


async def test_a_dedicated_player_whose_move_was_given_up_is_served_by_the_shard_that_the_table_names(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(dedicated=[VIP], shards=1, **QUICK | {"operation_tries": 2})
        await here.seat(VIP)
        fresh = dedicated_shard(VIP) + "r"
        await begin(supervisor, "rolling_restart")
        await eventually(lambda: fresh in here.cluster.serving())
        gainer = here.cluster.serving()[fresh]

        async def dies() -> None:
            here.cluster.broken = ["all"]
            gainer.kill()
            raise ShardDied("gone")

        gainer.gain = dies  # type: ignore[method-assign]
        assert (await ended(supervisor)).state == "failed"
        assert (await here.store.routing()).dedicated == supervisor._crew.dedicated == {VIP: fresh}
        here.cluster.broken = ()
        assert await here.spin(VIP, "k1") == 990


async def test_an_older_supervisor_moves_nothing_any_more(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        older = await here.supervisor(shards=1, probe_ms=3_600_000, **QUICK)
        second = await here.supervisor(shards=1, **QUICK)
        with pytest.raises(Exception, match="term"):
            await begin(older, "scale", shards=2)
        await done(second, "scale", shards=2)
        assert await slots(here) == {"s0": 128, "s1": 128}


async def test_a_late_claim_of_an_older_supervisor_does_not_keep_its_successor_out(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=1, **QUICK)
        await here.store.claim_notes("live-operations", "late")
        await done(supervisor, "scale", shards=2)
        assert await slots(here) == {"s0": 128, "s1": 128}


# --- what is asked


async def test_it_is_begun_once_per_key(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=1, **QUICK)
        key = Keyed(b"k", b"scale 2")
        first = await done(supervisor, "scale", shards=2, keyed=key)
        here.crash()
        second = await here.supervisor(shards=1, **QUICK)
        assert await begin(second, "scale", shards=2, keyed=key) == OperationBegun(first, replayed=True)
        assert await begin(second, "scale", shards=3, keyed=Keyed(b"k", b"scale 3")) == KeyTaken()
        assert await slots(here) == {"s0": 128, "s1": 128}


async def test_one_at_a_time(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(**QUICK)
        gate = here.cluster.serving()["s0"].faults.hold("release_slots")
        await begin(supervisor, "rolling_restart")
        await gate.reached.wait()
        refused = await begin(supervisor, "rebalance")
        assert isinstance(refused, NotPossible) and refused.code == "invalid_state"
        assert "rolling_restart" in refused.detail
        gate.open()
        await ended(supervisor)


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ({"kind": "scale", "shards": 65}, "invalid_request", "from 1 to 64"),
        ({"kind": "drain", "shard": "s7"}, "shard_not_found", "there are: s0"),
        ({"kind": "drain", "shard": "s0"}, "invalid_state", "the only shard"),
        ({"kind": "drain", "shard": dedicated_shard(VIP)}, "invalid_state", "dedicated player vip"),
        ({"kind": "drain", "node": "10.9.9.9"}, "shard_not_found", "10.0.0.1"),
        ({"kind": "drain", "node": "node-one"}, "invalid_state", "the only node"),
    ],
)
async def test_what_is_impossible_is_refused_in_words(tmp_path: Path, asked: Any, code: str, words: str) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(dedicated=[VIP], shards=1, **QUICK)
        refused = await begin(supervisor, **asked)
        assert isinstance(refused, NotPossible) and refused.code == code
        assert words in refused.detail
        assert (await supervisor._control(ClusterStatus())).operation is None  # type: ignore[union-attr]


# --- after everything was stopped


async def test_the_number_holds_until_somebody_starts_with_another_one(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(shards=1, **QUICK)
        await here.seat(*PLAYERS)
        await done(supervisor, "scale", shards=3)
        await done(supervisor, "rolling_restart")
        names = set(await slots(here))
        await supervisor.stop()
        again = await here.supervisor(shards=1, **QUICK)
        assert set(here.cluster.serving()) == names and len(names) == 3
        await again.stop()
        await here.supervisor(shards=2, **QUICK)
        assert await slots(here) == {"s0": 128, "s1": 128}
        assert [await here.spin(name, name) for name in PLAYERS] == [990] * len(PLAYERS)
