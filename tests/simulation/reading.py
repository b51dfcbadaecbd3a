"""Readers against a journal that is written as fast as can be: takeovers, slots that move there and back, players dealt
out anew, logs trimmed and finished, and readers killed and doubled between any two steps.

No shard decides anything here: batches are written as shards would write them.
"""

import asyncio
import gc
import logging
import random
from types import SimpleNamespace
from typing import Any, cast

from snapshots.contract import Incarnation, LogHead, Owner, Store
from snapshots.slots import slot_of
from tests.simulation.readers import SimReaders
from tests.simulation.stores import Disk, InlineSqlite, SimStore, Weather
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.simulation.world import World
from tests.support.deposits import batch, step
from tests.support.shard_harness import players_in

OWNER = Owner("host-1", 1, 1)
SHARDS = ("s0", "s1", "s2")
STEPS = 150
PLAYERS = 6


class Writing:
    """Shards as far as the journal knows them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.disk = rng, Disk()
        self.weather = Weather(rng, asyncio.get_running_loop().time)
        self._store = cast(Store, InlineSqlite(self.disk))
        self.players = players_in(range(256), PLAYERS)
        self._versions = dict.fromkeys(self.players, 0)
        self._owners: dict[str, str] = {}
        self._dedicated: dict[str, str] = {}
        self._incs: dict[str, Incarnation] = {}
        self._heads: dict[str, LogHead] = {}
        self._claims = self._term = 0

    async def begin(self) -> None:
        await self._store.open()
        self._term = await self._store.take_term()

    async def close(self) -> None:
        await self._store.close()

    async def step(self) -> None:
        """Something that happens to shards, mostly that they write."""
        happenings: list[Any] = [self._write] * 12 + [self._move] * 3 + [self._trim] * 2
        await self.rng.choice([*happenings, self._take_over, self._finish, self._deal])()

    def _shard_of(self, player_id: str) -> str:
        return self._dedicated.get(player_id) or self._owners[player_id]

    async def _write(self) -> None:
        shard_id = self.rng.choice(list(self._incs))
        owned = [player_id for player_id in self.players if self._shard_of(player_id) == shard_id]
        done = []
        for player_id in self.rng.choices(owned, k=self.rng.randrange(1, 5)) if owned else ():
            self._versions[player_id] += 1
            done.append(step(player_id, self._versions[player_id]))
        await self._append(shard_id, batch(*done))

    async def _append(self, shard_id: str, payload: bytes) -> None:
        self._heads[shard_id] = await self._store.append(self._incs[shard_id], self._heads[shard_id], payload)

    async def _take_over(self) -> None:
        await self._claim(self.rng.choice(list(self._incs)))

    async def _claim(self, shard_id: str) -> None:
        self._claims += 1
        self._incs[shard_id] = (await self._store.claim(shard_id, OWNER, f"n{self._claims}")).incarnation
        self._heads[shard_id] = LogHead()

    async def _move(self) -> None:
        player_id, gainer = self.rng.choice(self.players), self.rng.choice(SHARDS)
        loser = self._owners[player_id]
        if loser == gainer or player_id in self._dedicated:
            return
        await self._append(loser, batch())
        self._incs[loser] = await self._store.release_slots(
            self._incs[loser], self._term, [slot_of(player_id)], [], gainer, {}
        )
        self._owners[player_id] = gainer

    async def _deal(self) -> None:
        """As after a restart with other shards: all are fenced, then players are dealt out anew."""
        for shard_id in self._incs:
            await self._store.fence(self._term, shard_id)
        self._owners = {player_id: self.rng.choice(SHARDS) for player_id in self.players}
        alone = self.rng.sample(self.players, self.rng.randrange(3))
        self._dedicated = {player_id: f"d-{player_id}" for player_id in alone}
        slots = {slot_of(player_id): shard_id for player_id, shard_id in self._owners.items()}
        await self._store.assign(self._term, slots, self._dedicated)
        self._incs.clear()
        for shard_id in (*SHARDS, *self._dedicated.values()):
            await self._claim(shard_id)

    async def _trim(self) -> None:
        shard_id = self.rng.choice(list(self._incs))
        last = self._heads[shard_id].seq
        await self._store.checkpoint(self._incs[shard_id], last, self.rng.randrange(last + 1))

    async def _finish(self) -> None:
        for info in await self._store.unfinished_logs():
            if info.sealed:
                await self._store.finish_log(self._term, info.log_id)
        await self._store.sweep_journal(self._term)

    async def swept(self) -> tuple[int, int]:
        """How many finished logs, and how many handovers that all readers have passed, are left at the end."""
        for shard_id, inc in self._incs.items():
            await self._store.checkpoint(inc, self._heads[shard_id].seq, self._heads[shard_id].seq)
        await self._finish()
        finished = [info for info in await self._store.journal_logs() if info.finished]
        return len(finished), len(await self._store.handovers())

    def world(self) -> World:
        """What readers see of it."""
        stores = lambda host=None: SimStore(self.disk, self.weather, host)  # noqa: E731
        loop = asyncio.get_running_loop()
        freeze = lambda host, until_s: World.freeze(cast(World, world), host, until_s)  # noqa: E731
        world = SimpleNamespace(
            at_risk=None, rng=self.rng, store=stores, disk=self.disk, loop=loop, freeze=freeze, weather=self.weather
        )
        return cast(World, world)


async def read_all(seed: int) -> None:
    rng = random.Random(seed)
    writing = Writing(rng)
    await writing.begin()
    readers = SimReaders(writing.world())
    await readers.until_known()
    await writing._deal()
    for _ in range(STEPS):
        await writing.step()
        if rng.random() < 0.05:
            await readers.trouble(rng)
        if rng.random() < 0.5:
            await asyncio.sleep(rng.expovariate(30))
    writing.weather.calm()
    await readers.check(writing.players)
    assert await writing.swept() == (0, 0), "what all have read is not kept"
    await readers.close()
    await writing.close()
    writing.disk.close()


def run(seed: int) -> None:
    """One history of readers. Raises AssertionError if a reader passed on anything else than what was written."""
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(read_all(seed))
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)
