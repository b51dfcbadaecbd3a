"""Everything Croupier asks of Ray: starting it, the two actor classes, and the supervisor's `Cluster` on top of it.

Ray places and starts processes; it is never on the path of a spin. Shard actors are never restarted and their calls
never retried by Ray (rule 1): a shard that died is replaced by a new claim, by the supervisor.
"""

import asyncio
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayActorError, RayTaskError

from actors.catalog_swap import CatalogContent
from actors.client import ShardClient
from actors.cluster import ActivationFailed, Identity, ShardDied, ShardHandle, SlotMoveFailed
from actors.garbage import rarely_collect_garbage
from actors.loop_thread import LoopThread
from actors.processes import kill_if_here, this_process
from actors.settings import ClientSettings, ShardSettings, SupervisorSettings
from actors.shard_process import ShardProcess
from actors.supervisor import SupervisorProcess
from snapshots.contract import Incarnation, Owner
from snapshots.errors import StoreError, TermHeld
from snapshots.opening import open_store

log = logging.getLogger("croupier.supervisor")

SUPERVISOR = "supervisor"
START_TIMEOUT_S = 120
CONNECT_TIMEOUT_S = 10
STOP_TIMEOUT_S = 60
STOP_AGAIN_S = 0.2
LOST_TIMEOUT_S = 2
RESTART_PAUSE_S = 1.0
EXIT_FENCED = 3
OBJECT_STORE_BYTES = 80 * 1024 * 1024
"""Ray's smallest object store: Croupier keeps nothing in it."""

_ACTOR_OPTIONS: dict[str, Any] = {
    "num_cpus": 0.01,  # any node with a CPU; a head started with none hosts nothing
    "lifetime": "detached",
    "max_task_retries": 0,
}
_encode = msgspec.msgpack.encode


class Deployment(msgspec.Struct, frozen=True):
    """All that the actors of one Croupier need to know."""

    shard: ShardSettings
    client: ClientSettings
    supervisor: SupervisorSettings
    content: CatalogContent
    """The catalog to start with, its texts and files."""
    log_level: str = "INFO"
    instance: str = ""
    """The name under which this Croupier holds the term; the same for a supervisor that Ray restarts."""
    take_over: bool = False
    """Whether the supervisor takes the term even from another instance that lives."""


class PlayerShard:
    """The Ray actor around one `ShardProcess`. Ray calls arrive on its threads; the work happens on its own uvloop.

    No method of the actor classes may be a coroutine: Ray would then run all of them on one loop, and `live` would
    block every other call.
    """

    def __init__(self, deployment: bytes) -> None:
        config = msgspec.msgpack.decode(deployment, type=Deployment)
        logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        self._thread = LoopThread("shard")
        self._process = self._thread.call(_prepared(config, self._end))
        self._incarnation: Incarnation | None = None
        self._retired = threading.Event()
        rarely_collect_garbage()

    def _end(self, reason: str) -> None:
        """The last replies get a moment to leave; then the process is gone."""
        self._thread.loop.call_later(0.2, os._exit, EXIT_FENCED)

    def identity(self) -> bytes:
        return _encode(Identity(this_process(), self._incarnation))

    def activate(self, shard_id: str) -> bytes:
        self._incarnation = self._thread.call(self._process.activate(shard_id))
        return _encode(self._incarnation)

    def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> bytes:
        self._incarnation = self._thread.call(self._process.release(term, slots, dedicated, gainer))
        return _encode(self._incarnation)

    def gain(self) -> None:
        self._thread.call(self._process.gain())

    def drain(self) -> None:
        self._thread.call(self._process.drain())
        self._retired.set()

    def live(self) -> None:
        """Ends when the shard has retired, or with the process, which is how its death is noticed."""
        self._retired.wait()


async def _prepared(config: Deployment, on_end: Callable[[str], None]) -> ShardProcess:
    # Empty: this node's own address, as Ray knows it, so that gateways on other hosts can reach the shard.
    bind_host = config.shard.bind_host or node_address()
    settings = msgspec.structs.replace(config.shard, bind_host=bind_host)
    process = ShardProcess(settings, config.content.catalog, on_end)
    await process.prepare()
    return process


class Supervisor:
    """The Ray actor around `SupervisorProcess`: named, detached, and restarted by Ray if it dies (rule 7)."""

    def __init__(self, deployment: bytes) -> None:
        config = msgspec.msgpack.decode(deployment, type=Deployment)
        logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        self._thread = LoopThread("supervisor")
        self._failure: str | None = None
        self._lost: str | None = None
        self._process: SupervisorProcess | None = None
        restarted = ray.get_runtime_context().was_current_actor_reconstructed
        if restarted:  # whoever took the term from it meanwhile keeps it
            config = msgspec.structs.replace(config, take_over=False)
        while self._process is None and self._failure is None and self._lost is None:
            try:
                self._process = self._thread.call(_supervising(config, deployment))
            except (StoreError, ActivationFailed, ShardDied) as failure:
                self._give_up_or_wait(failure, restarted)

    def _give_up_or_wait(self, failure: Exception, restarted: bool) -> None:
        """Who starts Croupier is told at once; a supervisor that Ray restarted has nobody to tell, and tries again."""
        if not restarted:
            self._failure = str(failure)
        elif isinstance(failure, TermHeld):
            log.error("the restarted supervisor has lost its term: %s", failure)
            self._lost = str(failure)
        else:
            log.error("the restarted supervisor can't take over yet: %s", failure)
            time.sleep(RESTART_PAUSE_S)

    def failure(self) -> str | None:
        """Why it could not start; None if all shards serve."""
        return self._failure

    def lost(self) -> str | None:
        """Why it is not the store's supervisor any more; None while it is."""
        return self._lost if self._process is None else self._process.lost

    def term(self) -> int:
        """The current term."""
        return self._running().term

    def recoveries_ms(self) -> list[int]:
        """How long each recovery took, in milliseconds, from the notice of the death to serving again."""
        return list(self._running().recoveries_ms)

    def move(self, slots: Sequence[int], gainer: str) -> None:
        """Moves slots to a live shard."""
        self._thread.call(self._running().move(slots, gainer))

    def stop(self) -> None:
        """Drains all shards and ends their processes."""
        if self._process is not None or self._lost is None:
            self._thread.call(self._running().stop())

    def _running(self) -> SupervisorProcess:
        if self._process is None:
            raise RuntimeError("the supervisor did not start")
        return self._process


async def _supervising(config: Deployment, deployment: bytes) -> SupervisorProcess:
    store = open_store(config.shard.store_url)
    await store.open()
    client = ShardClient(store.routing, config.shard.cluster_secret, config.client)
    await client.start()
    shard = config.shard
    bind_host = shard.bind_host or node_address()
    process = SupervisorProcess(
        store,
        RayCluster(deployment),
        client,
        config.supervisor,
        config.content,
        shard.lease_ms,
        shard.cluster_secret,
        bind_host,
        config.instance,
        config.take_over,
    )
    await process.start()
    return process


_shard_actor: Any = ray.remote(PlayerShard)
_supervisor_actor: Any = ray.remote(Supervisor)


class RayShard:
    """`cluster.ShardHandle` for one PlayerShard actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._owner: Owner | None = None

    async def identity(self) -> Identity:
        found = msgspec.msgpack.decode(await self._call("identity"), type=Identity)
        self._owner = found.owner
        return found

    async def activate(self, shard_id: str) -> Incarnation:
        try:
            activated = msgspec.msgpack.decode(await self._call("activate", shard_id), type=Incarnation)
        except RayTaskError as failure:
            raise ActivationFailed(f"shard {shard_id} can't start: {failure.cause}") from failure
        await self.identity()
        return activated

    async def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> Incarnation:
        try:
            moved = await self._call("release", term, list(slots), list(dedicated), gainer)
        except RayTaskError as failure:
            raise SlotMoveFailed(str(failure.cause)) from failure
        return msgspec.msgpack.decode(moved, type=Incarnation)

    async def gain(self) -> None:
        try:
            await self._call("gain")
        except RayTaskError as failure:
            raise SlotMoveFailed(f"moved, but the gainer does not know yet: {failure.cause}") from failure

    async def drain(self) -> None:
        await self._call("drain")

    async def dead(self) -> None:
        try:
            await self._actor.live.remote()
        except RayActorError:
            return

    def dismiss(self) -> None:
        ray.kill(self._actor, no_restart=True)  # by Ray, which would report a process that a signal ended as "died"

    def kill(self) -> None:
        if self._owner is not None:
            kill_if_here(self._owner)  # at once, even if it is stopped: Ray would ask it first, for seconds
        ray.kill(self._actor, no_restart=True)

    async def _call(self, method: str, *args: Any) -> Any:
        try:
            return await getattr(self._actor, method).remote(*args)
        except RayActorError as death:
            raise ShardDied(str(death)) from death


class RayCluster:
    """`cluster.Cluster` on the Ray cluster this process belongs to. Spread over its nodes."""

    def __init__(self, deployment: bytes) -> None:
        self._deployment = deployment

    def launch(self) -> ShardHandle:
        name = f"shard-{secrets.token_hex(4)}"
        options = {**_ACTOR_OPTIONS, "max_restarts": 0, "max_concurrency": 8, "scheduling_strategy": "SPREAD"}
        return RayShard(_shard_actor.options(name=name, **options).remote(self._deployment))

    async def existing(self) -> list[ShardHandle]:
        found: list[ShardHandle] = []
        for name in await asyncio.to_thread(ray.util.list_named_actors):
            if name.startswith("shard-"):
                try:
                    found.append(RayShard(await asyncio.to_thread(ray.get_actor, name)))
                except ValueError:
                    continue  # died between the two calls
        return found


# --- for the process that starts everything


def start_ray(address: str | None, namespace: str) -> None:
    """Starts a Ray of our own (no address), or joins the one at `address`. Raises OSError, RuntimeError, ValueError."""
    options: dict[str, Any] = {"namespace": namespace, "log_to_driver": False, "logging_level": "error"}
    if address is None:
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    else:
        _check_reachable(address)
        options["address"] = address
    ray.init(**options)


def _check_reachable(address: str) -> None:
    """Ray itself takes minutes to notice that nobody listens there. Raises OSError."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()


def node_address() -> str:
    """The address of this node within the Ray cluster."""
    return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]


class RunningSupervisor:
    """The starter's handle on the Supervisor actor."""

    def __init__(self, deployment: Deployment) -> None:
        options = {**_ACTOR_OPTIONS, "max_restarts": -1, "max_concurrency": 4, "get_if_exists": True}
        self._actor = _supervisor_actor.options(name=SUPERVISOR, **options).remote(_encode(deployment))

    @staticmethod
    def exists() -> bool:
        """Whether the Ray cluster that was joined runs this store's supervisor already."""
        try:
            ray.get_actor(SUPERVISOR)
        except ValueError:
            return False
        return True

    def wait_ready(self) -> str | None:
        """Waits until all shards serve; the reason if they can't. Then nobody meets this supervisor again."""
        try:
            failure: str | None = ray.get(self._actor.failure.remote(), timeout=START_TIMEOUT_S)
        except GetTimeoutError:
            return f"the supervisor did not start within {START_TIMEOUT_S} s"
        except RayActorError as death:
            return f"the supervisor died: {death}"
        if failure is not None:
            ray.kill(self._actor, no_restart=True)
        return failure

    def lost(self) -> str | None:
        """See `Supervisor.lost`; None also if it doesn't say, as while it is being restarted."""
        try:
            lost: str | None = ray.get(self._actor.lost.remote(), timeout=LOST_TIMEOUT_S)
        except (GetTimeoutError, RayActorError):
            return None
        return lost

    def recoveries_ms(self) -> list[int]:
        """See `Supervisor.recoveries_ms`."""
        recoveries: list[int] = ray.get(self._actor.recoveries_ms.remote(), timeout=STOP_TIMEOUT_S)
        return recoveries

    def move(self, slots: Sequence[int], gainer: str) -> None:
        """See `Supervisor.move`."""
        ray.get(self._actor.move.remote(list(slots), gainer), timeout=STOP_TIMEOUT_S)

    def stop(self) -> None:
        """Drains everything; the shards are gone when it returns. A supervisor that Ray is restarting is waited for."""
        until = time.monotonic() + STOP_TIMEOUT_S
        while True:
            try:
                ray.get(self._actor.stop.remote(), timeout=STOP_TIMEOUT_S)
                break
            except ActorUnavailableError:
                if time.monotonic() > until:
                    raise
                time.sleep(STOP_AGAIN_S)
        ray.kill(self._actor, no_restart=True)


def stop_ray() -> None:
    """Leaves the Ray cluster; ends it if it is our own."""
    ray.shutdown()
