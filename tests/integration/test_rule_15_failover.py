"""Rule 15 on two real Redis servers: the replica was cut off, the primary dies, the replica is promoted: 0 lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis

from actors.outcome import Answered
from snapshots.contract import SLOTS
from snapshots.opening import open_store
from tests.support.redis_server import RedisServer, free_port
from tests.support.shard_harness import TestShard, deal, eventually, spin, start_shard
from tests.support.tcp_switch import TcpSwitch, switched

SPINS_LOST = 20


class House:
    """A primary with a replica behind one address, and a shard that plays there."""

    def __init__(self, primary: RedisServer, replica: RedisServer, switch: TcpSwitch) -> None:
        self.primary, self.replica, self.switch = primary, replica, switch
        self.url = f"redis://127.0.0.1:{switch.port}"

    async def replicated(self) -> None:
        """Returns once the replica has all that the primary has."""
        with (
            redis.Redis.from_url(self.primary.url) as primary,
            redis.Redis.from_url(self.replica.url) as replica,
        ):
            await eventually(lambda: replica.info("replication")["master_link_status"] == "up")
            primary.wait(1, 10_000)

    def cut_off(self) -> None:
        """The replica gets nothing any more."""
        with redis.Redis.from_url(self.replica.url) as client:
            client.replicaof("127.0.0.1", str(free_port()))

    def fail_over(self) -> None:
        """The primary is gone for good; the replica takes its place, as it is."""
        self.primary.kill()
        with redis.Redis.from_url(self.replica.url) as client:
            client.replicaof("no", "one")
        self.switch.turn(self.replica.port)


@asynccontextmanager
async def a_house(folder: Path) -> AsyncIterator[House]:
    primary = RedisServer(folder / "primary", extra="--repl-diskless-sync-delay 0").start()
    replica = RedisServer(folder / "replica", extra=f"--replicaof 127.0.0.1 {primary.port}").start()
    try:
        async with switched(primary.port) as switch:
            house = House(primary, replica, switch)
            store = open_store(house.url)
            await store.open()
            await deal(store, {"s0": range(SLOTS)})
            await store.close()
            yield house
    finally:
        primary.kill()
        replica.kill()


@asynccontextmanager
async def shard_of(house: House, **changes: int) -> AsyncIterator[TestShard]:
    async with start_shard(house.primary.folder, store_url=house.url, **changes) as process:
        yield process


async def play(process: TestShard, first: int, count: int) -> int:
    """That many spins for 10, one after the other; answers the balance after the last."""
    asking, balance = process.asking, 0
    for number in range(first, first + count):
        balance = (await asking.ask("alice", f"k{number}", spin())).answer.balance.real
    return balance


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
