"""Two ways to the shards: the production client that gateways use, and single requests that see every raw reply."""

import asyncio
import random
from typing import Any, Protocol

from actors.outcome import ask
from actors.routing.client import ShardClient
from actors.routing.owner_of import shard_of
from actors.settings import ClientSettings
from actors.wire.frames import Request
from engine.commands import CommandBody
from engine.queries import QueryBody
from snapshots.contract import Routing
from snapshots.errors import StoreError
from tests.simulation.wires import Wire
from tests.simulation.world import World

TIMEOUT_S = 0.7


class Gateway(Protocol):
    """One try to ask a player."""

    async def ask(self, player_id: str, command_id: str, body: CommandBody | QueryBody) -> Any:
        """An answer, a refusal, or why there is none; None if nothing came at all."""

    async def close(self) -> None: ...


class ClientGateway:
    """A gateway's process as far as routing goes."""

    def __init__(self, world: World) -> None:
        self._store = world.store()
        settings = ClientSettings(deadline_ms=round(TIMEOUT_S * 1000), refresh_ms=800, connect_timeout_ms=200)
        self._client = ShardClient(self._store.routing, "secret", settings)

    async def open(self) -> None:
        while True:
            try:
                await self._client.start()
            except StoreError:
                await asyncio.sleep(0.05)
            else:
                return

    async def ask(self, player_id: str, command_id: str, body: CommandBody | QueryBody) -> Any:
        return await ask(self._client, player_id, command_id, body)

    async def close(self) -> None:
        await self._client.stop()


class RawGateway:
    """Asks where it last knew the player to be, and looks again if that does not help, or when it has forgotten."""

    def __init__(self, world: World, rng: random.Random, forgets: float) -> None:
        self._world, self._rng, self._store, self._forgets = world, rng, world.store(), forgets
        self._routing: Routing | None = None

    async def ask(self, player_id: str, command_id: str, body: CommandBody | QueryBody) -> Any:
        outcome = await self._try(player_id, command_id, body)
        if outcome is None or self._rng.random() < self._forgets:
            self._routing = None
        return outcome

    async def _try(self, player_id: str, command_id: str, body: CommandBody | QueryBody) -> Any:
        try:
            self._routing = self._routing or await self._store.routing()
        except StoreError:
            return None
        row = self._routing.shards.get(shard_of(self._routing, player_id))
        process = self._world.at(row.address) if row is not None else None
        if row is None or process is None:
            return None
        outcome = await Wire(process).send(row.epoch, Request(1, player_id, command_id, body), TIMEOUT_S)
        return None if isinstance(outcome, str) else outcome

    async def close(self) -> None:
        await self._store.close()
