"""Shard processes, their supervisor and their network in virtual time. All that acts is production code; the world only
places it, cuts wires, and freezes and ends processes.
"""

import asyncio
import itertools
import random
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextvars import Context
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from actors.settings import ShardSettings, SupervisorSettings
from actors.stored_catalogs import CatalogContent
from actors.supervision.ports import NOBODY, ActivationFailed, Adopted, Found, Identity, ShardDied, SlotMoveFailed
from actors.supervision.shard_process import ShardProcess
from actors.supervision.supervisor import SupervisorProcess
from actors.wire.frames import (
    ControlAnswer,
    ControlBody,
    Kind,
    Reply,
    ReplyTo,
    Request,
    RequestFrame,
    ShardReport,
    ShardStatus,
)
from engine.catalog import Catalog
from snapshots.contract import Address, Incarnation, Owner, ShardRow
from snapshots.errors import StoreError
from tests.simulation.at_risk import AtRisk
from tests.simulation.bonuses import catalog
from tests.simulation.hosts import RUNNING, RUNNING_NOWHERE, Host
from tests.simulation.stores import EPOCH_MS, Disk, SimStore, Weather
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.simulation.wires import SimChannel, Wire

LEASE_MS = 300
ORPHAN_AFTER_MS = 1_000
SHARDS = 2
CLOCK = "actors.host.clock"
"""Where the real clocks are: all others got them from there."""


class World:
    """Everything that exists in one run of one seed."""

    def __init__(self, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.rng, self.disk = random.Random(seed), Disk()
        self.weather = Weather(self.rng, asyncio.get_running_loop().time)
        self.processes: list[SimProcess] = []
        self.supervisors: list[SimSupervisor] = []
        self.broken_tasks: list[dict[str, Any]] = []
        self.answered: dict[str, Answering] = {}
        """By shard, who gave the last answer that no append proves."""
        self.broken: list[str] = []
        """Promises that were seen broken while it ran."""
        self.at_risk: AtRisk | None = None
        """What the store has lost, and living shards are to give back."""
        self.excused: set[str] = set()
        """Players of whom that can't be expected."""
        self.catalog: Catalog = catalog(0)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        self.loop = loop
        self.loop.set_exception_handler(lambda loop, context: self.broken_tasks.append(context))
        self._patch(patch)

    def _patch(self, patch: pytest.MonkeyPatch) -> None:
        """Every clock, every proof of death and every connection the actors ask for is the world's."""
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
        patch.setattr("actors.supervision.shard_process.this_process", _running_owner)
        patch.setattr("actors.supervision.shard_process.is_gone", self.is_gone)
        patch.setattr("actors.supervision.beginning.is_gone", self.is_gone)
        patch.setattr("actors.routing.client.connect", self.connect)

    def now_ms(self) -> int:
        """The wall clock of the host whose code runs."""
        host = RUNNING.get()
        return EPOCH_MS + round(self.loop.time() * 1000) + (host.clock_off_ms if host is not None else 0)

    def is_gone(self, owner: Owner) -> bool:
        process = self.processes[owner.pid]
        return process.provable and not process.alive

    def store(self, host: Host | None = None) -> SimStore:
        return SimStore(self.disk, self.weather, host)

    def freeze(self, host: Host, until_s: float) -> None:
        """Nothing of it runs until then. Its messages wait, its calls to the store are carried out."""
        if not host.frozen:
            host.frozen = True
            self.loop.call_at(until_s, self.loop.wake, host, context=RUNNING_NOWHERE)

    async def connect(
        self,
        address: Address,
        secret: bytes,
        timeout_s: float,
        on_reply: Callable[[Reply], None],
        on_lost: Callable[[SimChannel], None],
    ) -> SimChannel:
        """In place of `actors.wire.channel.connect`."""
        await asyncio.sleep(self.rng.uniform(0.0005, 0.005))
        process = self.at(address)
        if process is None:
            raise ConnectionRefusedError("nobody listens there")
        if process.out_of_reach():
            await asyncio.sleep(timeout_s)
            raise TimeoutError
        return SimChannel(process, on_reply, on_lost)

    def at(self, address: Address | None) -> "SimProcess | None":
        """The process that listens there, if it lives."""
        process = self.processes[address.port] if address is not None else None
        return process if process is not None and process.alive else None

    def serving(self) -> list["SimProcess"]:
        return [p for p in self.processes if p.alive and p.shard is not None and not p.shard.context.ended]

    # --- cluster.Cluster

    def launch(self, avoided: Collection[str] = (), crowd: Mapping[str, int] = NOBODY) -> "SimHandle":
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
        if process is None or process.deaf_until > self.loop.time():
            raise TimeoutError
        answer = await Wire(process).send(0, Request(0, "", "", body), timeout_s, lossy=False)
        if answer is None:
            raise TimeoutError
        return answer  # type: ignore[no-any-return]

    async def supervise(self) -> "SimSupervisor":
        """A supervisor that has started; tried again until it has."""
        while True:
            supervisor = SimSupervisor.on(self, Host(Owner("sim-supervisor", len(self.supervisors), 0)))
            self.supervisors.append(supervisor)
            try:
                await self.loop.create_task(supervisor.start(), context=supervisor.host.context())
            except (StoreError, ActivationFailed, ShardDied):
                self.abandon(supervisor)
                await asyncio.sleep(0.1)
            else:
                return supervisor

    def abandon(self, supervisor: "SimSupervisor") -> None:
        """Ends a supervisor as SIGKILL would; what it had asked the shards to do goes on."""
        supervisor.host.alive = False
        self.loop.wake(supervisor.host)
        for task in list(supervisor._tasks):
            task.cancel()

    def close(self) -> None:
        """Ends every process."""
        for process in self.processes:
            process.kill()
        self.disk.close()


def _running_owner() -> Owner:
    host = RUNNING.get()
    assert host is not None, "only what runs on a host asks which process it is"
    return host.owner


class Answering(NamedTuple):
    """Who gave an answer that no append proves: the later claim is the younger incarnation."""

    claim: int
    pid: int


class SimSupervisor(SupervisorProcess):
    """Listens nowhere: the simulation asks it directly."""

    host: Host

    @classmethod
    def on(cls, world: World, host: Host) -> "SimSupervisor":
        settings = SupervisorSettings(
            SHARDS, probe_ms=150, probe_timeout_ms=450, corpse_kill_after_ms=3_000, follow_patience_ms=1_500
        )
        content = CatalogContent(world.catalog)
        store = world.store(host)
        made = cls(store, world, world, settings, content, LEASE_MS, "secret", "sim")  # type: ignore[arg-type]
        made.host = host
        return made

    async def ask(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Has it do something, on its host."""
        return await asyncio.get_running_loop().create_task(work, context=self.host.context())

    async def _listen(self) -> Address:
        return Address("sim", 0, None, "sim")


class SimProcess(ShardProcess):
    """A shard process. `provable`: its death can be seen from elsewhere. No probe reaches it until `deaf_until`, no
    player `unreachable_until`.
    """

    def __init__(self, world: World, pid: int) -> None:
        rng = world.rng
        settings = ShardSettings(
            "sqlite:unused",
            "secret",
            lease_ms=LEASE_MS,
            heartbeat_ms=90,
            snapshot_interval_ms=rng.choice((50, 200, 900)),
            passivate_after_ms=rng.choice((20, 300, 60_000)),
            journal_stall_ms=rng.choice((400, 60_000)),
            snapshot_batch=rng.choice((1, 3, 64)),
            orphan_after_ms=ORPHAN_AFTER_MS,
        )
        super().__init__(settings, world.catalog, self._fenced)
        self.world, self.owner = world, Owner("sim", pid, 0)
        self.host = Host(self.owner)
        self.sim_store = world.store(self.host)
        self.store = self.sim_store  # type: ignore[assignment]
        self.provable = rng.random() < 0.5
        self.deaf_until = self.unreachable_until = 0.0
        self.channels: list[SimChannel] = []
        self.gone = asyncio.Event()
        self.calls: set[asyncio.Task[Any]] = set()

    async def _listen(self, inc: Incarnation) -> Address:
        return Address("sim", self.owner.pid, None, "sim")

    @property
    def alive(self) -> bool:
        """Until it is killed."""
        return self.host.alive

    def context(self) -> Context:
        return self.host.context()

    def out_of_reach(self) -> bool:
        return self.unreachable_until > self.world.loop.time()

    def receive(self, reply_to: ReplyTo, frame: RequestFrame, lossy: bool) -> None:
        """A frame has come. It is read once the process runs."""
        if self.alive and not (lossy and self.out_of_reach()):
            self.world.loop.call_soon(self._read, reply_to, frame, context=self.context())

    def _read(self, reply_to: ReplyTo, frame: RequestFrame) -> None:
        if self.alive and self.shard is not None:
            self.shard.handle(reply_to, frame)

    def freeze_a_while(self) -> float:
        """Stops it where it stands; how long (s)."""
        seconds = self.world.rng.uniform(0.05, 1.2)
        self.world.freeze(self.host, self.world.loop.time() + seconds)
        return seconds

    def noted_reply(self, request: Request, reply: Reply) -> None:
        """Two incarnations never answer at once: after the younger has, the older gives nothing but what its log
        proves (rule 5).
        """
        proved = reply.kind == Kind.ANSWER and request.command_id
        if proved or reply.kind not in (Kind.ANSWER, Kind.REPLAY, Kind.REJECTION) or self.incarnation is None:
            return
        if request.player_id in self.world.excused:
            return
        shard_id, claim = self.incarnation.shard_id, self.world.disk.claims[self.incarnation.nonce]
        last = self.world.answered.get(shard_id)
        if last is None or last.claim <= claim:
            self.world.answered[shard_id] = Answering(claim, self.owner.pid)
        else:
            self.world.broken.append(f"{self.incarnation} answers after {last}: {request}")

    async def identify(self) -> Identity:
        return Identity(self.owner, self.incarnation)

    async def adopt(self, term: int) -> Found:
        await self.heed(term)
        return Found(await self.identify(), not self.asked)

    def _fenced(self, reason: str) -> None:
        self.world.loop.call_later(0.2, self.kill)

    def kill(self) -> None:
        if not self.alive:
            return
        self.host.alive = False
        self.world.loop.wake(self.host)
        if self.world.at_risk is not None:
            self.world.at_risk.died(self)
        self.gone.set()
        for call in self.calls:
            call.cancel()
        if self.shard is not None:
            self.shard.context.end("killed")
        for channel in self.channels:
            channel.close()


class SimHandle:
    """`ports.ShardHandle` on a process of the world."""

    node = ""

    def __init__(self, process: SimProcess) -> None:
        self._process = process

    async def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """A remote call: it goes on if the caller dies, and ends if the process does."""
        process = self._process
        if not process.alive:
            work.close()
            raise ShardDied(f"process {process.owner.pid}")
        task = process.world.loop.create_task(work, context=process.context())
        process.calls.add(task)
        task.add_done_callback(process.calls.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([task])
        if task.cancelled() or not process.alive:
            raise ShardDied(f"process {process.owner.pid}")
        return task.result()

    async def identity(self) -> Identity:
        identity = await self._call(self._process.identify())
        assert isinstance(identity, Identity)
        return identity

    async def adopt(self, term: int) -> Found:
        found = await self._call(self._process.adopt(term))
        assert isinstance(found, Found)
        return found

    async def activate(self, shard_id: str, history: str = "", term: int = 0) -> Any:
        try:
            return await self._call(self._process.activate(shard_id, history, term))
        except Adopted:
            raise
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
