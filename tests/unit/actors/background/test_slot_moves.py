"""Rule 6: slots move between live shards, and no command is lost or doubled on the way."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.background.slot_moves import SlotNotClean
from actors.outcome import ask
from actors.routing.client import ShardClient
from actors.routing.owner_of import slot_of
from actors.settings import ClientSettings
from engine.commands import Deposit
from engine.player import execute_or_ask
from snapshots.codec import read_batch
from snapshots.errors import Fenced, LineageChanged, StoreRefused, StoreUnavailable
from tests.support.shard_harness import (
    EVEN,
    LOOK,
    NOT_OWNER,
    SECRET,
    TestShard,
    eventually,
    players_in,
    spin,
    start_shard,
    table_for,
    watch_history,
)

ALICE = players_in(EVEN, 1)[0]
SLOT = slot_of(ALICE)


class Two:
    """Shards s0 (even slots) and s1 (odd ones), the store and the term."""

    def __init__(self, s0: TestShard, s1: TestShard, store: Any, term: int) -> None:
        self.s0, self.s1, self.store, self.term = s0, s1, store, term

    async def move(self, slots: list[int], there: bool = True) -> None:
        loser, gainer, name = (self.s0, self.s1, "s1") if there else (self.s1, self.s0, "s0")
        await loser.release(self.term, slots, [], name)
        await gainer.gain()


@asynccontextmanager
async def two_shards(folder: Path, **changes: Any) -> AsyncIterator[Two]:
    async with (
        table_for(folder, "s0", "s1") as (store, term),
        start_shard(folder, "s0", **changes) as s0,
        start_shard(folder, "s1", **changes) as s1,
    ):
        yield Two(s0, s1, store, term)


async def test_rule_06_moves_back_and_forth_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    names, spins = players_in(EVEN, 6), 25
    async with two_shards(tmp_path) as two:
        client = ShardClient(two.store.routing, SECRET, ClientSettings(deadline_ms=20_000, refresh_fast_ms=2))
        await client.start()
        for name in names:
            await two.s0.asking.seat(name)

        async def play(name: str) -> list[Any]:
            return [await ask(client, name, f"gs:{name}-{number}", spin()) for number in range(spins)]

        playing = [asyncio.ensure_future(play(name)) for name in names]
        for there in (True, False, True):
            await two.move([slot_of(name) for name in names], there)
        for name, answers in zip(names, await asyncio.gather(*playing), strict=True):
            assert [answer.answer.balance.real for answer in answers] == [1_000 - 10 * n for n in range(1, spins + 1)]
            again = [await ask(client, name, f"gs:{name}-{number}", spin()) for number in range(spins)]
            assert [answer.answer for answer in again] == [answer.answer for answer in answers]
            assert all(answer.replayed for answer in again)
            assert (await two.s1.asking.look(name)).version == spins + 2
        await client.stop()


async def test_rule_06_while_the_slot_drains_its_commands_are_disowned_and_others_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = players_in(EVEN, 2)[1]
    async with two_shards(tmp_path) as two:
        for name in (ALICE, bob):
            await two.s0.asking.seat(name)
        draining, go_on = asyncio.Event(), asyncio.Event()

        async def caught_up() -> None:
            draining.set()
            await go_on.wait()

        monkeypatch.setattr(two.s0.shard.facts, "until_caught_up", caught_up)  # type: ignore[union-attr]
        moving = asyncio.ensure_future(two.move([SLOT]))
        await draining.wait()
        assert await two.s0.asking.ask(ALICE, "k1", spin()) == NOT_OWNER
        assert (await two.s0.asking.ask(bob, "k1", spin())).answer.balance.real == 990
        assert await two.s1.asking.ask(ALICE, "k1", spin()) == NOT_OWNER, "nor is it the gainer's yet"
        go_on.set()
        await moving
        assert (await two.s1.asking.ask(ALICE, "k1", spin())).answer.balance.real == 990


async def test_rule_06_players_are_snapshotted_while_they_still_play(tmp_path: Path) -> None:
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(ALICE)
        gate = two.s0.faults.hold("put_snapshots")
        moving = asyncio.ensure_future(two.move([SLOT]))
        await gate.reached.wait()
        assert (await two.s0.asking.ask(ALICE, "k1", spin())).answer.balance.real == 990
        gate.open()
        await moving
        assert (await two.s1.asking.look(ALICE)).balance.real == 990


async def test_rule_06_a_round_of_all_players_is_over_before_anybody_waits(tmp_path: Path) -> None:
    bob = players_in(EVEN, 2)[1]
    async with two_shards(tmp_path) as two:
        for name in (ALICE, bob):
            await two.s0.asking.seat(name)
        gate = two.s0.faults.hold("put_snapshots")
        assert two.s0._snapshotter is not None
        round_of_all = asyncio.ensure_future(two.s0._snapshotter.round())
        await gate.reached.wait()
        moving = asyncio.ensure_future(two.move([SLOT]))
        await asyncio.sleep(0)
        assert (await two.s0.asking.ask(ALICE, "k1", spin())).answer.balance.real == 990
        gate.open()
        await asyncio.gather(round_of_all, moving)
        assert (await two.s1.asking.look(ALICE)).balance.real == 990


async def test_rule_06_frames_of_the_old_epoch_are_disowned(tmp_path: Path) -> None:
    bob = players_in(EVEN, 2)[1]
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(bob)
        await two.move([SLOT])
        assert await two.s0.asking.ask(bob, "k1", spin(), epoch=1) == NOT_OWNER
        assert (await two.s0.asking.ask(bob, "k1", spin(), epoch=2)).answer.balance.real == 990


async def test_rule_06_released_is_the_last_word_of_the_losers_log(tmp_path: Path) -> None:
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(ALICE)
        await two.move([SLOT])
        log = await two.store.read_log("s0-1", 0, 100)
        last = read_batch(log[-1].payload)
        assert (last.entries, last.released_slots, last.released_players) == ([], [SLOT], [])


async def test_rule_06_the_gainer_refuses_a_snapshot_older_than_the_released_version(tmp_path: Path) -> None:
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(ALICE)
        assert two.s0._snapshotter is not None
        await two.s0._snapshotter.round()
        with sqlite3.connect(tmp_path / "shard-s0.db") as file:
            old = file.execute("SELECT * FROM snapshots").fetchall()
        await two.s0.asking.ask(ALICE, "k1", spin())
        await two.move([SLOT])
        with sqlite3.connect(tmp_path / "shard-s0.db") as file:
            file.execute("DELETE FROM snapshots")
            file.executemany("INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)", old)
        assert (await two.s1.asking.ask(ALICE, "", LOOK)).code == "shard_unavailable"


async def test_rule_06_the_transaction_is_repeated_until_its_outcome_is_known(tmp_path: Path) -> None:
    """Its answer is lost; the heartbeats meanwhile are refused, which must not end the loser."""
    async with two_shards(tmp_path, heartbeat_ms=2) as two:
        await two.s0.asking.seat(ALICE)
        gate = two.s0.faults.hold("release_slots", "after")
        moving = asyncio.ensure_future(two.move([SLOT]))
        await gate.reached.wait()
        beats = len(two.s0.faults.named("heartbeat"))
        await eventually(lambda: len(two.s0.faults.named("heartbeat")) > beats + 2)
        gate.open(fails=True)
        await moving
        first, second = two.s0.faults.named("release_slots")
        assert first == second and two.s0.ended == []
        assert (await two.s1.asking.look(ALICE)).balance.real == 1_000
        await two.s0.asking.seat(players_in(EVEN, 2)[1])


async def test_rule_06_a_slot_that_cannot_be_snapshotted_stays_and_is_served_again(tmp_path: Path) -> None:
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(ALICE)
        two.s0.faults.down = {"put_snapshots", "routing"}
        with pytest.raises(StoreUnavailable):
            await two.move([SLOT])
        assert (await two.s0.asking.ask(ALICE, "k1", spin())).answer.balance.real == 990
        assert (await two.store.routing()).slots[SLOT] == "s0"


async def test_rule_06_a_move_under_an_old_term_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(ALICE)
        await two.store.take_term()
        with pytest.raises(Fenced):
            await two.move([SLOT])
        assert two.s0.ended == []
        assert (await two.s0.asking.ask(ALICE, "k1", spin())).answer.balance.real == 990


async def test_rule_06_a_move_that_finds_its_shard_fenced_ends_it(tmp_path: Path) -> None:
    async with two_shards(tmp_path, heartbeat_ms=3_600_000) as two:
        await two.s0.asking.seat(ALICE)
        await two.store.fence(two.term, "s0")
        with pytest.raises(Fenced):
            await two.move([SLOT])
        assert len(two.s0.ended) == 1


async def test_rule_06_a_gain_waits_for_a_release_under_way(tmp_path: Path) -> None:
    """A table read before the transaction and adopted after it would give the slot two owners."""
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(ALICE)
        gate = two.s0.faults.hold("release_slots")
        moving = asyncio.ensure_future(two.move([SLOT]))
        await gate.reached.wait()
        gaining = asyncio.ensure_future(two.s0.gain())
        await asyncio.sleep(0)
        assert await two.s0.asking.ask(ALICE, "k1", spin()) == NOT_OWNER
        gate.open()
        await asyncio.gather(moving, gaining)
        assert await two.s0.asking.ask(ALICE, "k1", spin()) == NOT_OWNER
        assert (await two.s1.asking.ask(ALICE, "k1", spin())).answer.balance.real == 990


async def test_rule_06_a_gainer_nobody_told_finds_out_by_itself(tmp_path: Path) -> None:
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(ALICE)
        await two.s0.release(two.term, [SLOT], [], "s1")
        while await two.s1.asking.ask(ALICE, "k1", spin()) == NOT_OWNER:
            await asyncio.sleep(0.002)
        assert (await two.s1.asking.look(ALICE)).balance.real == 990


async def test_rule_06_players_known_from_a_dead_shards_log_only_move_along(tmp_path: Path) -> None:
    async with two_shards(tmp_path, lease_ms=1) as two:
        await two.s0.asking.seat(ALICE)
        await two.s0.crash()
        async with start_shard(tmp_path, "s0", lease_ms=1) as successor:
            two.s0 = successor
            await two.move([SLOT])
            assert (await two.s1.asking.look(ALICE)).balance.real == 1_000


async def test_rule_06_dedicated_players_move_by_name_and_slots_leave_them_behind(tmp_path: Path) -> None:
    vip, plain = [name for name in players_in(range(256), 4_000) if slot_of(name) == SLOT][:2]
    async with two_shards(tmp_path) as two:
        await two.store.assign(two.term, {}, {vip: "s0"})
        await two.s0.gain()
        for name in (vip, plain):
            await two.s0.asking.seat(name)
        await two.move([SLOT])
        assert (await two.s0.asking.look(vip)).balance.real == 1_000
        assert (await two.s1.asking.look(plain)).balance.real == 1_000
        await two.s0.release(two.term, [], [vip], "s1")
        await two.s1.gain()
        assert await two.s0.asking.ask(vip, "", LOOK) == NOT_OWNER
        assert (await two.s1.asking.look(vip)).balance.real == 1_000


async def test_rule_06_a_player_who_cannot_be_loaded_keeps_the_slot_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_shards(tmp_path) as two:
        await two.s0.asking.seat(ALICE)
        monkeypatch.setattr("actors.shard.turn.execute_or_ask", _raises)
        two.s0.faults.down = {"load_player"}
        assert (await two.s0.asking.ask(ALICE, "k1", Deposit(1))).code == "shard_unavailable"
        with pytest.raises(SlotNotClean):
            await two.move([SLOT])
        monkeypatch.setattr("actors.shard.turn.execute_or_ask", execute_or_ask)
        two.s0.faults.down = set()
        assert (await two.s0.asking.ask(ALICE, "k1", Deposit(1))).answer.balance.real == 1_001


def _raises(*args: Any) -> Any:
    raise RuntimeError("a bug in the rules")


FULL = StoreRefused("Redis: OOM", "oom", proved=True)


async def test_rule_06_a_move_that_the_store_refuses_leaves_the_slot_where_it_was(tmp_path: Path) -> None:
    async with two_shards(tmp_path, journal_refused_ms=1) as two:
        await two.s0.asking.seat(ALICE)
        two.s0.faults.refusing["release_slots"] = FULL
        with pytest.raises(StoreRefused, match="OOM"):
            await two.move([SLOT])
        assert two.s0.ended == []
        assert (await two.s0.asking.ask(ALICE, "k1", spin())).answer.balance.real == 990
        two.s0.faults.refusing.clear()
        await two.move([SLOT])
        assert (await two.s1.asking.look(ALICE)).balance.real == 990


async def test_rule_06_a_move_that_may_have_been_carried_out_before_the_refusal_ends_the_shard(tmp_path: Path) -> None:
    async with two_shards(tmp_path, journal_refused_ms=1) as two:
        await two.s0.asking.seat(ALICE)
        gate = two.s0.faults.hold("release_slots", "after")
        moving = asyncio.ensure_future(two.move([SLOT]))
        await gate.reached.wait()
        two.s0.faults.refusing["release_slots"] = FULL
        gate.open(fails=True)  # it was carried out, and its answer lost
        with pytest.raises(Fenced, match="refuses to write"):
            await moving
        await eventually(lambda: two.s0.ended)
        assert "epoch 1 is over" in two.s0.ended[0]
        await two.s1.gain()
        assert (await two.s1.asking.look(ALICE)).balance.real == 1_000


async def test_rule_15_a_move_that_meets_another_history_gives_back_the_tail_first(tmp_path: Path) -> None:
    async with two_shards(tmp_path) as two:
        assert two.s0.shard is not None
        await watch_history(two.s0.shard.context, two.s0.faults)
        await two.s0.asking.seat(ALICE)
        two.s0.faults.refusing["release_slots"] = LineageChanged("another server")
        moving = asyncio.ensure_future(two.move([SLOT]))
        await eventually(lambda: two.s0.faults.named("standing"))
        two.s0.faults.refusing.clear()
        await moving
        assert (await two.s1.asking.look(ALICE)).balance.real == 1_000
