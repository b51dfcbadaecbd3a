"""Rule 7: a supervisor holds a term, keeps no truth of its own, and spins go on without it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.outcome import ask
from actors.routing.client import ShardClient
from actors.routing.owner_of import slot_of
from actors.settings import ClientSettings, SupervisorSettings
from actors.stored_catalogs import CatalogContent
from actors.supervision.crew import dedicated_shard
from actors.supervision.ports import ActivationFailed
from actors.supervision.supervisor import SupervisorProcess
from engine.commands import Deposit
from snapshots.errors import Fenced, TermHeld
from snapshots.opening import open_store
from tests.support.faulty_store import FaultyStore
from tests.support.shard_harness import REGISTER, SECRET, catalog, eventually, players_in, spin
from tests.unit.actors.local_cluster import LocalCluster, LocalShard, stop_supervisor

EVEN_PLAYER, ODD_PLAYER = players_in(range(0, 256, 2), 1)[0], players_in(range(1, 256, 2), 1)[0]


class House:
    """A cluster that outlives its supervisors."""

    def __init__(self, folder: Path, url: str = "", **changes: Any) -> None:
        """`url`: of another store than one in the folder; `changes` are settings of shards."""
        self.url = url or f"sqlite:{folder}"
        self.cluster = LocalCluster(folder, lease_ms=20, store_url=self.url, **changes)
        self.folder = folder
        self.started: list[tuple[SupervisorProcess, ShardClient, FaultyStore]] = []

    async def supervisor(
        self,
        dedicated: Sequence[str] = (),
        holder: str = "",
        take_over: bool = False,
        version: str = catalog().version,
        **changes: Any,
    ) -> SupervisorProcess:
        """A new one that has started; the ones before it go on, unless the test crashes them."""
        store = FaultyStore(open_store(self.url))
        await store.open()
        client = ShardClient(store.routing, SECRET, ClientSettings(deadline_ms=20_000, refresh_fast_ms=2))
        await client.start()
        quick = {"probe_ms": 10, "probe_timeout_ms": 400, "corpse_kill_after_ms": 50, "identify_timeout_ms": 100}
        settings = SupervisorSettings(**(quick | changes))
        content = CatalogContent(replace(catalog(), dedicated_players=tuple(dedicated), version=version))
        process = SupervisorProcess(
            store, self.cluster, client, settings, content, 20, SECRET, "127.0.0.1", holder, take_over  # type: ignore[arg-type]
        )  # fmt: skip
        self.started.append((process, client, store))
        await process.start()
        return process

    @property
    def client(self) -> ShardClient:
        return self.started[-1][1]

    @property
    def store(self) -> FaultyStore:
        return self.started[-1][2]

    def crash(self) -> None:
        """The last supervisor is gone, as by SIGKILL."""
        for task in list(self.started[-1][0]._tasks):
            task.cancel()

    async def seat(self, *names: str) -> None:
        for name in names:
            await ask(self.client, name, f"gs:{name}-reg", REGISTER)
            await ask(self.client, name, f"gs:{name}-dep", Deposit(1_000))

    async def spin(self, name: str, key: str) -> int:
        """The real money after a spin for 10."""
        return (await ask(self.client, name, f"gs:{key}", spin())).answer.balance.real  # type: ignore[no-any-return, union-attr]

    def epochs(self) -> dict[str, int]:
        return {name: shard.shard.context.inc.epoch for name, shard in self.cluster.serving().items() if shard.shard}


@asynccontextmanager
async def house(folder: Path, url: str = "", **changes: Any) -> AsyncIterator[House]:
    made = House(folder, url, **changes)
    try:
        yield made
    finally:
        for process, client, store in made.started:
            await stop_supervisor(process)
            await client.stop()
            await store.close()
        await made.cluster.close()


async def test_a_start_gives_every_slot_a_serving_owner_and_keeps_a_spare(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.supervisor(dedicated=["vip"])
        routing = await here.store.routing()
        assert routing.slots == ("s0", "s1") * 128
        assert routing.dedicated == {"vip": dedicated_shard("vip")}
        assert all(routing.shards[shard_id].address for shard_id in ("s0", "s1", dedicated_shard("vip")))
        assert len(here.cluster.launched) == 4
        await here.seat("vip", EVEN_PLAYER, ODD_PLAYER)
        owners = {name: set(shard.shard.context.residents.by_id) for name, shard in here.cluster.serving().items()}  # type: ignore[union-attr]
        assert owners == {"s0": {EVEN_PLAYER}, "s1": {ODD_PLAYER}, dedicated_shard("vip"): {"vip"}}


async def test_rule_07_a_supervisor_whose_term_is_over_asks_nobody_any_more(tmp_path: Path) -> None:
    """Even if the cancellation of a task got lost, as in a `wait_for` that had its result at the same moment."""
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(holder="one", term_renew_ms=10)
        supervisor._held.over = True
        await eventually(lambda: not {"watch", "term"} & {task.get_name() for task in supervisor._tasks})


async def test_rule_07_control_writes_of_an_older_supervisor_are_refused_and_it_steps_down(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        older = await here.supervisor()
        older_store = here.store
        await here.supervisor(spare_rest_ms=0)
        for write in (
            older_store.assign(older.term, {0: "s1"}, {}),
            older_store.fence(older.term, "s0"),
            older_store.finish_log(older.term, "s0-1"),
            older.move([0], "s1"),
        ):
            with pytest.raises(Fenced):
                await write
        await eventually(lambda: older._held.over)
        launched = len(here.cluster.launched)
        await here.cluster.serving()["s0"].crash()
        await eventually(lambda: here.started[-1][0].recoveries_ms)
        assert (older.recoveries_ms, here.epochs()) == ([], {"s0": 2, "s1": 1})
        await eventually(lambda: len(here.cluster.launched) == launched + 1)


async def test_the_next_spare_is_not_started_while_players_wait_for_a_recovered_shard(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(spare_rest_ms=3_600_000)
        launched = len(here.cluster.launched)
        await here.cluster.serving()["s0"].crash()
        await eventually(lambda: supervisor.recoveries_ms)
        assert supervisor._crew.spares == []
        await here.cluster.serving()["s1"].crash()
        await eventually(lambda: len(supervisor.recoveries_ms) == 2)
        assert len(here.cluster.launched) == launched + 1, "the second takes a fresh process at once"


async def test_rule_07_a_superseded_supervisor_that_sees_a_death_first_replaces_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        older = await here.supervisor(probe_ms=3_600_000)
        await here.store.take_term()
        await here.cluster.serving()["s0"].crash()
        await eventually(lambda: older._held.over)
        assert "s0" not in here.epochs()


RENEWING = {"term_lease_ms": 60_000, "term_renew_ms": 5}
"""As long as its tasks run the holder keeps its term; the lease is far longer than any test."""
FADING = {"term_lease_ms": 150, "term_renew_ms": 5}


async def test_rule_07_a_second_instance_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    async with house(tmp_path) as here, house(tmp_path) as elsewhere:
        first = await here.supervisor(holder="ann", **RENEWING)
        with pytest.raises(TermHeld, match="ann"):
            await elsewhere.supervisor(holder="bob", **RENEWING)
        assert elsewhere.cluster.launched == [], "nothing was started"
        assert (first.lost, here.epochs()) == (None, {"s0": 1, "s1": 1})


async def test_rule_07_a_second_instance_waits_for_one_that_was_killed(tmp_path: Path) -> None:
    async with house(tmp_path) as here, house(tmp_path) as elsewhere:
        await here.supervisor(holder="ann", **FADING)
        here.crash()
        for shard in here.cluster.launched:
            shard.kill()
        second = await elsewhere.supervisor(holder="bob", **FADING)
        assert (second.term, elsewhere.epochs()) == (2, {"s0": 2, "s1": 2})
        assert not second._beginning.others_serve, "all shards are started at once: nobody serves"


async def test_rule_07_a_restarted_supervisor_of_the_same_instance_waits_for_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.supervisor(holder="ann", **RENEWING)
        here.crash()
        second = await here.supervisor(holder="ann", **RENEWING)
        assert (second.term, here.epochs()) == (2, {"s0": 1, "s1": 1})


async def test_rule_07_an_instance_that_stopped_in_good_order_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with house(tmp_path) as here, house(tmp_path) as elsewhere:
        first = await here.supervisor(holder="ann", **RENEWING)
        await first.stop()
        assert (await elsewhere.supervisor(holder="bob", **RENEWING)).term == 2


async def test_rule_07_an_instance_that_could_not_start_keeps_its_term_no_longer_than_its_lease(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as here, house(tmp_path) as elsewhere:
        here.cluster.broken = ["all"]
        with pytest.raises(ActivationFailed):
            await here.supervisor(holder="ann", **FADING)
        assert (await elsewhere.supervisor(holder="bob", **FADING)).term == 2


async def test_rule_07_who_loses_its_term_knows_and_its_shards_answer_no_more(tmp_path: Path) -> None:
    async with house(tmp_path) as here, house(tmp_path) as elsewhere:
        first = await here.supervisor(holder="ann", probe_ms=3_600_000, **RENEWING)
        await here.seat(EVEN_PLAYER)
        second = await elsewhere.supervisor(holder="bob", take_over=True, **RENEWING)
        await eventually(lambda: first.lost is not None)
        assert second.lost is None and elsewhere.epochs() == {"s0": 2, "s1": 2}
        assert await elsewhere.spin(EVEN_PLAYER, "k1") == 990
        with pytest.raises(TermHeld, match="bob"):
            await here.supervisor(holder="ann", **RENEWING)


async def test_rule_07_a_take_over_claims_shard_by_shard_and_the_others_serve_on(tmp_path: Path) -> None:
    async with house(tmp_path) as here, house(tmp_path) as elsewhere:
        first = await here.supervisor(holder="ann", **RENEWING)
        await here.seat(EVEN_PLAYER, ODD_PLAYER)
        spare = LocalShard(tmp_path, lease_ms=20)
        gate = spare.faults.hold("claim")
        elsewhere.cluster.ready.append(spare)
        taking = asyncio.ensure_future(elsewhere.supervisor(holder="bob", take_over=True, **RENEWING))
        await gate.reached.wait()
        await eventually(lambda: first.lost is not None)
        assert set(here.cluster.serving()) == {"s0", "s1"} and not first.handed_over()
        assert await here.spin(EVEN_PLAYER, "k1") == 990, "whoever is not claimed yet serves on"
        gate.open()
        await taking
        await eventually(first.handed_over)
        assert [await elsewhere.spin(name, "k2") for name in (EVEN_PLAYER, ODD_PLAYER)] == [980, 990]


async def test_rule_07_a_take_over_puts_its_catalog_in_force_once_all_shards_are_its_own(tmp_path: Path) -> None:
    """If it did so before, every shard that is not claimed yet would find its appends refused."""
    async with house(tmp_path) as here, house(tmp_path) as elsewhere:
        await here.supervisor(holder="ann", **RENEWING)
        await here.seat(EVEN_PLAYER)
        await elsewhere.supervisor(holder="bob", take_over=True, version="v2", **RENEWING)
        row = (await elsewhere.store.routing()).catalog
        assert row is not None and (row.number, row.version) == (2, "v2")
        numbers = {p.shard.context.committer.catalog_number for p in elsewhere.cluster.serving().values() if p.shard}
        assert numbers == {2}
        assert await elsewhere.spin(EVEN_PLAYER, "k1") == 990


async def test_rule_07_shards_of_another_instance_are_fenced_before_players_change_shards(tmp_path: Path) -> None:
    """Two shards become three: a player who was `s0`'s may be `s2`'s, and must not be played by both."""
    async with house(tmp_path) as here, house(tmp_path) as elsewhere:
        await here.supervisor(holder="ann", **RENEWING)
        (moving,) = players_in(range(2, 256, 6), 1)
        await here.seat(moving)
        old = here.cluster.serving()["s0"]
        await elsewhere.supervisor(holder="bob", take_over=True, shards=3, **RENEWING)
        assert old.shard is not None
        with pytest.raises(Fenced):
            await old.store.heartbeat(old.shard.context.inc)
        assert elsewhere.epochs() == {"s0": 3, "s1": 3, "s2": 1}
        assert await elsewhere.spin(moving, "k1") == 990


async def test_a_dead_shard_is_replaced_by_the_spare_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor()
        await here.seat(EVEN_PLAYER)
        assert await here.spin(EVEN_PLAYER, "k1") == 990
        here.cluster.serving()["s0"].kill()
        assert await here.spin(EVEN_PLAYER, "k2") == 980
        assert await here.spin(EVEN_PLAYER, "k1") == 990, "replayed"
        await eventually(lambda: len(supervisor._crew.spares) == 1)
        assert here.epochs() == {"s0": 2, "s1": 1} and len(supervisor.recoveries_ms) == 1


async def test_shards_that_die_together_are_replaced_side_by_side(tmp_path: Path) -> None:
    """The spare is s0's, and its claim takes long; s1 gets a process of its own and does not wait for it."""
    async with house(tmp_path) as here:
        await here.supervisor()
        await here.seat(EVEN_PLAYER, ODD_PLAYER)
        gate = here.cluster.launched[-1].faults.hold("claim")
        for shard in ("s0", "s1"):
            here.cluster.serving()[shard].kill()
        await gate.reached.wait()
        assert await here.spin(ODD_PLAYER, "k1") == 990
        assert here.epochs() == {"s1": 2}
        gate.open()
        assert await here.spin(EVEN_PLAYER, "k1") == 990


async def test_a_successor_serves_before_it_has_loaded_anybody(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.supervisor()
        await here.seat(EVEN_PLAYER)
        successor = here.cluster.launched[-1]
        gate = successor.faults.hold("load_player")
        here.cluster.serving()["s0"].kill()
        asked = asyncio.ensure_future(here.spin(EVEN_PLAYER, "k1"))
        await gate.reached.wait()
        row = (await here.store.routing()).shards["s0"]
        assert row.epoch == 2 and row.address is not None and not asked.done()
        gate.open()
        assert await asked == 990


async def test_a_silent_shard_is_fenced_replaced_and_in_the_end_killed(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.supervisor()
        await here.seat(EVEN_PLAYER)
        silent = here.cluster.serving()["s0"]
        silent.stopped = True
        assert await here.spin(EVEN_PLAYER, "k1") == 990
        assert here.epochs()["s0"] == 2
        await eventually(lambda: silent.gone.is_set())


async def test_a_shard_that_could_not_be_replaced_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what its owner was known to have acknowledged is still known when a successor serves (rule 15)."""
    monkeypatch.setattr("actors.supervision.recovering.RECOVERY_TRIES", 1)
    async with house(tmp_path) as here:
        living_first, formers = (await here.supervisor(spares=0))._recovery._living_first, list[Any]()

        async def report(former: Any) -> None:
            formers.append(former)

        monkeypatch.setattr(living_first, "report_lost", report)
        await here.seat(EVEN_PLAYER)
        await eventually(lambda: "s0" in living_first._heard)
        here.cluster.broken = ["all"]
        here.cluster.serving()["s0"].kill()
        launched = len(here.cluster.launched)
        await eventually(lambda: len(here.cluster.launched) > launched + 1)
        here.cluster.broken = ()
        assert await here.spin(EVEN_PLAYER, "k1") == 990
        await eventually(lambda: [former and former.shard_id for former in formers] == ["s0"])


async def test_a_process_that_does_not_say_who_it_is_is_replaced(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.supervisor()
        here.crash()
        mute = here.cluster.serving()["s0"]
        mute.mute = True
        await here.supervisor()
        assert mute.killed and here.epochs() == {"s0": 2, "s1": 1}


async def test_a_start_that_cannot_activate_a_shard_says_why(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.cluster.broken = ["all"]
        with pytest.raises(ActivationFailed, match="told to refuse"):
            await here.supervisor()


async def test_a_move_ends_with_the_gainer_serving_and_an_unknown_gainer_is_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor()
        await here.seat(EVEN_PLAYER)
        await supervisor.move([slot_of(EVEN_PLAYER)], "s1")
        assert await here.spin(EVEN_PLAYER, "k1") == 990
        assert EVEN_PLAYER in here.cluster.serving()["s1"].shard.context.residents.by_id  # type: ignore[union-attr]
        with pytest.raises(KeyError):
            await supervisor.move([0], "s9")


async def test_sealed_logs_go_once_every_shard_has_snapshots_beyond_them(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor()
        await here.seat(EVEN_PLAYER)
        here.cluster.serving()["s0"].kill()
        assert await here.spin(EVEN_PLAYER, "k1") == 990
        await eventually(lambda: supervisor.recoveries_ms and not supervisor._recovery.under_way)
        await supervisor._watch.finish_logs()
        assert "s0-1" in [log.log_id for log in await here.store.unfinished_logs()], "its entries are in no snapshot"
        snapshotter = here.cluster.serving()["s0"]._snapshotter
        assert snapshotter is not None
        for _ in range(2):
            await snapshotter.round()
        await supervisor._watch.finish_logs()
        assert [log.log_id for log in await here.store.unfinished_logs()] == ["s0-2", "s1-1"]


async def test_stopping_drains_every_shard(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        supervisor = await here.supervisor()
        await here.seat(EVEN_PLAYER, ODD_PLAYER)
        processes = list(here.cluster.launched)
        await supervisor.stop()
        assert [(shard.gone.is_set(), shard.killed) for shard in processes] == [(True, False)] * 3, "none was killed"
        store = open_store(f"sqlite:{tmp_path}")
        await store.open()
        logs = await store.unfinished_logs()
        assert [(log.sealed, len(await store.read_log(log.log_id, log.checkpoint_seq, 9))) for log in logs] == [
            (True, 0)
        ] * 2
        await store.close()
