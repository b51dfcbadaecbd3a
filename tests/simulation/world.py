"""Shard processes, their supervisor and their network in virtual time. All that acts is production code; the world only
places it, cuts wires and ends processes.
"""

import asyncio
import itertools
import random
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors.settings import ShardSettings, SupervisorSettings
from actors.stored_catalogs import CatalogContent
from actors.supervision.ports import ActivationFailed, Identity, ShardDied, SlotMoveFailed
from actors.supervision.shard_process import ShardProcess
from actors.supervision.supervisor import SupervisorProcess
from actors.wire.frames import ControlAnswer, ControlBody, Kind, Reply, Request, RequestFrame, ShardReport, ShardStatus
from engine.catalog import Catalog
from snapshots.contract import Address, Incarnation, Owner, ShardRow
from snapshots.errors import StoreError
from tests.simulation.bonuses import Journal, catalog
from tests.simulation.stores import EPOCH_MS, SimStore, Weather
from tests.support.shard_harness import decoded

LEASE_MS = 300
ORPHAN_AFTER_MS = 2_000
RUNNING: ContextVar[Owner] = ContextVar("the process whose code runs")
SHARDS = 2
CLOCK = "actors.host.clock"
"""Where the real clocks are: all others got them from there."""


_decode_control: Callable[[msgspec.Raw], ControlAnswer] = msgspec.msgpack.Decoder(ControlAnswer).decode


class World:
    """Everything that exists in one run of one seed. `clock_off_ms` is the error of the hosts' clocks."""

    def __init__(self, folder: Path, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.rng, self.folder = random.Random(seed), folder
        self.weather = Weather(self.rng)
        self.processes: list[SimProcess] = []
        self.broken_tasks: list[dict[str, Any]] = []
        self.clock_off_ms = 0
        self.journal = Journal()
        self.catalog: Catalog = catalog(0)
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda loop, context: self.broken_tasks.append(context))
        self._patch(patch)

    def _patch(self, patch: pytest.MonkeyPatch) -> None:
        """Every clock and every proof of death the actors ask for is the world's."""
        times = SimpleNamespace(monotonic=self.loop.time, perf_counter=self.loop.time)
        cpu_ms = itertools.count()  # each look at it costs one
        clocks = {
            "time": times,
            "boottime_s": self.loop.time,
            "now_ms": self.now_ms,
            "thread_cpu_s": lambda: next(cpu_ms) / 1000,
        }
        actors = [module for name, module in sys.modules.items() if name.startswith("actors.") and name != CLOCK]
        for module in actors:
            for name, clock in clocks.items():
                if hasattr(module, name):
                    patch.setattr(module, name, clock)
        patch.setattr("actors.supervision.shard_process.this_process", RUNNING.get)
        patch.setattr("actors.supervision.shard_process.is_gone", self.is_gone)
        patch.setattr("actors.supervision.beginning.is_gone", self.is_gone)

    def now_ms(self) -> int:
        return EPOCH_MS + round(self.loop.time() * 1000) + self.clock_off_ms

    def is_gone(self, owner: Owner) -> bool:
        process = self.processes[owner.pid]
        return process.provable and not process.alive

    def store(self) -> SimStore:
        return SimStore(self.folder, self.weather, self.journal)

    def at(self, address: Address | None) -> "SimProcess | None":
        """The process that listens there, if it lives."""
        process = self.processes[address.port] if address is not None else None
        return process if process is not None and process.alive else None

    def serving(self) -> list["SimProcess"]:
        return [p for p in self.processes if p.alive and p.shard is not None and not p.shard.context.ended]

    # --- cluster.Cluster

    def launch(self, avoided: Collection[str] = ()) -> "SimHandle":
        self.processes.append(SimProcess(self, len(self.processes)))
        return SimHandle(self.processes[-1])

    async def nodes(self) -> Mapping[str, str]:
        return {}

    async def existing(self) -> list[Any]:
        return [SimHandle(process) for process in self.processes if process.alive]

    # --- what a supervisor asks of a client

    async def report(self, row: ShardRow, timeout_s: float) -> ShardReport:
        report = await self.control(row.address, ShardStatus(), timeout_s)
        assert isinstance(report, ShardReport), report
        return report

    async def control(self, address: Address | None, body: ControlBody, timeout_s: float) -> ControlAnswer:
        process = self.at(address)
        if process is None or process.deaf:
            raise TimeoutError
        answer = await Wire(process).send(0, Request(0, "", "", body), timeout_s, lossy=False)
        if answer is None:
            raise TimeoutError
        return answer  # type: ignore[no-any-return]

    async def supervise(self) -> SupervisorProcess:
        """A supervisor that has started; tried again until it has."""
        while True:
            store = self.store()
            await store.open()
            settings = SupervisorSettings(SHARDS, probe_timeout_ms=600, corpse_kill_after_ms=1_000)
            content = CatalogContent(self.catalog)
            supervisor = SimSupervisor(store, self, self, settings, content, LEASE_MS, "secret", "sim")  # type: ignore[arg-type]
            try:
                await supervisor.start()
            except (StoreError, ActivationFailed, ShardDied):
                self.abandon(supervisor)
                await asyncio.sleep(0.1)
            else:
                return supervisor

    def abandon(self, supervisor: SupervisorProcess) -> None:
        """Ends a supervisor as SIGKILL would; what it had asked the shards to do goes on."""
        for task in list(supervisor._tasks):
            task.cancel()


class SimSupervisor(SupervisorProcess):
    """Listens nowhere: the simulation asks it directly."""

    async def _listen(self) -> Address:
        return Address("sim", 0, None, "sim")


class SimProcess(ShardProcess):
    """A shard process. `deaf` to probes; `provable`: its death can be seen from elsewhere; `alive` until killed."""

    def __init__(self, world: World, pid: int) -> None:
        rng = world.rng
        settings = ShardSettings(
            "sqlite:unused",
            "secret",
            lease_ms=LEASE_MS,
            heartbeat_ms=60,
            snapshot_interval_ms=rng.choice((50, 200, 900)),
            passivate_after_ms=rng.choice((20, 300, 60_000)),
            journal_stall_ms=rng.choice((400, 60_000)),
            snapshot_batch=rng.choice((1, 3, 64)),
            orphan_after_ms=ORPHAN_AFTER_MS,
        )
        super().__init__(settings, world.catalog, self._fenced)
        self.world, self.owner = world, Owner("sim", pid, 0)
        self.sim_store = world.store()
        self.store = self.sim_store  # type: ignore[assignment]
        self.alive, self.deaf, self.provable = True, False, rng.random() < 0.5
        self.gone = asyncio.Event()
        self.incarnation: Incarnation | None = None
        self.calls: set[asyncio.Task[Any]] = set()

    async def _listen(self, inc: Incarnation) -> Address:
        return Address("sim", self.owner.pid, None, "sim")

    async def become(self, shard_id: str) -> Incarnation:
        RUNNING.set(self.owner)
        await self.sim_store.open()
        self.incarnation = await self.activate(shard_id)
        return self.incarnation

    def _fenced(self, reason: str) -> None:
        self.world.loop.call_later(0.2, self.kill)

    def kill(self) -> None:
        self.alive = False
        self.gone.set()
        for call in self.calls:
            call.cancel()
        if self.shard is not None:
            self.shard.context.end("killed")


class SimHandle:
    """`ports.ShardHandle` on a process of the world."""

    def __init__(self, process: SimProcess) -> None:
        self._process = process

    async def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """A remote call: it goes on if the caller dies, and ends if the process does."""
        process = self._process
        if not process.alive:
            work.close()
            raise ShardDied(f"process {process.owner.pid}")
        task = asyncio.ensure_future(work)
        process.calls.add(task)
        task.add_done_callback(process.calls.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([task])
        if task.cancelled() or not process.alive:
            raise ShardDied(f"process {process.owner.pid}")
        return task.result()

    async def identity(self) -> Identity:
        return Identity(self._process.owner, self._process.incarnation)

    async def activate(self, shard_id: str) -> Any:
        try:
            return await self._call(self._process.become(shard_id))
        except StoreError as failure:
            raise ActivationFailed(str(failure)) from failure

    async def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> Any:
        try:
            return await self._call(self._process.release(term, slots, dedicated, gainer))
        except StoreError as failure:
            raise SlotMoveFailed(str(failure)) from failure

    async def gain(self) -> None:
        await self._call(self._process.gain())

    async def drain(self) -> None:
        await self._call(self._process.drain())

    async def dead(self) -> None:
        await self._process.gone.wait()

    def dismiss(self) -> None:
        self._process.kill()

    def kill(self) -> None:
        self._process.kill()


class Wire:
    """One request's way to a process and back. What is on its way when the process dies is lost."""

    def __init__(self, process: SimProcess) -> None:
        self._process, self._world = process, process.world
        self._answer: asyncio.Future[Any] = process.world.loop.create_future()

    async def send(self, epoch: int, request: Request, timeout_s: float, *, lossy: bool = True) -> Any:
        """The decoded reply; None if there is none in time."""
        rng = self._world.rng
        await asyncio.sleep(rng.uniform(0.0001, 0.003))
        self._lost = lossy and rng.random() < 0.02
        if self._process.alive and self._process.shard is not None:
            self._process.shard.handle(self, RequestFrame(epoch, [request]))
        await asyncio.wait([self._answer], timeout=timeout_s)
        return self._answer.result() if self._answer.done() else None

    def reply(self, reply: Reply) -> None:
        if self._process.alive and not self._lost:
            told = _decode_control(reply.payload) if reply.kind == Kind.REPORT else decoded(reply)
            self._world.loop.call_later(self._world.rng.uniform(0.0001, 0.003), self._arrive, told)

    def _arrive(self, outcome: Any) -> None:
        self._answer.set_result(outcome)
