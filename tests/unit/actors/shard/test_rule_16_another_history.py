"""Rules 15 and 16 together: a shard goes on in its fallback log, and the store that answers again has lost its tail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from snapshots.contract import LogHead
from snapshots.errors import LineageChanged, StoreRefused, StoreUnavailable
from tests.support.shard_harness import Desk, eventually, spin
from tests.unit.actors.shard.test_rule_15_lineage import forget, log_of, table_with_ring

LOADING = StoreRefused("Redis: LOADING", "loading", proved=True, passes=True)


@asynccontextmanager
async def a_table(folder: Path, **changes: Any) -> AsyncIterator[Desk]:
    """Alice has 1 000 and has played five spins; the shard may go on without the store."""
    async with table_with_ring(folder, fallback_dir=str(folder / "fallback"), fallback_after_ms=1, **changes) as table:
        fallback = table.shard.context.committer.fallback
        assert fallback is not None
        table.store.answers |= {"grant_fallback": None, "claim_again": LogHead()}
        await fallback.accept(1)
        yield table


async def gone_over(table: Desk, count: int) -> None:
    """So many spins are in the file alone."""
    for number in range(count):
        await table.ask("alice", f"over{number}", spin())
    assert table.shard.context.committer.on_fallback


async def back_with(table: Desk, before: bytes, spins: int) -> None:
    await eventually(lambda: table.ended or not table.shard.context.committer.on_fallback)
    assert table.ended == []
    after = await log_of(table)
    assert after.startswith(before)
    assert [after.count(b"gs:over%d" % number) for number in range(spins)] == [1] * spins
    assert (await table.ask("alice", "next", spin())).answer.balance.real == 950 - 10 * (spins + 1)


async def test_rule_16_a_tail_that_is_cut_off_while_it_comes_back_is_begun_anew(tmp_path: Path) -> None:
    async with a_table(tmp_path) as table:
        before = await log_of(table)
        table.store.down.add("append")
        await gone_over(table, 3)
        forget(table, tmp_path, 4)
        table.store.fail("append", "after")
        table.store.down.clear()
        await back_with(table, before, 3)


async def test_rule_16_a_shard_that_went_over_before_it_had_compared_itself_does_so_first(tmp_path: Path) -> None:
    """A Redis that was started again tells its history at once, and nothing else while it reads its file."""
    async with a_table(tmp_path) as table:
        before = await log_of(table)
        forget(table, tmp_path, 4)
        table.store.refusing["standing"] = LOADING
        await gone_over(table, 3)
        table.store.refusing.clear()
        await back_with(table, before, 3)


async def test_rule_16_two_do_not_compare_a_log_that_one_of_them_drains(tmp_path: Path) -> None:
    """A heartbeat that met the other history before, and waited for the append that went over."""
    async with a_table(tmp_path) as table:
        before = await log_of(table)
        committer = table.shard.context.committer
        table.store.down.add("append")
        await gone_over(table, 3)
        forget(table, tmp_path, 2)
        with pytest.raises(LineageChanged):
            await table.store.heartbeat(committer.inc)
        gate = table.store.hold("standing")
        heartbeat = asyncio.ensure_future(committer.follow_lineage())
        table.store.down.clear()
        await asyncio.wait([heartbeat, asyncio.ensure_future(gate.reached.wait())], return_when="FIRST_COMPLETED")
        if not heartbeat.done():
            await eventually(lambda: table.ended or not committer.on_fallback)
        gate.open()
        with pytest.raises(StoreUnavailable, match="without the store"):
            await heartbeat
        await back_with(table, before, 3)
