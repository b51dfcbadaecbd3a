"""A game server on the spin stream, driven as ASGI without sockets."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from actors.outcome import Answered, OnOutcome
from engine.commands import CommandBody
from engine.queries import QueryBody
from gateway.access.auth import Authenticator, ProofAuth
from gateway.access.keys import ApiKey, ApiKeys
from gateway.settings import GatewaySettings
from gateway.spin.stream import SUBPROTOCOL
from tests.support.gateway_doubles import ROUND, Asked, ScriptedPlayers, app_with
from tests.support.patience import PATIENCE_S
from tests.unit.gateway.access.test_auth import NOW_S, SECRET, sign

SPIN = {"id": 1, "op": "spin", "key": "k1", "player_id": "p1", "game_id": "g", "mode": "real", "bet": 100}
KEYS = ApiKeys(api_keys=(ApiKey("studio-7", SECRET, "game_server"), ApiKey("pms", SECRET[::-1], "platform")))


DEFAULT = GatewaySettings()


class HeldPlayers(ScriptedPlayers):
    """Answers nobody before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[OnOutcome] = []

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        self.asked.append(Asked(player_id, command_id, body))
        self.waiting.append(on_outcome)

    def answer(self, number: int = 0) -> None:
        self.waiting.pop(number)(Answered(ROUND))


class Client:
    """One WebSocket, as the application sees it."""

    def __init__(self, app: Any, headers: Mapping[str, str], offers: list[str], path: str) -> None:
        self._incoming: asyncio.Queue[Any] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self.messages_read = 0
        self.reads = asyncio.Event()
        """Cleared for a client that takes nothing."""
        self.reads.set()
        scope = {
            "type": "websocket",
            "path": path.partition("?")[0],
            "raw_path": path.partition("?")[0].encode(),
            "query_string": path.partition("?")[2].encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "subprotocols": offers,
            "extensions": {"websocket.http.response": {}},
        }
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.serving = asyncio.ensure_future(app(scope, self._receive, self._deliver))

    async def _deliver(self, message: Any) -> None:
        await self.reads.wait()
        self._outgoing.put_nowait(message)

    async def _receive(self) -> Any:
        message = await self._incoming.get()
        self.messages_read += 1
        return message

    def send(self, *requests: Any) -> None:
        self.send_bytes(msgspec.msgpack.encode(list(requests)))

    def send_bytes(self, data: bytes) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "bytes": data})

    def send_text(self, text: str) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def hang_up(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def event(self) -> Any:
        return await asyncio.wait_for(self._outgoing.get(), PATIENCE_S)

    async def message(self) -> Any:
        event = await self.event()
        assert event["type"] == "websocket.send", event
        return msgspec.msgpack.decode(event["bytes"])

    async def answer(self) -> Any:
        (answer,) = await self.message()
        return answer

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def silent(self) -> bool:
        return self._outgoing.empty()


def proof(key: str = "studio-7", secret: str = SECRET) -> dict[str, str]:
    signature = sign(f"{NOW_S}\nGET\n/spin/stream\n\n".encode(), secret).decode()
    return {"x-api-key": key, "x-request-timestamp": str(NOW_S), "x-request-sign": signature}


def proving() -> ProofAuth:
    return ProofAuth(KEYS, clock=lambda: NOW_S)


@asynccontextmanager
async def connected(
    players: ScriptedPlayers | None = None,
    auth: Authenticator | None = None,
    headers: Mapping[str, str] | None = None,
    settings: GatewaySettings = DEFAULT,
) -> AsyncIterator[Client]:
    app = app_with(players, auth, settings)
    client = Client(app, headers or {"x-api-key": "gs"}, [SUBPROTOCOL], "/spin/stream")
    assert await client.event() == {"type": "websocket.accept", "subprotocol": SUBPROTOCOL}
    hello = await client.message()
    assert hello == {"in_flight_max": settings.stream_in_flight_max, "message_bytes_max": 65_536}
    try:
        yield client
    finally:
        client.hang_up()
        await asyncio.wait_for(client.serving, PATIENCE_S)
        assert app.state.metrics.streams == 0
