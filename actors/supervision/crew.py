"""The shard processes of one supervisor: who serves as which shard, which shards there should be, and warm spares."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b

from actors.supervision.ports import (
    ActivationFailed,
    Adopted,
    Cluster,
    NotDrained,
    ShardDied,
    ShardHandle,
    ShardHeld,
)
from actors.supervision.tasks import Tasks
from snapshots.errors import StoreError

log = logging.getLogger("croupier.supervisor")

IDENTIFY_S = 5.0
WARM_S = 30.0
LOOK_S = 5.0
"""How often a process is asked who it is while it becomes a shard, or drains."""
SILENT_S = 30.0
"""A process that does not say who it is for so long is taken for dead. One that starts may be slow."""


def dedicated_shard(player_id: str) -> str:
    """The name of a dedicated player's shard: safe in file names whatever the player is called."""
    return "d-" + blake2b(player_id.encode(), digest_size=8).hexdigest()


class Crew:
    """Processes by the name of their shard. `died(shard_id, why)` is called when one of them is known to be dead."""

    def __init__(self, cluster: Cluster, spares: int, tasks: Tasks) -> None:
        self.live: dict[str, ShardHandle] = {}
        self.answered: dict[str, float] = {}
        """When each was last heard of, monotonic seconds."""
        self.spares: list[ShardHandle] = []
        self.shards: list[str] = []
        """Names of all shards there should be that slots may belong to."""
        self.dedicated: dict[str, str] = {}
        """The shard of each dedicated player."""
        self.nodes: dict[str, str] = {}
        """The node that each shard runs on, as far as there are nodes."""
        self.term = 0
        """In whose name processes are asked to become shards."""
        self.avoided: Sequence[str] = ()
        """Nodes on which no process is started."""
        self.died: Callable[[str, str], None] = lambda shard_id, why: None
        self._cluster, self._spares_wanted, self._tasks = cluster, spares, tasks

    @property
    def wanted(self) -> list[str]:
        """Names of all shards there should be."""
        return [*self.shards, *self.dedicated.values()]

    def expect(self, shards: list[str], dedicated: Mapping[str, str]) -> None:
        """Says which shards there should be from now on."""
        self.shards, self.dedicated = list(shards), dict(dedicated)

    def enlist(self, shard_id: str, handle: ShardHandle) -> None:
        """The process serves as the shard; its death is noticed from now on."""
        self.live[shard_id] = handle
        self.heard_of(shard_id)
        self._tasks.spawn(self._await_death(shard_id, handle), f"death of {shard_id}")
        self._tasks.spawn(self._locate(shard_id, handle), f"node of {shard_id}")

    def heard_of(self, shard_id: str) -> None:
        """It has answered just now."""
        self.answered[shard_id] = time.monotonic()

    def hear_anew(self) -> None:
        """Silence counts from now: nobody was there to hear anything."""
        self.answered = dict.fromkeys(self.answered, time.monotonic())

    def silent_s(self, shard_id: str) -> float:
        """For how long nothing has been heard of it."""
        return time.monotonic() - self.answered[shard_id]

    async def _await_death(self, shard_id: str, handle: ShardHandle) -> None:
        await handle.dead()
        if self.live.get(shard_id) is handle:
            self.died(shard_id, "its process died")

    async def locate(self) -> None:
        """Looks up which node each shard runs on."""
        await asyncio.gather(*(self._locate(shard_id, handle) for shard_id, handle in self.live.items()))

    async def _locate(self, shard_id: str, handle: ShardHandle) -> None:
        with suppress(ShardDied, TimeoutError):
            async with asyncio.timeout(IDENTIFY_S):
                node = (await handle.identity()).node
            if self.live.get(shard_id) is handle:
                self.nodes[shard_id] = node

    # --- spares

    def keep(self, handle: ShardHandle) -> None:
        """A process that nobody has asked to become a shard becomes a spare, if one is wanted where it runs."""
        if len(self.spares) < self._spares_wanted and handle.node not in self.avoided:
            self.spares.append(handle)
        else:
            handle.kill()

    def fill(self, count: int | None = None) -> None:
        """Launches spares until there are so many; as there should be, if nothing is said."""
        while len(self.spares) < (self._spares_wanted if count is None else count):
            self.spares.append(self._launch())

    def _launch(self) -> ShardHandle:
        return self._cluster.launch(self.avoided, self.spread([*self.live.values(), *self.spares]))

    @staticmethod
    def spread(handles: Iterable[ShardHandle]) -> Counter[str]:
        """How many of these processes each node has, as far as that is known."""
        return Counter(handle.node for handle in handles if handle.node)

    async def avoid(self, nodes: Sequence[str]) -> None:
        """No process is started on these nodes from now on; spares that wait there are ended."""
        self.avoided = nodes
        for handle in list(self.spares):
            try:
                async with asyncio.timeout(IDENTIFY_S):
                    elsewhere = (await handle.identity()).node not in nodes
            except (ShardDied, TimeoutError):
                elsewhere = False
            if not elsewhere and handle in self.spares:
                self.spares.remove(handle)
                handle.kill()
        self.fill()

    async def warm(self) -> None:
        """Returns once all spares are ready, or after a while: processes that start take CPU from those that serve."""
        ready = asyncio.gather(*(handle.identity() for handle in self.spares), return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(WARM_S):
                await ready

    async def activate(self, shard_id: str, history: str = "") -> None:
        """A spare becomes the shard, wherever it runs: players wait. `history`: see `ShardHandle.activate`.

        Raises ActivationFailed, ShardDied; then that process is ended. ShardHeld if no process on any node sees the
        fallback file that the shard may have gone on in.
        """
        await self._activate(shard_id, self.spares.pop(0) if self.spares else self._launch(), history)

    async def settle(self, shard_id: str) -> None:
        """As `activate`, for a shard that nobody waits for: on a node with the fewest shards, even if no spare is there
        and a process has to be started first.
        """
        shards = self.spread(self.live.values())
        nodes = [node for node in await self._cluster.nodes() if node not in self.avoided]
        fewest = min((shards[node] for node in nodes), default=0)
        fitting = [handle for handle in self.spares if handle.node in nodes and shards[handle.node] == fewest]
        if fitting:
            self.spares.remove(fitting[0])
        await self._activate(shard_id, fitting[0] if fitting else self._cluster.launch(self.avoided, shards))

    async def _activate(self, shard_id: str, handle: ShardHandle, history: str = "") -> None:
        try:
            await self._become(handle, shard_id, history)
        except ShardHeld:
            if not await self._elsewhere(shard_id, handle, history):
                raise

    async def _elsewhere(self, shard_id: str, handle: ShardHandle, history: str) -> bool:
        """Whether a fresh process on another node than that one could become the shard. On one that is avoided, too,
        in the end: the file may lie there, and then nobody else can.
        """
        nodes = await self._cluster.nodes()
        for node in sorted(nodes, key=lambda name: name in self.avoided):
            if node != handle.node:
                with suppress(ActivationFailed, ShardDied):
                    elsewhere = self._cluster.launch([name for name in nodes if name != node])
                    await self._become(elsewhere, shard_id, history)
                    return True
        return False

    async def _become(self, handle: ShardHandle, shard_id: str, history: str) -> None:
        try:
            await _watched(handle, handle.activate(shard_id, history, self.term))
        except ShardHeld:
            if len(self.spares) < max(1, self._spares_wanted):
                self.spares.append(handle)
            else:
                handle.kill()
            raise
        except Adopted:
            raise
        except BaseException:
            handle.kill()
            raise
        self.enlist(shard_id, handle)

    async def retire(self, shard_id: str) -> None:
        """The shard makes everything durable and ends; nobody takes its place. If it can't, it is killed."""
        handle = self.live.pop(shard_id)
        try:
            await _watched(handle, handle.drain())
        except (ShardDied, NotDrained, StoreError) as failure:
            log.error("shard %s could not be drained: %s", shard_id, failure)
            handle.kill()
        else:
            handle.dismiss()

    async def drain(self) -> None:
        """Everything ends: each shard makes everything durable first; one that can't is killed."""
        live = list(self.live.values())
        outcomes = await asyncio.gather(*(_watched(handle, handle.drain()) for handle in live), return_exceptions=True)
        for handle, outcome in zip(live, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                log.error("a shard could not be drained: %s", outcome)
                handle.kill()
            else:
                handle.dismiss()
        for handle in self.spares:
            handle.dismiss()


async def _watched(handle: ShardHandle, call: Awaitable[object]) -> None:
    """Waits for the call, however long it takes. Nobody else watches a process that is no shard yet, or no more:
    ShardDied if it is stopped, and does not even say who it is.
    """
    working = asyncio.ensure_future(call)
    try:
        while not (await asyncio.wait([working], timeout=LOOK_S))[0]:
            try:
                async with asyncio.timeout(SILENT_S):
                    await handle.identity()
            except TimeoutError:
                raise ShardDied(f"its process has not answered for {SILENT_S:.0f} s") from None
        working.result()
    finally:
        working.cancel()
