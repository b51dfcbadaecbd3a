"""A Redis primary with a replica behind one address, and what a failover does to both."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis

from snapshots.contract import SLOTS
from snapshots.opening import open_store
from tests.support.redis_server import RedisServer, free_port
from tests.support.shard_harness import TestShard, deal, eventually, spin, start_shard
from tests.support.tcp_switch import TcpSwitch, switched

ALL_TO_S0: Mapping[str, Sequence[int]] = {"s0": range(SLOTS)}


class House:
    """A primary with a replica behind one address, and a shard that plays there. `term` is the supervisor's."""

    def __init__(self, primary: RedisServer, replica: RedisServer, switch: TcpSwitch) -> None:
        self.primary, self.replica, self.switch = primary, replica, switch
        self.url = f"redis://127.0.0.1:{switch.port}"
        self.term = 0

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
async def a_house(
    folder: Path, table: Mapping[str, Sequence[int]] = ALL_TO_S0, appendfsync: str = "everysec"
) -> AsyncIterator[House]:
    """Slots are dealt as the table says."""
    primary = RedisServer(folder / "primary", appendfsync=appendfsync, extra="--repl-diskless-sync-delay 0").start()
    following = f"--replicaof 127.0.0.1 {primary.port}"
    replica = RedisServer(folder / "replica", appendfsync=appendfsync, extra=following).start()
    try:
        async with switched(primary.port) as switch:
            house = House(primary, replica, switch)
            store = open_store(house.url)
            await store.open()
            house.term = await deal(store, table)
            await store.close()
            yield house
    finally:
        primary.kill()
        replica.kill()


@asynccontextmanager
async def shard_of(house: House, shard_id: str = "s0", **changes: Any) -> AsyncIterator[TestShard]:
    async with start_shard(house.primary.folder, shard_id, store_url=house.url, **changes) as process:
        yield process


async def play(process: TestShard, first: int, count: int, player_id: str = "alice") -> int:
    """That many spins for 10, one after the other; answers the balance after the last."""
    asking, balance = process.asking, 0
    for number in range(first, first + count):
        balance = (await asking.ask(player_id, f"k{number}", spin())).answer.balance.real
    return balance
