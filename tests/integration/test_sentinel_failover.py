"""Shards on a master that three real sentinels watch: it dies, hangs, or is replaced as planned; 0 spins are lost."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest
import redis

from actors.outcome import Answered, Unavailable
from snapshots.contract import SLOTS
from snapshots.opening import open_store
from tests.support.sentinel_house import SentinelHouse, sentinel_house
from tests.support.shard_harness import TestShard, deal, eventually, spin, start_shard

pytestmark = pytest.mark.long

PLAYERS = [f"p{number}" for number in range(8)]


class Crowd:
    """Players who spin one after the other, repeat what was not answered, and keep books of their own."""

    def __init__(self, process: TestShard) -> None:
        self.asking = process.asking
        self.acknowledged = dict.fromkeys(PLAYERS, 0)
        self.stopped = False

    async def play(self) -> None:
        await asyncio.gather(*(self._play(player_id) for player_id in PLAYERS))

    async def _play(self, player_id: str) -> None:
        number = 0
        while not self.stopped:
            outcome = await self.asking.ask(player_id, f"k{number}", spin())
            if isinstance(outcome, Answered):
                number += 1
                self.acknowledged[player_id] = number
            else:
                assert isinstance(outcome, Unavailable), outcome
                await asyncio.sleep(0.05)


def kill(house: SentinelHouse) -> None:
    house.signal_master(SIGKILL)


def hang(house: SentinelHouse) -> None:
    frozen = house.signal_master(SIGSTOP)
    asyncio.get_running_loop().call_later(6, os.kill, frozen.pid, SIGCONT)


def replace_as_planned(house: SentinelHouse) -> None:
    house.ask("FAILOVER")


@pytest.mark.parametrize("trouble", [kill, hang, replace_as_planned])
@pytest.mark.timeout(120)
async def test_play_goes_on_with_the_new_master_and_nothing_acknowledged_is_lost(
    tmp_path: Path, trouble: Callable[[SentinelHouse], None]
) -> None:
    with sentinel_house(tmp_path) as house:
        store = open_store(house.url)
        await store.open()
        await deal(store, {"s0": range(SLOTS)})
        await store.close()
        changes = {"store_url": house.url, "journal_refused_ms": 60_000, "heartbeat_ms": 100}
        async with start_shard(tmp_path, **changes) as process:
            for player_id in PLAYERS:
                await process.asking.seat(player_id, 1_000_000)
            crowd = Crowd(process)
            playing = asyncio.ensure_future(crowd.play())
            await eventually(lambda: playing.done() or min(crowd.acknowledged.values()) > 20)
            before = house.master()
            trouble(house)
            await eventually_slowly(lambda: house.master() is not before)
            so_far = max(crowd.acknowledged.values())
            await eventually(lambda: playing.done() or min(crowd.acknowledged.values()) > so_far + 20)
            crowd.stopped = True
            await playing
            assert process.ended == []
            books = dict(crowd.acknowledged)
        async with start_shard(tmp_path, store_url=house.url) as successor:
            for player_id, spins in books.items():
                assert (await successor.asking.look(player_id)).balance.real == 1_000_000 - 10 * spins
        with redis.Redis.from_url(house.master().url) as client:
            assert client.info("replication")["role"] == "master"


async def eventually_slowly(happened: Callable[[], bool]) -> None:
    """For what asks a server each time."""
    while not happened():
        await asyncio.sleep(0.1)
