"""The supervisor's `Cluster` on Ray: it starts, watches and ends shard actors."""

import asyncio
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import ray
from ray.exceptions import ActorUnschedulableError, RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.host.processes import kill_if_here
from actors.ray.deployment import ACTOR_OPTIONS, digest
from actors.ray.shard_actor import shard_actor
from actors.supervision.ports import (
    NOBODY,
    ActivationFailed,
    Adopted,
    Found,
    Identity,
    NotDrained,
    Released,
    ShardDied,
    ShardHandle,
    ShardHeld,
    SlotMoveFailed,
)
from snapshots.contract import Incarnation, Owner
from snapshots.errors import FallbackHeld


class RayShard:
    """`ports.ShardHandle` for one PlayerShard actor."""

    def __init__(self, actor: Any, settings: str, node: str = "") -> None:
        self._actor, self._settings = actor, settings
        self._owner: Owner | None = None
        self.node = node

    async def identity(self) -> Identity:
        return self._known(msgspec.msgpack.decode(await self._call("identity"), type=Identity))

    async def adopt(self, term: int) -> Found:
        found = msgspec.msgpack.decode(await self._call("adopt", term, self._settings), type=Found)
        self._known(found.identity)
        return found

    def _known(self, identity: Identity) -> Identity:
        self._owner, self.node = identity.owner, identity.node
        return identity

    async def activate(self, shard_id: str, history: str = "", term: int = 0) -> Incarnation:
        try:
            activated = msgspec.msgpack.decode(await self._call("activate", shard_id, history, term), type=Incarnation)
        except RayTaskError as failure:
            kind = ShardHeld if isinstance(failure.cause, FallbackHeld) else ActivationFailed
            raise kind(f"shard {shard_id} can't start: {failure.cause}") from failure
        await self.identity()
        return activated

    async def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> Released:
        try:
            moved = await self._call("release", term, list(slots), list(dedicated), gainer)
        except RayTaskError as failure:
            raise SlotMoveFailed(str(failure.cause)) from failure
        return msgspec.msgpack.decode(moved, type=Released)

    async def gain(self) -> None:
        try:
            await self._call("gain")
        except RayTaskError as failure:
            raise SlotMoveFailed(
                f"the slots are moved, but their new shard does not know yet: {failure.cause}"
            ) from failure

    async def drain(self) -> None:
        try:
            await self._call("drain")
        except RayTaskError as failure:
            raise NotDrained(str(failure.cause)) from failure

    async def dead(self) -> None:
        try:
            await self._actor.live.remote()
        except RayActorError:
            return

    def dismiss(self) -> None:
        # Ray must do this: it would report a process that a signal ended as "died".
        ray.kill(self._actor, no_restart=True)

    def kill(self) -> None:
        if self._owner is not None:
            kill_if_here(self._owner)  # ends it at once, even if it is stopped; Ray would ask it first, for seconds
        ray.kill(self._actor, no_restart=True)

    async def _call(self, method: str, *args: Any) -> Any:
        try:
            return await getattr(self._actor, method).remote(*args)
        except (RayActorError, ActorUnschedulableError) as death:  # the node that it was to run on may be gone
            raise ShardDied(str(death)) from death
        except RayTaskError as failure:
            if isinstance(failure.cause, Adopted):
                raise Adopted(str(failure.cause)) from None
            raise


class RayCluster:
    """`ports.Cluster` on the Ray cluster this process belongs to. The shards are spread over its nodes."""

    def __init__(self, deployment: bytes) -> None:
        self._deployment, self._settings = deployment, digest(deployment)

    def launch(self, avoided: Collection[str] = (), crowd: Mapping[str, int] = NOBODY) -> ShardHandle:
        name = f"shard-{secrets.token_hex(4)}"
        node = _emptiest(_nodes(), avoided, crowd)
        # Soft where nothing is avoided: a node that has just died is no reason to start nothing.
        place = NodeAffinitySchedulingStrategy(node, soft=node in avoided or not avoided) if node else "SPREAD"
        options = {**ACTOR_OPTIONS, "max_restarts": 0, "max_concurrency": 8, "scheduling_strategy": place}
        return RayShard(shard_actor.options(name=name, **options).remote(self._deployment), self._settings, node)

    async def nodes(self) -> Mapping[str, str]:
        return await asyncio.to_thread(_nodes)

    async def existing(self) -> list[ShardHandle]:
        found: list[ShardHandle] = []
        for name in await asyncio.to_thread(ray.util.list_named_actors):
            if name.startswith("shard-"):
                try:
                    found.append(RayShard(await asyncio.to_thread(ray.get_actor, name), self._settings))
                except ValueError:
                    continue  # it died between the two calls
        return found


def _emptiest(nodes: Collection[str], avoided: Collection[str], crowd: Mapping[str, int]) -> str:
    """The node with the fewest processes of those that are not avoided; of all if all are. "" if there are none."""
    left = [node for node in nodes if node not in avoided] or nodes
    return min(left, key=lambda node: (crowd.get(node, 0), node), default="")


def _nodes() -> dict[str, str]:
    """Living nodes with a CPU: a head started with none hosts nothing."""
    return {
        node["NodeID"]: node["NodeManagerAddress"]
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"] and node["Resources"].get("CPU", 0) > 0
    }
