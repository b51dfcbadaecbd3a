"""The network between gateways and shards: single requests, and connections for the production client.

What is on its way when a process dies is lost; what is sent to a frozen process waits for it.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from actors.wire.frames import ControlAnswer, Kind, Reply, Request, RequestFrame
from tests.simulation.hosts import RUNNING_NOWHERE
from tests.support.shard_harness import decoded

if TYPE_CHECKING:
    from tests.simulation.world import SimProcess

FROZEN_WHILE_SENDING = 0.01
"""How often a process is stopped after it has decided to send a reply, and before it does."""
_decode_control: Callable[[msgspec.Raw], ControlAnswer] = msgspec.msgpack.Decoder(ControlAnswer).decode


class Wire:
    """One request's way to a process and back, as on a connection of its own."""

    def __init__(self, process: "SimProcess") -> None:
        self._process, self._world = process, process.world
        self._answer: asyncio.Future[Any] = process.world.loop.create_future()
        self.request = Request(0, "", "", None)  # type: ignore[arg-type]

    async def send(self, epoch: int, request: Request, timeout_s: float, *, lossy: bool = True) -> Any:
        """The decoded reply; None if there is none in time."""
        rng = self._world.rng
        self.request, self._lossy = request, lossy
        self._lost = lossy and rng.random() < 0.02
        frame = RequestFrame(epoch, [request])
        self._world.loop.call_later(rng.uniform(0.0001, 0.003), self._process.receive, self, frame, lossy)
        await asyncio.wait([self._answer], timeout=timeout_s)
        return self._answer.result() if self._answer.done() else None

    def reply(self, reply: Reply) -> None:
        process, world = self._process, self._world
        if not process.alive or self._lost or (self._lossy and process.out_of_reach()):
            return
        process.noted_reply(self.request, reply)
        told = _decode_control(reply.payload) if reply.kind == Kind.REPORT else decoded(reply)
        delay_s = world.rng.uniform(0.0001, 0.003)
        if self._lossy and world.rng.random() < FROZEN_WHILE_SENDING:
            delay_s += process.freeze_a_while()
        world.loop.call_later(delay_s, self._arrive, told, context=RUNNING_NOWHERE)

    def _arrive(self, outcome: Any) -> None:
        if not self._answer.done():
            self._answer.set_result(outcome)


class SimChannel:
    """`actors.wire.channel.Channel` without sockets: in order both ways, closed when the process is gone."""

    def __init__(
        self, process: "SimProcess", on_reply: Callable[[Reply], None], on_lost: Callable[["SimChannel"], None]
    ) -> None:
        self._process, self._world = process, process.world
        self._on_reply, self._on_lost = on_reply, on_lost
        self._there_at = self._back_at = 0.0
        self._asked: dict[int, Request] = {}
        self.open = True
        process.channels.append(self)

    def send(self, epoch: int, request: Request) -> None:
        self._asked[request.rid] = request
        self._there_at = self._arrival(self._there_at)
        frame = RequestFrame(epoch, [request])
        self._world.loop.call_at(self._there_at, self._process.receive, self, frame, False)

    def reply(self, reply: Reply) -> None:
        if not self._process.alive or not self.open:
            return
        self._process.noted_reply(self._asked.pop(reply.rid), reply)
        self._back_at = self._arrival(self._back_at)
        self._world.loop.call_at(self._back_at, self._arrive, reply, context=RUNNING_NOWHERE)

    def _arrival(self, not_before_s: float) -> float:
        """After all that was sent before, and once the network lets it through."""
        now, rng = self._world.loop.time(), self._world.rng
        return max(not_before_s, max(now, self._process.unreachable_until) + rng.uniform(0.0001, 0.003))

    def _arrive(self, reply: Reply) -> None:
        if self.open:
            self._on_reply(reply)

    def close(self) -> None:
        """Hangs up; `on_lost` follows."""
        if self.open:
            self.open = False
            self._world.loop.call_soon(self._on_lost, self, context=RUNNING_NOWHERE)
