"""What a refused result or rollback would have moved is kept for an operator, durably, and never just dropped (§3)."""

import asyncio
from pathlib import Path
from typing import Any

from engine.commands import ClearFlag, Deposit, ReportBet, Result, Rollback, RollbackReportedBet, Spin
from engine.state.window import REMEMBERED_MAX
from tests.support.shard_harness import LOOK, desk, eventually, spin, start_shard, table_for

SPENT = "win_already_spent"


async def spend(asking: Any) -> None:
    """Alice deposits 10.00, wins 5.00 with 1.00, and loses all of it."""
    await asking.seat("alice")
    await asking.ask("alice", "won", spin(100, 500))
    await asking.ask("alice", "lost", spin(1_400, 0))


def kept(view: Any) -> list[tuple[str, str, int]]:
    """Command, refusal and amount of each that waits."""
    return [(each.command_id, each.code, each.amount) for each in view.flagged]


async def test_the_refusal_leaves_after_it_is_kept(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await spend(table)
        gate = table.store.hold("append")
        refused = table.ask("alice", "undo", Rollback("gs:won"))
        await gate.reached.wait()
        assert not refused.done()
        gate.open()
        assert (await refused).code == SPENT
        assert kept(await table.look("alice")) == [("gs:undo", SPENT, 500)]
        assert table.shard.context.metrics.counters["rollbacks_flagged"] == 1


async def test_a_repeat_is_refused_again_and_adds_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await spend(table)
        for _ in range(3):
            assert (await table.ask("alice", "undo", Rollback("gs:won"))).code == SPENT
        assert kept(await table.look("alice")) == [("gs:undo", SPENT, 500)]


async def test_other_refusals_keep_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await spend(table)
        assert (await table.ask("alice", "poor", Spin("book", "real", 10))).code == "insufficient_funds"
        assert (await table.ask("alice", "late", Result("alice-9", 10))).code == "session_not_found"
        view = await table.look("alice")
        assert (view.flagged, view.version) == ((), 4)


async def test_it_survives_the_shard(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"):
        async with start_shard(tmp_path) as first:
            await spend(first.asking)
            assert (await first.asking.ask("alice", "undo", Rollback("gs:won"))).code == SPENT
        async with start_shard(tmp_path, lease_ms=1) as second:
            assert kept(await second.asking.look("alice")) == [("gs:undo", SPENT, 500)]
            assert (await second.asking.ask("alice", "undo", Rollback("gs:won"))).code == SPENT
            assert len((await second.asking.look("alice")).flagged) == 1


async def long_past(asking: Any, player_id: str = "alice") -> None:
    """So many commands that whatever came before is remembered by its id alone."""
    for number in range(REMEMBERED_MAX):
        await asking.ask(player_id, f"later-{number}", Deposit(1))


async def test_a_forgotten_bet_is_found_in_the_journal(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.ask("alice", "won", spin(100, 500))
        await table.ask("alice", "elsewhere", ReportBet(500, "table"))
        await long_past(table)
        undone = await table.ask("alice", "undo", Rollback("gs:won"))
        assert (undone.answer.status, undone.answer.balance.real) == ("rolled_back", 1_000 + REMEMBERED_MAX)
        assert (await table.ask("alice", "undo-2", RollbackReportedBet("gs:elsewhere"))).answer.status == "rolled_back"
        again = await table.ask("alice", "undo-3", Rollback("gs:won"))
        assert (again.answer.status, again.answer.balance.real) == ("rolled_back", 1_000 + REMEMBERED_MAX)
        assert (await table.ask("alice", "undo-4", Rollback("gs:later-0"))).code == "not_a_bet"
        assert (await table.look("alice")).flagged == ()


async def test_in_the_log_of_a_shard_that_died_too(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"):
        async with start_shard(tmp_path) as first:
            await first.asking.seat("alice")
            await first.asking.ask("alice", "won", spin(100, 500))
            await long_past(first.asking)
        async with start_shard(tmp_path, lease_ms=1) as second:
            undone = await second.asking.ask("alice", "undo", Rollback("gs:won"))
            assert undone.answer.balance.real == 1_000 + REMEMBERED_MAX


async def test_nobody_else_waits_while_the_journal_is_read(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.seat("bob")
        await table.ask("alice", "won", spin(100, 500))
        await long_past(table)
        gate = table.store.hold("read_log")
        undone, behind = table.ask("alice", "undo", Rollback("gs:won")), table.ask("alice", "1", spin())
        await gate.reached.wait()
        assert (await table.ask("bob", "1", spin())).answer.balance.real == 990
        assert not (undone.done() or behind.done())
        gate.open()
        assert (await undone).answer.status == "rolled_back"
        assert (await behind).answer.balance.real == 1_000 + REMEMBERED_MAX - 10


async def test_what_the_journal_no_longer_tells_waits_for_an_operator(tmp_path: Path) -> None:
    """Its log is trimmed: two rounds of snapshots have covered all that was in it."""
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, snapshot_interval_ms=5) as process:
        await process.asking.seat("alice")
        await process.asking.ask("alice", "won", spin(100, 500))
        await long_past(process.asking)
        await eventually(lambda: process.shard is not None and not process.shard.context.residents.dirty)
        while (await process.store.unfinished_logs())[0].trimmed_seq < REMEMBERED_MAX:
            await process.asking.ask("bob", "reg", LOOK)
            await asyncio.sleep(0.005)
        refused = await process.asking.ask("alice", "undo", Rollback("gs:won"))
        assert refused.code == "already_processed"
        [flag] = (await process.asking.look("alice")).flagged
        assert (flag.code, flag.transaction_id, flag.amount) == ("already_processed", "gs:won", 0)
        cleared = await process.asking.ask("alice", "clear", ClearFlag(flag.flag_id, "paid back by hand"))
        assert cleared.answer.reason == "paid back by hand"
        assert (await process.asking.look("alice")).flagged == ()
        assert (await process.asking.ask("alice", "undo", Rollback("gs:won"))).code == "already_processed"


async def test_a_repeated_bet_too_old_is_no_operators_business(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.ask("alice", "won", spin(100, 500))
        await long_past(table)
        assert (await table.ask("alice", "won", spin(100, 500))).code == "already_processed"
        assert (await table.look("alice")).flagged == ()
