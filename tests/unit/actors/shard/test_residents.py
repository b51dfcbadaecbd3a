"""Rule 9: passivation drops only what is confirmed, loads belong to one ownership, "not found" is the store's word."""

import asyncio
from pathlib import Path

import pytest

from actors.background import snapshotter
from actors.host.clock import now_ms
from actors.routing.owner_of import slot_of
from engine.rejections import Rejection
from snapshots.codec import encode_snapshot
from tests.support.deposits import player_at
from tests.support.shard_harness import LOOK, NOT_OWNER, REGISTER, desk, eventually, snapshotter_of, spin

IDLE_AT_ONCE = -1
"""`passivate_after_ms`: everybody was used long enough ago."""


async def test_rule_09_an_idle_player_is_snapshotted_dropped_and_comes_back_as_it_was(tmp_path: Path) -> None:
    async with desk(tmp_path, passivate_after_ms=IDLE_AT_ONCE) as table:
        await table.seat("alice")
        first = await table.ask("alice", "k1", spin())
        await snapshotter_of(table.shard)._passivate()
        assert table.resident == set()
        assert (await table.look("alice")).balance.real == 990
        again = await table.ask("alice", "k1", spin())
        assert (again.replayed, again.answer) == (True, first.answer)


async def test_rule_09_a_player_whose_version_changed_meanwhile_stays(tmp_path: Path) -> None:
    async with desk(tmp_path, passivate_after_ms=IDLE_AT_ONCE) as table:
        await table.seat("alice")
        gate = table.store.hold("put_snapshots", "after")
        passivating = asyncio.ensure_future(snapshotter_of(table.shard)._passivate())
        await gate.reached.wait()
        await table.ask("alice", "k1", spin())
        gate.open()
        await passivating
        assert table.resident == {"alice"}
        await snapshotter_of(table.shard)._passivate()
        assert table.resident == set()
        assert (await table.look("alice")).balance.real == 990


async def test_rule_09_without_a_confirmed_snapshot_nobody_is_dropped(tmp_path: Path) -> None:
    async with desk(tmp_path, passivate_after_ms=IDLE_AT_ONCE) as table:
        await table.seat("alice")
        gate = table.store.hold("put_snapshots")
        passivating = asyncio.ensure_future(snapshotter_of(table.shard)._passivate())
        await gate.reached.wait()
        assert table.resident == {"alice"}
        gate.open(fails=True)
        await asyncio.wait([passivating])
        assert passivating.exception() is not None and table.resident == {"alice"}


async def test_rule_09_who_waits_for_a_player_gets_it_though_another_lets_it_go_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path, passivate_after_ms=IDLE_AT_ONCE) as table:
        await table.seat("alice")
        await snapshotter_of(table.shard)._passivate()
        assert table.resident == set()
        loader = table.shard.loader

        async def looks_and_lets_go() -> None:
            await loader.arrive("alice")
            table.shard.context.residents.evict("alice")

        looking = asyncio.ensure_future(looks_and_lets_go())
        await asyncio.sleep(0)
        await loader.arrive("alice")
        assert looking.done() and table.resident == {"alice"}


async def test_rule_09_above_the_bound_the_least_used_go(tmp_path: Path) -> None:
    async with desk(tmp_path, residents_max=1) as table:
        for number, name in enumerate(("alice", "bob", "carol")):
            await table.seat(name)
            table.shard.context.residents.by_id[name].used_ms = now_ms() + number
        await snapshotter_of(table.shard)._passivate()
        assert table.resident == {"carol"}


async def test_room_is_made_long_before_the_next_round_of_snapshots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshotter, "TICKS_OF_A_SECOND", 1)
    async with desk(tmp_path, residents_max=1) as table:
        running = asyncio.ensure_future(snapshotter_of(table.shard).run())
        await table.seat("alice")
        await table.seat("bob")
        await eventually(lambda: len(table.resident) == 1)
        running.cancel()
        assert (await table.look("alice")).balance.real == (await table.look("bob")).balance.real == 1_000


async def test_far_above_the_bound_nobody_else_is_loaded_and_those_in_memory_play_on(tmp_path: Path) -> None:
    async with desk(tmp_path, residents_max=4, loads_parallel=1) as table:
        assert table.shard.context.settings.residents_bound == 6
        for number in range(6):
            await table.seat(f"p{number}")
        refused = await table.ask("p6", "k1", REGISTER)
        assert (refused.code, refused.retry_after_s) == ("overloaded", 1)
        assert (await table.ask("p0", "k1", spin())).answer.balance.real == 990
        await snapshotter_of(table.shard)._passivate()
        await table.seat("p6")
        assert "p6" in table.resident


async def test_rule_09_a_load_is_thrown_away_if_the_player_left_meanwhile(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        gate = table.store.hold("load_player", "after")
        asked = table.ask("alice", "k1", REGISTER)
        await gate.reached.wait()
        table.shard.context.ownership.give_up([slot_of("alice")], [])
        gate.open()
        assert await asked == NOT_OWNER
        assert table.resident == set()


async def test_rule_09_a_load_is_repeated_if_the_player_left_and_came_back(tmp_path: Path) -> None:
    """While it was away it went on: what was read before is old, although the owner is the same."""
    async with desk(tmp_path) as table:
        gate = table.store.hold("load_player", "after")
        asked = table.ask("alice", "", LOOK)
        await gate.reached.wait()
        table.shard.context.ownership.give_up([slot_of("alice")], [])
        await table.store.inner.put_snapshots(table.shard.context.inc, [encode_snapshot(player_at("alice", 3))])
        table.shard.context.ownership.adopt(await table.store.inner.routing())
        gate.open()
        view = (await asked).answer
        assert (view.version, view.balance.real) == (3, 200)


async def test_rule_09_a_failed_load_never_creates_a_player(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.store.inner.put_snapshots(table.shard.context.inc, [encode_snapshot(player_at("alice", 3))])
        table.store.down = {"load_player"}
        for body, key in ((REGISTER, "k1"), (LOOK, "")):
            assert (await table.ask("alice", key, body)).code == "shard_unavailable"
        assert table.resident == set() and table.store.named("append") == []
        table.store.down = set()
        assert (await table.look("alice")).balance.real == 200


async def test_rule_09_a_load_that_fails_once_is_tried_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.store.inner.put_snapshots(table.shard.context.inc, [encode_snapshot(player_at("alice", 3))])
        table.store.fail("load_player", "before", times=2)
        assert (await table.look("alice")).balance.real == 200


async def test_asking_for_players_that_do_not_exist_does_not_fill_the_memory(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        for number in range(20):
            for key, body in (("", LOOK), ("k", spin())):
                refusal = await table.ask(f"nobody-{number}", key, body)
                assert isinstance(refusal, Rejection) and refusal.code == "player_not_found"
        assert table.resident == set() and table.shard.context.residents.dirty == {}


async def test_a_mailbox_is_bounded_and_so_are_the_players_being_loaded(tmp_path: Path) -> None:
    async with desk(tmp_path, mailbox_depth_max=2, loads_max=2) as table:
        for name in ("alice", "bob", "carol"):
            await table.store.inner.put_snapshots(table.shard.context.inc, [encode_snapshot(player_at(name, 3))])
        gates = [table.store.hold("load_player") for _ in range(2)]
        waiting = [table.ask("alice", "k1", spin()), table.ask("alice", "k2", spin()), table.ask("bob", "", LOOK)]
        assert (await table.ask("alice", "k3", spin())).code == "overloaded"
        assert (await table.ask("carol", "", LOOK)).code == "overloaded"
        for gate in gates:
            gate.open()
        assert [(await reply).answer.balance.real for reply in waiting] == [190, 180, 200]
        assert (await table.look("carol")).balance.real == 200
