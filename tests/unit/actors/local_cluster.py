"""A `ports.Cluster` on this event loop: shard processes are objects, death is an event."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from actors.supervision.ports import NOBODY, ActivationFailed, Adopted, Found, Identity, ShardDied, ShardHeld
from actors.supervision.supervisor import SupervisorProcess
from actors.wire.frames import RequestFrame
from snapshots.contract import Incarnation
from snapshots.errors import FallbackHeld, StoreError
from tests.support.shard_harness import OWNER, TestShard


class LocalShard(TestShard):
    """Process and handle in one. `stopped`: answers nobody, as under SIGSTOP; `mute`: doesn't even say who it is."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        super().__init__(folder, **changes)
        self.gone = asyncio.Event()
        self.stopped = self.mute = False
        self.refuses: str | None = None
        self.killed = False
        self.node = ""
        self._on_end = lambda reason: self.gone.set()

    def _handle(self, connection: Any, frame: RequestFrame) -> None:
        if not self.stopped:
            super()._handle(connection, frame)

    async def identity(self) -> Identity:
        if self.mute:
            await asyncio.Event().wait()
        if self.gone.is_set():
            raise ShardDied("gone")
        return Identity(OWNER, self.incarnation, self.node)

    async def adopt(self, term: int) -> Found:
        await self.heed(term)
        return Found(await self.identity(), not self.asked)

    async def activate(self, shard_id: str, history: str = "", term: int = 0) -> Incarnation:
        if self.gone.is_set():
            raise ShardDied("gone")
        if self.refuses is not None:
            raise ActivationFailed(self.refuses)
        await self.prepare()
        try:
            return await super().activate(shard_id, history, term)
        except FallbackHeld as held:
            raise ShardHeld(str(held)) from held
        except Adopted:
            raise
        except StoreError as failure:
            raise ActivationFailed(str(failure)) from failure

    async def dead(self) -> None:
        await self.gone.wait()

    def dismiss(self) -> None:
        assert self.shard is None or self.shard.context.ended or self.shard.context.draining, (
            "dismissed while it serves"
        )
        self.gone.set()

    def kill(self) -> None:
        self.killed = True
        if self.shard is not None:
            self.shard.context.end("killed")
        self.gone.set()


class LocalCluster:
    """`launched` holds every process ever started, oldest first."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.launched: list[LocalShard] = []
        self.ready: list[LocalShard] = []
        """Processes that are launched next."""
        self.broken: Sequence[str] = ()
        self.places: Mapping[str, str] = {"node-one": "10.0.0.1"}
        self._folder, self._changes = folder, changes

    def launch(self, avoided: Collection[str] = (), crowd: Mapping[str, int] = NOBODY) -> LocalShard:
        shard = self.ready.pop(0) if self.ready else LocalShard(self._folder, **self._changes)
        left = [node for node in self.places if node not in avoided]
        shard.node = min(left, key=lambda node: crowd.get(node, 0), default="")
        shard.refuses = "told to refuse" if self.broken else None
        self.launched.append(shard)
        return shard

    async def nodes(self) -> Mapping[str, str]:
        return self.places

    async def existing(self) -> list[Any]:
        return [shard for shard in self.launched if not shard.gone.is_set()]

    def serving(self) -> dict[str, LocalShard]:
        """Living shards by name."""
        return {
            shard.shard.context.inc.shard_id: shard
            for shard in self.launched
            if shard.shard is not None and not shard.shard.context.ended and not shard.gone.is_set()
        }

    async def close(self) -> None:
        for shard in self.launched:
            shard.kill()
            await shard.store.close()


async def stop_supervisor(supervisor: SupervisorProcess) -> None:
    """Ends it at once, as the end of its process would. Its shards stay."""
    supervisor._held.over = True
    supervisor._listener.close()
    tasks = list(supervisor._tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
