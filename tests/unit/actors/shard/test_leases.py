"""Rule 5: the lease, and what a takeover waits for."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from actors.host.clock import boottime_s
from actors.host.processes import _stat, host_id, is_gone, this_process
from snapshots.contract import Owner
from tests.support.shard_harness import LOOK, OWNER, desk, eventually, spin, start_shard, table_for

NEVER_MS = 3_600_000


class Boottime:
    """CLOCK_BOOTTIME as the actors see it; a stopped process is one whose clock jumps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = boottime_s()
        for module in ("shard.lease", "shard.committer", "supervision.shard_process"):
            monkeypatch.setattr(f"actors.{module}.boottime_s", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Boottime:
    return Boottime(monkeypatch)


async def test_rule_05_without_a_fresh_lease_replay_refusal_and_read_wait(tmp_path: Path, clock: Boottime) -> None:
    async with desk(tmp_path, lease_ms=1_500) as table:
        await table.seat("alice")
        await table.ask("alice", "k1", spin())
        clock.now += 1.49
        assert (await table.look("alice")).balance.real == 990
        clock.now += 0.02
        waiting = [
            table.ask("alice", "k1", spin()),
            table.ask("alice", "k2", spin(9_000)),
            table.ask("alice", "", LOOK),
        ]
        await asyncio.sleep(0)
        assert not any(reply.done() for reply in waiting)
        table.shard.context.committer.renewed(clock.now - 1.6)
        assert not any(reply.done() for reply in waiting), "confirmed, but by a request sent too long ago"
        table.shard.context.committer.renewed(clock.now)
        assert [type(await reply).__name__ for reply in waiting] == ["Answered", "Rejection", "Answered"]


async def test_rule_05_an_append_renews_the_lease(tmp_path: Path, clock: Boottime) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        clock.now += 60
        read = table.ask("alice", "", LOOK)
        assert (await table.ask("alice", "k1", spin())).answer.balance.real == 990
        assert (await read).answer.balance.real == 1_000, "it was asked before"


async def test_rule_05_the_lease_counts_from_the_moment_the_request_was_sent(tmp_path: Path, clock: Boottime) -> None:
    """Stopped between an append and its answer: the answer acknowledges, but allows no read."""
    async with desk(tmp_path) as table:
        await table.seat("alice")
        gate = table.store.hold("append", "after")
        written, read = table.ask("alice", "k1", spin()), table.ask("alice", "", LOOK)
        await gate.reached.wait()
        clock.now += 60
        gate.open()
        assert (await written).answer.balance.real == 990
        await asyncio.sleep(0)
        assert not read.done(), "by now a successor may have moved the player on"
        table.shard.context.committer.renewed(clock.now)
        assert (await read).answer.balance.real == 990


async def test_rule_05_a_heartbeat_answered_too_late_renews_nothing(tmp_path: Path, clock: Boottime) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, heartbeat_ms=NEVER_MS) as process:
        assert process.shard is not None and process.shard.context.lease.fresh()
        gate = process.faults.hold("heartbeat", "after")
        beating = asyncio.ensure_future(process._heartbeat())
        await gate.reached.wait()
        clock.now += 60
        gate.open()
        await beating
        assert not process.shard.context.lease.fresh()
        await process._heartbeat()
        assert process.shard.context.lease.fresh()


async def test_rule_05_a_takeover_without_proof_of_death_waits_the_lease_out(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path):
        began = boottime_s()
        async with start_shard(tmp_path, lease_ms=250):
            assert boottime_s() - began >= 0.25


async def test_rule_05_with_proof_of_death_a_takeover_waits_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path) as first:
        began = boottime_s()
        monkeypatch.setattr("actors.supervision.shard_process.is_gone", lambda owner: owner == OWNER)
        async with start_shard(tmp_path, lease_ms=30_000):
            assert boottime_s() - began < 30
            await eventually(lambda: first.ended)


async def test_rule_05_while_it_waits_the_successor_is_not_routed_to(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), start_shard(tmp_path, heartbeat_ms=NEVER_MS):
        assert (await store.routing()).shards["s0"].address is not None
        context = start_shard(tmp_path, lease_ms=200)
        taking_over = asyncio.ensure_future(context.__aenter__())
        while (await store.routing()).shards["s0"].epoch == 1:
            await asyncio.sleep(0.005)
        assert (await store.routing()).shards["s0"].address is None
        await taking_over
        assert (await store.routing()).shards["s0"].address is not None
        await context.__aexit__(None, None, None)


def test_rule_05_what_proves_a_death_and_what_does_not() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner(host_id(), process.pid, _stat(process.pid)[1])
    assert not is_gone(owner)
    assert is_gone(Owner(host_id(), process.pid, owner.started_ticks + 1)), "another process of that number"
    process.communicate(b"\n")
    assert is_gone(owner)
    assert not is_gone(Owner("another host", owner.pid, owner.started_ticks)), "it can't be seen from here"
    assert not is_gone(this_process())
