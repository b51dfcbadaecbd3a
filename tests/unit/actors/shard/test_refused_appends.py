"""A store that refuses to write: callers are told after a bound, memory goes, a successor finds what is written.

Rule 3. What is refused is not silence: only a refusal proves that nothing was written, and only of its own attempt.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.outcome import Answered, Unavailable
from actors.wire.frames import Request, RequestFrame
from snapshots.errors import StoreRefused
from tests.support.shard_harness import (
    LOOK,
    OWNER,
    Desk,
    Sink,
    TestShard,
    desk,
    eventually,
    spin,
    start_shard,
    table_for,
)

FULL = StoreRefused("Redis: OOM command not allowed", "oom", proved=True)
LOADING = StoreRefused("Redis: LOADING Redis is loading", "loading", proved=True, passes=True)
IO_ERROR = StoreRefused("SQLite: disk I/O error", "ioerr", proved=False)


def code(outcome: object) -> str:
    return outcome.code if isinstance(outcome, Unavailable) else repr(outcome)


async def durable(table: Desk) -> bytes:
    """All that the log holds."""
    return b"".join(r.payload for r in await table.store.inner.read_log(table.shard.context.inc.log_id, 0, 100))


async def test_rule_03_a_refused_append_is_answered_journal_unavailable_after_the_bound(tmp_path: Path) -> None:
    async with desk(tmp_path, journal_refused_ms=1) as table:
        await table.seat("alice")
        table.store.refusing["append"] = FULL
        gate = table.store.hold("load_player")
        table.ask("bob", "", LOOK)
        await gate.reached.wait()
        waiting = [table.ask("alice", "k1", spin()), table.ask("alice", "k2", spin()), table.ask("alice", "", LOOK)]
        assert [code(await outcome) for outcome in waiting] == ["journal_unavailable"] * 3
        assert table.resident == set(), "what was decided and not written is gone with the memory"
        assert code(await table.ask("alice", "k3", spin())) == "journal_unavailable"
        assert b"gs:k" not in await durable(table)
        assert table.ended == [], "the process stays, and says why nothing goes"


async def test_rule_03_a_refusal_that_ends_within_the_bound_costs_nobody_anything(tmp_path: Path) -> None:
    async with desk(tmp_path, journal_refused_ms=60_000) as table:
        await table.seat("alice")
        sent = len(table.store.named("append"))
        table.store.refusing["append"] = FULL
        waiting = table.ask("alice", "k1", spin())
        await eventually(lambda: len(table.store.named("append")) >= sent + 3)
        del table.store.refusing["append"]
        outcome = await waiting
        assert isinstance(outcome, Answered) and outcome.answer.balance.real == 990
        assert len({args[2] for args in table.store.named("append")[sent:]}) == 1, "the identical batch"


async def test_rule_03_a_refusal_after_silence_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    async with desk(tmp_path, journal_refused_ms=1) as table:
        await table.seat("alice")
        gate = table.store.hold("append", "after")
        waiting = table.ask("alice", "k1", spin())
        await gate.reached.wait()
        table.store.refusing["append"] = FULL
        gate.open(fails=True)  # it was written, and its answer lost
        assert code(await waiting) == "outcome_unknown"
        assert b"gs:k1" in await durable(table)


async def test_rule_03_a_refusal_that_proves_nothing_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    async with desk(tmp_path, journal_refused_ms=1) as table:
        await table.seat("alice")
        table.store.refusing["append"] = IO_ERROR
        assert code(await table.ask("alice", "k1", spin())) == "outcome_unknown"


async def test_rule_03_what_passes_by_itself_is_waited_for_like_silence(tmp_path: Path) -> None:
    async with desk(tmp_path, journal_refused_ms=0) as table:
        await table.seat("alice")
        sent = len(table.store.named("append"))
        table.store.refusing["append"] = LOADING
        waiting = table.ask("alice", "k1", spin())
        await eventually(lambda: len(table.store.named("append")) >= sent + 3)
        del table.store.refusing["append"]
        assert (await waiting).answer.balance.real == 990


async def test_rule_03_silence_between_two_refusals_begins_the_bound_anew(tmp_path: Path) -> None:
    async with desk(tmp_path, journal_refused_ms=60_000) as table:
        await table.seat("alice")
        sent = len(table.store.named("append"))
        table.store.refusing["append"] = FULL
        waiting = table.ask("alice", "k1", spin())
        await eventually(lambda: len(table.store.named("append")) >= sent + 2)
        del table.store.refusing["append"]
        table.store.down.add("append")
        failures = table.shard.context.metrics.journal_failures
        await eventually(lambda: failures["silence"])
        table.store.down.clear()
        assert (await waiting).answer.balance.real == 990
        assert failures["oom"] >= 2


async def test_failures_are_counted_by_reason_and_logged_once_per_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "croupier.shard")
    async with desk(tmp_path, journal_refused_ms=60_000) as table:
        await table.seat("alice")
        failures = table.shard.context.metrics.journal_failures
        table.store.refusing["append"] = FULL
        waiting = table.ask("alice", "k1", spin())
        await eventually(lambda: failures["oom"] >= 3)
        table.store.refusing["append"] = LOADING
        await eventually(lambda: failures.get("loading", 0) >= 2)
        del table.store.refusing["append"]
        await waiting
    lines = [record.getMessage() for record in caplog.records if "journal append" in record.getMessage()]
    assert [line.partition(":")[0] for line in lines] == [
        "journal append failed (oom), repeating it",
        "journal append failed (loading), repeating it",
        "journal append succeeded; before it failed (loading)",
    ]


@asynccontextmanager
async def suspended(folder: Path) -> AsyncIterator[TestShard]:
    """A shard that has given up: alice has 1 000, and her spin `k1` was not written."""
    async with table_for(folder, "s0"), start_shard(folder, journal_refused_ms=1) as process:
        await process.asking.seat("alice")
        for call in ("append", "serve"):
            process.faults.refusing[call] = FULL
        assert code(await process.asking.ask("alice", "k1", spin())) == "journal_unavailable"
        yield process


async def begun_anew(process: TestShard) -> None:
    before = process.incarnation
    process.faults.refusing.clear()
    await eventually(lambda: process.incarnation != before)
    await eventually(lambda: process.metrics.gauges["shard_suspended"] == 0)


async def test_a_suspended_shard_answers_its_supervisor_and_begins_anew_when_the_store_writes_again(
    tmp_path: Path,
) -> None:
    async with suspended(tmp_path) as process:
        tried = len(process.faults.named("serve"))
        await eventually(lambda: len(process.faults.named("serve")) > tried)
        assert process.asking.shard.report().shard_id == "s0" and process.ended == []
        assert process.metrics.gauges["shard_suspended"] == 1
        began = asyncio.get_running_loop().time()
        await begun_anew(process)
        assert asyncio.get_running_loop().time() - began < 1.2, "it waits for no lease of its own"
        assert process.incarnation is not None and process.incarnation.epoch == 2 and process.ended == []
        assert (await process.asking.look("alice")).balance.real == 1_000
        repeated = await process.asking.ask("alice", "k1", spin())
        assert isinstance(repeated, Answered) and not repeated.replayed and repeated.answer.balance.real == 990


async def test_a_shard_that_begins_anew_lives_on_as_any_other(tmp_path: Path) -> None:
    """Its heartbeats, snapshots and slot moves run; a second refusal is met like the first; it can be drained."""
    async with suspended(tmp_path) as process:
        await begun_anew(process)
        for call in ("append", "serve"):
            process.faults.refusing[call] = FULL
        assert code(await process.asking.ask("alice", "k2", spin())) == "journal_unavailable"
        assert process.metrics.gauges["shard_suspended"] == 1
        await begun_anew(process)
        beats = len(process.faults.named("heartbeat"))
        await eventually(lambda: len(process.faults.named("heartbeat")) > beats + 2)
        assert (await process.asking.ask("alice", "k2", spin())).answer.balance.real == 990
        await process.drain()
        assert process.ended == []
    async with start_shard(tmp_path) as successor:
        assert (await successor.asking.look("alice")).balance.real == 990


@pytest.mark.parametrize("call", ["claim", "routing", "heartbeat"])
async def test_a_store_that_refuses_again_while_the_shard_begins_anew_ends_in_no_silence(
    tmp_path: Path, call: str
) -> None:
    """Before the claim it goes on waiting; after it, a spare begins, which nothing of this process hinders."""
    async with suspended(tmp_path) as process:
        process.faults.refusing = {call: FULL}
        tried = len(process.faults.named(call))
        await eventually(lambda: len(process.faults.named(call)) > tried)
        assert code(await process.asking.ask("alice", "k2", spin())) == "journal_unavailable"
        process.faults.refusing.clear()
        await eventually(lambda: process.ended or process.metrics.gauges["shard_suspended"] == 0)
        assert bool(process.ended) == (call != "claim")


async def test_while_a_shard_begins_anew_who_comes_is_told_and_nothing_else_is_carried_out(tmp_path: Path) -> None:
    async with suspended(tmp_path) as process:
        gate = process.faults.hold("unfinished_logs")
        process.faults.refusing.clear()
        await gate.reached.wait()
        sink = Sink()
        told = sink.expect(1)
        process._handle(sink, RequestFrame(1, [Request(1, "alice", "gs:k3", spin())]))  # type: ignore[arg-type]
        assert code(await told) == "journal_unavailable"
        gate.open()
        await eventually(lambda: process.metrics.gauges["shard_suspended"] == 0)


async def test_a_shard_that_is_drained_while_it_begins_anew_ends(tmp_path: Path) -> None:
    async with suspended(tmp_path) as process:
        gate = process.faults.hold("unfinished_logs")
        process.faults.refusing.clear()
        await gate.reached.wait()
        await asyncio.wait_for(process.drain(), 10)


async def test_a_suspended_shard_that_was_replaced_leaves(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, journal_refused_ms=1) as process:
        await process.asking.seat("alice")
        process.faults.refusing["append"] = FULL
        process.faults.refusing["serve"] = FULL
        await process.asking.ask("alice", "k1", spin())
        await process.faults.inner.claim("s0", OWNER, "successor")
        process.faults.refusing.clear()
        await eventually(lambda: process.ended)
        assert "epoch 1 is over" in process.ended[0]


async def test_a_suspended_shard_whose_trial_raises_makes_room(tmp_path: Path) -> None:
    """It answers its probes, so nobody else would ever end it."""
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, journal_refused_ms=1) as process:
        await process.asking.seat("alice")
        process.faults.refusing["append"] = FULL
        process.faults.refusing["serve"] = ValueError("an answer that nobody understands")  # type: ignore[assignment]
        await process.asking.ask("alice", "k1", spin())
        await eventually(lambda: process.ended == ["the trial raised"])


async def test_a_suspended_shard_loads_and_snapshots_nobody(tmp_path: Path) -> None:
    """Its memory is gone: a checkpoint now would say that snapshots cover entries that only the log has."""
    async with (
        table_for(tmp_path, "s0"),
        start_shard(tmp_path, journal_refused_ms=1, snapshot_interval_ms=1) as process,
    ):
        asking = process.asking
        await asking.seat("alice")
        process.faults.refusing["put_snapshots"] = process.faults.refusing["serve"] = FULL
        process.faults.refusing["append"] = FULL
        assert code(await asking.ask("alice", "k1", spin())) == "journal_unavailable"
        del process.faults.refusing["put_snapshots"]
        calls, tried = len(process.faults.calls), len(process.faults.named("serve"))
        await eventually(lambda: len(process.faults.named("serve")) >= tried + 2)
        assert {name for name, _ in process.faults.calls[calls:]} == {"serve"}


async def test_a_slot_move_that_the_store_refuses_to_log_ends_the_shard_too(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0", "s1") as (_, term), start_shard(tmp_path, journal_refused_ms=1) as process:
        process.faults.refusing["append"] = process.faults.refusing["serve"] = FULL
        with pytest.raises(Exception, match="refuses to write"):
            await asyncio.wait_for(process.release(term, [0], [], "s1"), 10)
        assert process.shard is not None and process.shard.context.suspended
