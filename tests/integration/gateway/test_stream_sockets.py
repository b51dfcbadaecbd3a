"""The spin stream over real WebSockets, through uvicorn: what only a socket shows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.listening import bind
from gateway.serve import serve
from gateway.settings import GatewaySettings
from gateway.spin.stream import SUBPROTOCOL
from tests.support.gateway_doubles import ScriptedPlayers, app_with
from tests.support.patience import PATIENCE_S
from tests.support.shard_harness import eventually

SPIN = {"id": 1, "op": "spin", "key": "k1", "player_id": "p1", "game_id": "g", "mode": "real", "bet": 100}


class Gateway:
    """One that runs on this loop."""

    def __init__(self, players: ScriptedPlayers, settings: GatewaySettings) -> None:
        self.app = app_with(players, settings=settings)
        self.stop = asyncio.Event()
        self.url = ""
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        listener = bind("127.0.0.1", 0)
        self.serving = asyncio.create_task(serve(self.app, listener, settings, self._ready.set_result, self.stop))

    async def ready(self) -> None:
        self.url = (await self._ready).replace("http", "ws") + "/spin/stream"

    def connect(self, *offers: Any) -> Any:
        return connect(self.url, subprotocols=offers or (SUBPROTOCOL,), compression=None)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(
    players: ScriptedPlayers | None = None, settings: GatewaySettings | None = None
) -> AsyncIterator[Gateway]:
    gateway = Gateway(players or ScriptedPlayers(), settings or GatewaySettings())
    await gateway.ready()
    try:
        yield gateway
    finally:
        gateway.stop.set()
        await gateway.serving


async def received(stream: ClientConnection) -> Any:
    return msgspec.msgpack.decode(await asyncio.wait_for(stream.recv(), PATIENCE_S))


async def test_hello_then_answers() -> None:
    async with serving() as gateway, gateway.connect() as stream:
        assert await received(stream) == {"in_flight_max": 256, "message_bytes_max": 65_536}
        await stream.send(msgspec.msgpack.encode([SPIN, SPIN | {"id": 2}]))
        assert [answer["id"] for answer in await received(stream)] == [1, 2]


async def test_a_message_above_the_limit_ends_the_stream() -> None:
    async with serving() as gateway, gateway.connect() as stream:
        await received(stream)
        await stream.send(b"\x91" + b"x" * 65_536)
        with pytest.raises(ConnectionClosed) as ended:
            await received(stream)
        assert ended.value.rcvd is not None and ended.value.rcvd.code == 1009


async def test_another_subprotocol_is_refused_with_a_problem_document() -> None:
    async with serving() as gateway:
        with pytest.raises(InvalidStatus) as refused:
            await gateway.connect("chat")
    assert refused.value.response.status_code == 400
    assert msgspec.json.decode(refused.value.response.body or b"")["code"] == "invalid_request"


async def test_the_server_ends_with_1001_and_soon() -> None:
    async with serving(settings=GatewaySettings(shutdown_timeout_s=2)) as gateway, gateway.connect() as stream:
        await received(stream)
        gateway.stop.set()
        with pytest.raises(ConnectionClosed) as ended:
            await received(stream)
        assert ended.value.rcvd is not None and ended.value.rcvd.code == 1001
        await asyncio.wait_for(gateway.serving, PATIENCE_S)


async def test_a_client_that_never_reads_is_not_served_without_end() -> None:
    """What the kernel and the server buffer is served, and no more: far from all that it sends."""
    players = ScriptedPlayers()
    settings = GatewaySettings(stream_in_flight_max=16, shutdown_timeout_s=1)
    async with serving(players, settings) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("ws://").split("/")[0].split(":"))
        lines = ["GET /spin/stream HTTP/1.1", "Host: g", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {'A' * 22}=="]
        upgrade = "\r\n".join([*lines, f"Sec-WebSocket-Protocol: {SUBPROTOCOL}", "", ""])
        writer.write(upgrade.encode())
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        payload = msgspec.msgpack.encode([SPIN] * 500)
        frame = b"\x82\xfe" + len(payload).to_bytes(2) + b"\0\0\0\0" + payload
        sending = asyncio.create_task(send_all(writer, frame, 400))
        await eventually(lambda: players.asked)
        before = -1
        while before != len(players.asked):
            before = len(players.asked)
            await asyncio.sleep(0.5)
        assert 0 < before < 200_000 and not sending.done()
        sending.cancel()
        writer.transport.abort()


async def send_all(writer: asyncio.StreamWriter, frame: bytes, times: int) -> None:
    for _ in range(times):
        writer.write(frame)
        await writer.drain()
