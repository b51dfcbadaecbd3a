"""What a refused result or rollback would have moved is kept for an operator, durably, and never just dropped (§3)."""

from pathlib import Path
from typing import Any

from engine.commands import Result, Rollback, Spin
from tests.unit.actors.harness import desk, spin, start_shard, table_for

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
