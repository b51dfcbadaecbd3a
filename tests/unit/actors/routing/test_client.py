"""The gateway's side: re-routing with the same id, and what is said when that fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from actors.outcome import Answered, Unavailable, ask
from actors.routing.client import ShardClient
from actors.settings import ClientSettings
from actors.wire.frames import Kind, Reply
from tests.support.shard_harness import LOOK, REGISTER, SECRET, spin, start_shard, table_for

NEVER_MS = 3_600_000


@asynccontextmanager
async def client(store: Any, **changes: Any) -> AsyncIterator[ShardClient]:
    quick = {"deadline_ms": 20_000, "refresh_fast_ms": 2, "stuck_ms": 20}
    made = ShardClient(store.routing, SECRET, ClientSettings(**(quick | changes)))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_a_shard_that_lost_its_place_is_followed_by_its_successor_under_the_same_id(tmp_path: Path) -> None:
    """Case 1: the append never happened; the successor does it, once."""
    async with (
        table_for(tmp_path, "s0") as (store, _),
        client(store) as gateway,
        start_shard(tmp_path, heartbeat_ms=NEVER_MS) as first,
    ):
        await first.asking.seat("alice")
        gate = first.faults.hold("append")
        waiting = ask(gateway, "alice", "gs:k1", spin())
        await gate.reached.wait()
        async with start_shard(tmp_path, lease_ms=1):
            gate.open()
            answer = await waiting
            assert isinstance(answer, Answered) and not answer.replayed
            assert (await ask(gateway, "alice", "", LOOK)).answer.balance.real == 990  # type: ignore[union-attr]


async def test_what_was_durable_before_the_shard_died_is_answered_by_its_successor(tmp_path: Path) -> None:
    """Case 2: the append happened, its acknowledgement got lost."""
    async with (
        table_for(tmp_path, "s0") as (store, _),
        client(store) as gateway,
        start_shard(tmp_path) as first,
    ):
        await first.asking.seat("alice")
        gate = first.faults.hold("append", "after")
        waiting = ask(gateway, "alice", "gs:k1", spin())
        await gate.reached.wait()
        await first.crash()
        async with start_shard(tmp_path, lease_ms=1):
            answer = await waiting
            assert isinstance(answer, Answered) and answer.replayed
            assert (await ask(gateway, "alice", "", LOOK)).answer.balance.real == 990  # type: ignore[union-attr]


async def test_never_sent_until_the_deadline_is_shard_unavailable(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), client(store, deadline_ms=60) as gateway:
        outcome = await ask(gateway, "alice", "gs:k1", spin())
        assert isinstance(outcome, Unavailable) and outcome.code == "shard_unavailable"


async def test_sent_and_unanswered_until_the_deadline_is_outcome_unknown(tmp_path: Path) -> None:
    async with (
        table_for(tmp_path, "s0") as (store, _),
        client(store, deadline_ms=150) as gateway,
        start_shard(tmp_path) as shard,
    ):
        await shard.asking.seat("alice")
        gate = shard.faults.hold("append")
        outcome = await ask(gateway, "alice", "gs:k1", spin())
        assert isinstance(outcome, Unavailable) and outcome.code == "outcome_unknown"
        gate.open()
        again = await ask(gateway, "alice", "gs:k1", spin())
        assert isinstance(again, Answered) and again.replayed


async def test_an_answer_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    async with (
        table_for(tmp_path, "s0") as (store, _),
        client(store, deadline_ms=200) as gateway,
        start_shard(tmp_path) as shard,
    ):
        assert shard.shard is not None
        shard.shard.act_or_load = lambda reply_to, request, now: reply_to.reply(  # type: ignore[method-assign]
            Reply(request.rid, Kind.ANSWER, msgspec.Raw(b"\xa3odd"))
        )
        outcome = await ask(gateway, "alice", "gs:k1", spin())
        assert isinstance(outcome, Unavailable) and outcome.code == "outcome_unknown"


async def test_requests_under_way_are_bounded(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), client(store, requests_max=2) as gateway:
        waiting = [ask(gateway, "alice", f"gs:k{number}", spin()) for number in range(2)]
        refused = await ask(gateway, "alice", "gs:k2", spin())
        assert isinstance(refused, Unavailable) and refused.code == "overloaded"
        assert not any(reply.done() for reply in waiting)


async def test_a_client_that_stops_answers_what_is_under_way(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path) as shard:
        async with client(store) as gateway:
            gate = shard.faults.hold("append")
            sent = ask(gateway, "alice", "gs:r", REGISTER)
            await gate.reached.wait()
        assert (await sent).code == "outcome_unknown"  # type: ignore[union-attr]


async def test_two_who_ask_a_shard_about_itself_at_once_share_one_channel(tmp_path: Path) -> None:
    """A second one would be forgotten open: nobody would ever hang it up."""
    async with (
        table_for(tmp_path, "s0") as (store, _),
        client(store, refresh_ms=NEVER_MS) as gateway,
        start_shard(tmp_path) as shard,
    ):
        row = (await store.routing()).shards["s0"]
        reports = await asyncio.gather(gateway.report(row, 5), gateway.report(row, 5))
        assert [report.shard_id for report in reports] == ["s0", "s0"]
        assert len(shard._listener._connections) == 1


async def test_a_shard_reports_about_itself(tmp_path: Path) -> None:
    async with (
        table_for(tmp_path, "s0") as (store, _),
        client(store) as gateway,
        start_shard(tmp_path) as shard,
    ):
        await shard.asking.seat("alice")
        report = await gateway.report((await store.routing()).shards["s0"], 5)
        figures = (report.shard_id, report.epoch, report.resident_players, report.pending_entries, report.dirty_players)
        assert (figures, report.needs_logs) == (("s0", 1, 1, 0, 1), ())
