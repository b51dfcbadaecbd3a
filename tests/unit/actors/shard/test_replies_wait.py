"""Rule 4: no reply overtakes durability."""

import asyncio
from pathlib import Path

from engine.commands import Deposit
from tests.support.shard_harness import LOOK, REGISTER, desk, spin


async def test_rule_04_replay_refusal_conflict_and_read_wait_for_the_versions_they_depend_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        table.reply_to.order.clear()
        gate = table.store.hold("append")
        replies = [
            table.ask("alice", "k1", spin(10)),
            table.ask("alice", "k1", spin(10)),
            table.ask("alice", "k1", spin(20)),
            table.ask("alice", "k2", spin(9_000)),
            table.ask("alice", "", LOOK),
        ]
        await gate.reached.wait()
        await asyncio.sleep(0)
        assert table.reply_to.order == []
        gate.open()
        first, replay, conflict, refusal, read = await asyncio.gather(*replies)
        assert (first.replayed, replay.replayed, first.answer) == (False, True, replay.answer)
        assert (conflict.code, refusal.code) == ("idempotency_conflict", "insufficient_funds")
        assert read.answer.balance.real == 990
        assert table.reply_to.order == sorted(table.reply_to.order)


async def test_rule_04_what_depends_on_the_gathering_batch_waits_for_that_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        first, second = table.store.hold("append"), table.store.hold("append")
        one = table.ask("alice", "k1", spin())
        await first.reached.wait()
        two, read = table.ask("alice", "k2", spin()), table.ask("alice", "", LOOK)
        first.open()
        assert (await one).answer.balance.real == 990
        await second.reached.wait()
        assert not two.done() and not read.done()
        second.open()
        assert (await two).answer.balance.real == (await read).answer.balance.real == 980


async def test_rule_04_a_reply_about_another_player_waits_for_nobody(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.seat("bob")
        gate = table.store.hold("append")
        waiting = table.ask("alice", "k1", Deposit(5))
        await gate.reached.wait()
        assert (await table.look("bob")).balance.real == 1_000
        assert not waiting.done()
        gate.open()
        await waiting


async def test_commands_in_flight_leave_in_one_append_and_the_next_gathers(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        for name in ("alice", "bob", "carol"):
            await table.ask(name, f"{name}-reg", REGISTER)
        sent = len(table.store.named("append"))
        await asyncio.gather(*(table.ask(name, f"{name}-dep", Deposit(5)) for name in ("alice", "bob", "carol")))
        assert len(table.store.named("append")) == sent + 1
