"""Readers of the journal in the simulation: killed, doubled and failing as the seed says. What left is the journal.

Two run: `archive`, which holds the journal and keeps its records, and `bus`, which holds nothing and finds in them what
the store has trimmed. A consumer who drops repeats must see every player's versions from 1 on, in order.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from feeds.following.follower import Follower
from feeds.following.metrics import ReaderMetrics
from feeds.reading import Notes
from snapshots.contract import Owner
from snapshots.errors import Fenced
from tests.simulation.hosts import Host
from tests.simulation.stores import TAIL_MS_MAX, SimStore
from tests.simulation.world import World
from tests.support.recording_sink import LaneSink, Shelf, Topic

ARCHIVE, BUS = "archive", "bus"


class SimReader:
    """One process of a reader. A killed one takes what it has not committed with it."""

    def __init__(self, world: World, name: str, topic: Topic, shelf: Shelf) -> None:
        self._rng, self._topic, self._shelf, self._name = random.Random(world.rng.random()), topic, shelf, name
        self.host = Host(Owner("sim-reader", 0, 0))
        self._world = world
        self._store: SimStore = world.store(self.host)
        horizon_ms = TAIL_MS_MAX if world.weather.loses_tail else self._rng.choice((0, 0, 150))
        self._store.horizon_ms = _answering(horizon_ms)  # type: ignore[method-assign]
        archived = shelf if name == BUS else None
        self.metrics = ReaderMetrics(holds_journal=name == ARCHIVE)
        self.follower = Follower(self._store, name, self._make, self.metrics, archived)  # type: ignore[arg-type]
        self.task = asyncio.get_running_loop().create_task(self._run(), context=self.host.context())

    async def _make(self, notes: Notes) -> LaneSink:
        return LaneSink(self._rng, self._topic, self._shelf if self._name == ARCHIVE else None)

    async def _run(self) -> None:
        await self._store.open()
        try:
            await self.follower.run()
        except Fenced:
            return

    async def kill(self) -> None:
        self._world.loop.wake(self.host)
        self.task.cancel()
        await asyncio.wait([self.task])
        if not self.task.cancelled():
            self.task.result()
        await self._store.close()


class SimReaders:
    """All readers of a run, and what they have sent. `counts` tells what happened to them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.topics = {name: Topic() for name in (ARCHIVE, BUS)}
        self._shelf = Shelf()
        self._running = {name: [self._new(name)] for name in self.topics}

    def _new(self, name: str) -> SimReader:
        return SimReader(self._world, name, self.topics[name], self._shelf)

    async def until_known(self) -> None:
        """Nothing may be written before: the supervisor sees to that in production."""
        while any(processes[-1].follower.trouble for processes in self._running.values()):
            await asyncio.sleep(0.01)

    async def trouble(self, rng: random.Random) -> None:
        """A reader is frozen for a while, or killed and replaced, or replaced while it still runs or is frozen."""
        processes = self._running[name := rng.choice(list(self._running))]
        if rng.random() < 0.3:
            self._world.freeze(processes[-1].host, self._world.loop.time() + rng.uniform(0.1, 3))
            if rng.random() < 0.5:
                return
        elif rng.random() < 0.5:
            await processes.pop(0).kill()
        processes.append(self._new(name))

    async def begin_again(self) -> None:
        """All die at once and are replaced."""
        for name, processes in self._running.items():
            for process in processes:
                await process.kill()
            self._running[name] = [self._new(name)]

    async def check(self, players: list[str]) -> None:
        """Everything leaves once it is calm, and is what the journal says. Where the store has lost a slot move, the
        order is not looked at: docs/failover.md says that it may suffer.
        """
        at_risk = self._world.at_risk
        for name, topic in self.topics.items():
            while not await self._settled(name):
                await asyncio.sleep(1)
            if at_risk is not None and at_risk.moves_lost:
                continue
            assert topic.broken == [], f"{name}: {topic.broken}"
            for player_id in players:
                assert topic.of(player_id) == [entry.done for entry in self._world.disk.journal.of(player_id)], name
            stalls = {f"{name} {reason}" for process in self._running[name] for reason in _bugs(process.metrics)}
            assert stalls == set(), stalls

    async def _settled(self, name: str) -> bool:
        """Whether the process that holds the claim has settled everything; another one is started if all are fenced."""
        alive = [process for process in self._running[name] if not process.task.done()]
        if not alive:
            self._running[name].append(self._new(name))
        return any([await process.follower.settle(30) for process in alive])

    async def close(self) -> None:
        for processes in self._running.values():
            for process in processes:
                await process.kill()


def _answering(horizon_ms: int) -> Callable[[], Awaitable[int]]:
    async def answer() -> int:
        return horizon_ms

    return answer


def _bugs(metrics: ReaderMetrics) -> list[str]:
    """Reasons to stall that no weather explains."""
    return [reason for reason in ("version_gap", "corrupt", "trimmed") if metrics.stalls[reason]]
