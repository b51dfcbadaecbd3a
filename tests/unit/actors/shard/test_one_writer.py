"""Rule 1: one writer per shard. Rule 2, the actors' half: who is fenced ends."""

from pathlib import Path
from typing import Any

import pytest

from actors.outcome import Unavailable
from actors.ray.cluster import RayCluster
from tests.support.shard_harness import LOOK, NOT_OWNER, desk, eventually, players_in, spin, start_shard, table_for

NEVER_MS = 3_600_000


async def test_rule_01_every_process_raises_the_epoch_itself(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path) as first:
        assert first.shard is not None and first.shard.context.inc.epoch == 1
        await first.crash()
        async with start_shard(tmp_path, lease_ms=1) as second:
            assert second.shard is not None and second.shard.context.inc.epoch == 2
            assert second.shard.context.inc.nonce != first.shard.context.inc.nonce


async def test_rule_01_a_second_claim_fences_the_first_which_acknowledges_nothing_and_ends(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, heartbeat_ms=NEVER_MS) as first:
        old = first.asking
        await old.seat("alice")
        async with start_shard(tmp_path, lease_ms=1) as second:
            refused = await old.ask("alice", "k1", spin())
            # Its own background work may have told it before: then it doesn't even try.
            assert refused == NOT_OWNER or (isinstance(refused, Unavailable) and refused.code == "outcome_unknown")
            assert len(first.ended) == 1 and first.shard is not None and len(first.shard.context.residents) == 0
            assert await old.ask("alice", "", LOOK) == NOT_OWNER
            assert (await second.asking.look("alice")).balance.real == 1_000
            assert not (await second.asking.ask("alice", "k1", spin())).replayed


async def test_rule_02_an_idle_fenced_shard_notices_at_its_next_heartbeat_and_ends(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path) as first, start_shard(tmp_path, lease_ms=1):
        await eventually(lambda: first.ended)


async def test_rule_02_a_refused_snapshot_ends_the_shard(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, snapshot_interval_ms=1, heartbeat_ms=NEVER_MS) as first:
        gate = first.faults.hold("put_snapshots")
        await first.asking.seat("alice")
        await gate.reached.wait()
        async with start_shard(tmp_path, lease_ms=1):
            gate.open()
            await eventually(lambda: first.ended)


async def test_rule_02_every_write_of_a_shard_carries_its_current_token(tmp_path: Path) -> None:
    """What the store compares (see tests/contract/test_fencing.py) is what the actors send."""
    async with table_for(tmp_path, "s0", "s1") as (_, term), start_shard(tmp_path) as shard:
        assert shard.shard is not None and shard._snapshotter is not None
        await shard.asking.seat(players_in([2], 1)[0])
        old = shard.shard.context.inc
        moved = (await shard.release(term, [2], [], "s1")).incarnation
        await shard.asking.seat(players_in([4], 1)[0])
        await shard._snapshotter.round()
        writes = {
            name: args[0] for name, args in shard.faults.calls if name in ("append", "put_snapshots", "checkpoint")
        }
        assert set(writes.values()) == {moved}
        assert (moved.epoch, moved.nonce, moved.log_id) == (old.epoch + 1, old.nonce, old.log_id)


class _Recorder:
    """Stands for Ray's actor class: remembers with which options it was asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def options(self, **options: Any) -> "_Recorder":
        self.asked = options
        return self

    def remote(self, *args: Any) -> "_Recorder":
        return self


def test_rule_01_ray_neither_restarts_a_shard_nor_repeats_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    actor = _Recorder()
    monkeypatch.setattr("actors.ray.cluster.shard_actor", actor)
    monkeypatch.setattr("actors.ray.cluster._nodes", dict)
    RayCluster(b"").launch()
    assert (actor.asked["max_restarts"], actor.asked["max_task_retries"]) == (0, 0)


async def test_a_shard_that_ended_says_so_once_and_discards_its_memory(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        table.shard.context.end("first")
        table.shard.context.end("second")
        assert (table.ended, table.resident) == (["first"], set())
