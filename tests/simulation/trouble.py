"""Everything that can happen to a cluster, each at the second that the plan names."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from actors.routing.owner_of import slot_of
from actors.stored_catalogs import CatalogContent, encode_content
from actors.supervision.deploying import DeployFailed
from actors.supervision.ports import ShardDied, SlotMoveFailed
from actors.wire.frames import AdvanceClock, ControlBody, DeployCatalog
from snapshots.errors import StoreError
from tests.simulation.at_risk import AtRisk
from tests.simulation.bonuses import VERSIONS, catalog
from tests.simulation.customers import Ledger
from tests.simulation.losing import before_loss
from tests.simulation.plan import Plan
from tests.simulation.readers import SimReaders
from tests.simulation.stores import TAIL_MS_MAX
from tests.simulation.world import SHARDS, SimProcess, World

HOUR_MS = 3_600_000


class Trouble:
    """The faults of a plan, one after the other. `counts` tells what happened."""

    def __init__(self, world: World, ledger: Ledger, readers: SimReaders, players: list[str], plan: Plan) -> None:
        self._world, self._ledger, self._readers, self._players, self._plan = world, ledger, readers, players, plan
        self._slots = [slot_of(player_id) for player_id in players]
        self._rng = random.Random(0)
        self._damaged: set[str] = set()
        self.counts: dict[str, int] = {}

    async def run(self) -> None:
        world = self._world
        self.supervisor = await world.supervise()
        began_s = world.loop.time()
        for fault in self._plan.faults:
            await asyncio.sleep(began_s + fault.at_s - world.loop.time())
            self._rng = self._plan.rng(fault)
            self.counts[fault.kind] = self.counts.get(fault.kind, 0) + 1
            happening: Callable[[], Coroutine[Any, Any, None]] = getattr(self, f"_{fault.kind}")
            await happening()

    def _some(self) -> list[SimProcess]:
        """One of the shards that serve, if there are any."""
        serving = self._world.serving()
        return [self._rng.choice(serving)] if serving else []

    def _until(self, seconds_max: float) -> float:
        return self._world.loop.time() + self._rng.uniform(0.1, seconds_max)

    async def _kill(self) -> None:
        for process in self._some():
            process.kill()

    async def _freeze(self) -> None:
        """It is stopped and goes on later: it may have lost its place meanwhile, and does not know."""
        for process in self._some():
            self._world.freeze(process.host, self._until(self._rng.choice((0.3, 1, 4))))

    async def _isolate(self) -> None:
        """The supervisor takes it for dead and replaces it; it goes on serving until it learns that it is fenced."""
        for process in self._some():
            process.deaf_until = self._until(4)
            if self._rng.random() < 0.5:
                process.sim_store.stalled = process.deaf_until

    async def _part(self) -> None:
        """No gateway reaches it; supervisor and store do."""
        for process in self._some():
            process.unreachable_until = self._until(2)

    async def _stall(self) -> None:
        for process in self._some():
            process.sim_store.stalled = self._until(1)

    async def _cut_off(self) -> None:
        for process in self._some():
            process.sim_store.cut_off = self._until(1)

    async def _clock(self) -> None:
        for process in self._some():
            process.host.clock_off_ms = self._rng.choice((0, -900, 900, -5_000, 5_000))

    async def _move(self) -> None:
        slots = self._rng.sample(self._slots, 2)
        gainer = f"s{self._rng.randrange(SHARDS)}"
        await self._for_a_while(self.supervisor.ask(self.supervisor.move(slots, gainer)))

    async def _deploy(self) -> None:
        """Puts another version of the catalog in force, or tries to."""
        content = CatalogContent(catalog(self._rng.randrange(VERSIONS)))
        version = content.catalog.version
        try:
            await self._world.store().put_catalog(version, encode_content(content))
        except StoreError:
            return
        await self._ask(DeployCatalog(version, "the simulation"))

    async def _advance_clock(self) -> None:
        """The sandbox clock runs ahead: bonuses expire, offers lapse, players have been silent."""
        await self._ask(AdvanceClock(self._rng.choice((5, 20, 30)) * HOUR_MS))

    async def _ask(self, body: ControlBody) -> None:
        await self._for_a_while(self.supervisor.ask(self.supervisor._control(body)))

    async def _for_a_while(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begins it. Perhaps it is not over when the next fault happens."""
        asked = asyncio.ensure_future(work)
        await asyncio.wait([asked], timeout=self._rng.uniform(0.01, 1))
        asked.add_done_callback(_expected)

    async def _damage(self) -> None:
        """The newest snapshot of a player rots; the older one and the journal must be enough. Once for each player."""
        whole = [player_id for player_id in self._players if player_id not in self._damaged]
        if whole and self._world.disk.damage_newest(player_id := self._rng.choice(whole)):
            self._damaged.add(player_id)

    async def _reader(self) -> None:
        await self._readers.trouble(self._rng)

    async def _freeze_supervisor(self) -> None:
        """Another one takes its term before it wakes, or none does."""
        self._world.freeze(self.supervisor.host, self._until(4))
        if self._rng.random() < 0.5:
            self.supervisor = await self._world.supervise()

    async def _power_cut(self) -> None:
        """The machine with all of it goes down; the store comes back without its tail.

        What is left must be whole, and nothing that was lost may have been passed on before.
        """
        world = self._world
        world.disk.save()
        await asyncio.sleep(self._rng.uniform(0.05, TAIL_MS_MAX / 1_000 - 0.05))
        for process in world.processes:
            process.kill()
        for supervisor in world.supervisors:
            world.abandon(supervisor)
        world.disk.lose_tail()
        self._ledger.lose(world.disk.journal)
        world.answered.clear()
        await self._readers.begin_again()
        self.supervisor = await world.supervise()

    async def _lose_tail(self) -> None:
        """The store is started again, or replaced by a replica: it lacks its tail, and everybody else lives on."""
        world, disk = self._world, self._world.disk
        disk.save()
        await asyncio.sleep(self._rng.uniform(0.05, TAIL_MS_MAX / 1_000 - 0.05))
        before = before_loss(disk)
        disk.lose_tail()
        world.answered.clear()
        world.at_risk = AtRisk(world, before)

    async def _new_supervisor(self) -> None:
        if self._rng.random() < 0.5:
            self._world.abandon(self.supervisor)
        self.supervisor = await self._world.supervise()


def _expected(asked: "asyncio.Future[Any]") -> None:
    """A move or deployment may fail in trouble, but only in these ways."""
    if not asked.cancelled() and (failure := asked.exception()) is not None:
        assert isinstance(failure, ShardDied | SlotMoveFailed | StoreError | DeployFailed | KeyError), failure
