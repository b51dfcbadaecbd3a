"""The supervisor's `ReaderCluster` on Ray: it starts, watches and ends reader actors."""

import asyncio
import secrets
from typing import Any

import msgspec
import ray
from ray.exceptions import RayActorError, RayTaskError

from actors.ray.deployment import ACTOR_OPTIONS
from actors.ray.reader_actor import reader_actor
from actors.settings import ReaderPlan
from actors.supervision.reader_ports import ReaderDied, ReaderHandle, ReaderRefused
from actors.wire.frames import ReaderState

PREFIX = "reader-"


class RayReader:
    """`reader_ports.ReaderHandle` for one Reader actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    async def state(self) -> ReaderState:
        return msgspec.msgpack.decode(await self._call("state"), type=ReaderState)

    async def ask(self, request: bytes) -> bytes:
        answer: bytes = await self._call("ask", request)
        return answer

    async def settle(self, within_s: float) -> bool:
        settled: bool = await self._call("settle", within_s)
        return settled

    async def dead(self) -> None:
        try:
            await self._actor.live.remote()
        except RayActorError:
            return

    def dismiss(self) -> None:
        ray.kill(self._actor, no_restart=True)

    def kill(self) -> None:
        ray.kill(self._actor, no_restart=True)

    async def _call(self, method: str, *args: Any) -> Any:
        try:
            return await getattr(self._actor, method).remote(*args)
        except RayActorError as death:
            raise ReaderDied(_cause(death)) from death
        except RayTaskError as failure:
            raise ReaderRefused(str(failure.cause)) from failure


def _cause(death: RayActorError) -> str:
    """The last line, which names the exception if the actor could not start."""
    return str(death).strip().splitlines()[-1]


class RayReaderCluster:
    """`reader_ports.ReaderCluster` on the Ray cluster this process belongs to."""

    def __init__(self, deployment: bytes) -> None:
        self._deployment = deployment

    def launch(self, plan: ReaderPlan) -> ReaderHandle:
        name = f"{PREFIX}{plan.name}-{secrets.token_hex(4)}"
        options = {**ACTOR_OPTIONS, "max_restarts": 0, "max_concurrency": 8}
        return RayReader(reader_actor.options(name=name, **options).remote(self._deployment, plan.name))

    async def existing(self) -> list[ReaderHandle]:
        found: list[ReaderHandle] = []
        for name in await asyncio.to_thread(ray.util.list_named_actors):
            if name.startswith(PREFIX):
                try:
                    found.append(RayReader(await asyncio.to_thread(ray.get_actor, name)))
                except ValueError:
                    continue  # it died between the two calls
        return found
