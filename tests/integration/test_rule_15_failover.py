"""Rule 15 on two real Redis servers: the replica was cut off, the primary dies, the replica is promoted: 0 lost."""

from pathlib import Path

import pytest
import redis

from actors.outcome import Answered
from tests.support.failing_over import a_house, play, shard_of
from tests.support.shard_harness import eventually, spin

SPINS_LOST = 20


@pytest.mark.parametrize("playing", [True, False], ids=["the next spin notices", "a heartbeat notices"])
async def test_rule_15_what_was_acknowledged_and_lost_with_the_primary_is_appended_again(
    tmp_path: Path, playing: bool
) -> None:
    async with a_house(tmp_path) as house:
        async with shard_of(house, heartbeat_ms=3_600_000 if playing else 20) as process:
            await process.asking.seat("alice")
            await play(process, 0, 5)
            await house.replicated()
            house.cut_off()
            assert await play(process, 5, SPINS_LOST) == 750
            house.fail_over()
            if playing:
                assert await play(process, 25, 1) == 740
            restored = process.metrics.counters
            await eventually(lambda: restored["journal_records_restored"])
            assert restored["journal_records_restored"] == SPINS_LOST and process.ended == []
        async with shard_of(house) as successor:
            assert (await successor.asking.look("alice")).balance.real == (740 if playing else 750)
            known = await successor.asking.ask("alice", "k24", spin())
            assert isinstance(known, Answered) and known.replayed


async def test_rule_15_a_shard_that_can_give_back_too_little_ends_and_its_successor_goes_on(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        async with shard_of(house, journal_ring_bytes_max=1) as process:
            await process.asking.seat("alice")
            await house.replicated()
            house.cut_off()
            await play(process, 0, 3)
            house.fail_over()
            await eventually(lambda: process.ended)
            assert "lost more than this process can append again" in process.ended[0]
        async with shard_of(house) as successor:
            assert (await successor.asking.look("alice")).balance.real == 1_000


async def test_rule_15_a_redis_that_was_only_started_again_is_gone_on_with(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house, shard_of(house) as process:
        await process.asking.seat("alice")
        await play(process, 0, 3)
        house.primary.stop()
        house.primary.start()
        assert await play(process, 3, 3) == 940
        assert process.ended == [] and process.metrics.counters["journal_records_restored"] == 0


async def test_rule_15_a_planned_failover_costs_no_spin(tmp_path: Path) -> None:
    """`FAILOVER TO` stops writes until the replica has them all; the old master refuses afterwards."""
    async with a_house(tmp_path) as house:
        async with shard_of(house, journal_refused_ms=60_000) as process:
            await process.asking.seat("alice")
            await house.replicated()
            await play(process, 0, 5)
            with (
                redis.Redis.from_url(house.primary.url) as old,
                redis.Redis.from_url(house.replica.url) as new,
            ):
                old.execute_command("FAILOVER", "TO", "127.0.0.1", house.replica.port)
                await eventually(lambda: new.info("replication")["role"] == "master")
            waiting = process.asking.ask("alice", "k5", spin())
            await eventually(lambda: process.metrics.journal_failures["readonly"])
            house.switch.turn(house.replica.port)
            assert (await waiting).answer.balance.real == 940
            assert process.ended == [] and process.metrics.counters["journal_records_restored"] == 0
        async with shard_of(house) as successor:
            assert (await successor.asking.look("alice")).balance.real == 940
