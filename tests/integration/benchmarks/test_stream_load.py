"""Load on the spin stream: over a real WebSocket, every spin counts once, and a refused one spoils the measurement."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.load import LoadFailed
from benchmarks.signed import Keys
from benchmarks.stream_load import IN_FLIGHT, STREAMS, run
from engine.rejections import Rejection
from gateway.listening import bind
from gateway.serve import serve
from gateway.settings import GatewaySettings
from tests.support.gateway_doubles import ScriptedPlayers, app_with
from tests.support.patience import PATIENCE_S

KEY = Keys.fresh().game._asdict()


@asynccontextmanager
async def serving(players: ScriptedPlayers) -> AsyncIterator[str]:
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    listener = bind("127.0.0.1", 0)
    server = asyncio.create_task(serve(app_with(players), listener, GatewaySettings(), ready.set_result, stop))
    try:
        yield await asyncio.wait_for(ready, PATIENCE_S)
    finally:
        stop.set()
        await server


@pytest.mark.parametrize(("connections", "under_way"), [(64, STREAMS * IN_FLIGHT), (1, 1)])
async def test_every_spin_counts_once(connections: int, under_way: int) -> None:
    players = ScriptedPlayers()
    async with serving(players) as url:
        found = await run(url, KEY, 1_000, connections, 0.3, 1)
    assert found.requests == len(players.asked) == len({asked.command_id for asked in players.asked}) >= under_way


async def test_a_refused_spin_spoils_the_measurement() -> None:
    async with serving(ScriptedPlayers(Rejection("round_open", "One is open."))) as url:
        with pytest.raises(LoadFailed, match="request 0 was answered with 409"):
            await run(url, KEY, 1_000, 1, 0.3, 1)
