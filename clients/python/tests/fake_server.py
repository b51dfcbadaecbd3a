"""A small server that speaks the stream as Croupier does, and misbehaves as a test wants."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Asked = dict[str, Any]
Handle = Callable[["Connected", list[Asked]], Awaitable[None]]

encode = msgspec.msgpack.encode


def spin_document(asked: Asked, **more: Any) -> Asked:
    """What a spin answers."""
    return {
        "session_id": f"{asked['player_id']}-1",
        "round_id": asked.get("round_id"),
        "player_id": asked["player_id"],
        "game_id": asked.get("game_id", "book-of-dunes"),
        "mode": asked.get("mode", "real"),
        "state": "open",
        "bet_amount": asked.get("bet", 0),
        "win_amount": 0,
        "win_reported": 0,
        "remaining_spins": 0,
        "currency": "EUR",
        "funds": {"real": 100, "bonus": 0},
        "balance": {"real": 900, "bonus": 0, "bonus_usable": 0, "withdrawable": 900},
        "wagering": {"grant_id": None, "remaining": 0, "counted": 0, "max_bet": None},
        "loyalty": {"level": "bronze", "points": 1},
        "replayed": False,
    } | more


def problem_document(status: int, code: str, **more: Any) -> Asked:
    """A refusal."""
    passing = status in (429, 500, 503)
    return {
        "type": f"urn:croupier:problem:{code}",
        "title": code,
        "status": status,
        "code": code,
        "detail": f"It is {code}.",
        "retryable": passing,
        "action": "retry_same_key" if passing else "fix_request",
    } | more


def ok(asked: Asked) -> Asked:
    """The answer to a request that went well."""
    return {"id": asked["id"], "status": 200, "body": spin_document(asked)}


def refused(asked: Asked, status: int, code: str, **more: Any) -> Asked:
    """The answer to a request that did not."""
    return {"id": asked["id"], "status": status, "body": problem_document(status, code, **more)}


class Connected:
    """One connection as the server sees it."""

    def __init__(self, number: int, socket: ServerConnection) -> None:
        self.number = number
        self.socket = socket
        self.is_cut = False

    async def answer(self, *answers: Any) -> None:
        """Sends these in one message."""
        await self.socket.send(encode(list(answers)))

    async def close(self, code: int) -> None:
        """Ends it in order."""
        await self.socket.close(code)

    def cut(self) -> None:
        """Ends it without a word; what had arrived already is not looked at."""
        self.is_cut = True
        self.socket.transport.abort()


async def answer_all(connected: Connected, asked: list[Asked]) -> None:
    """All goes well."""
    await connected.answer(*map(ok, asked))


class FakeServer:
    """`async with FakeServer(handle) as server`: `handle` is given each message. What came in is in `messages`."""

    def __init__(self, handle: Handle = answer_all, *, in_flight_max: int = 256, bytes_max: int = 65_536) -> None:
        self.handle = handle
        self.hello: Any = encode({"in_flight_max": in_flight_max, "message_bytes_max": bytes_max})
        self.messages: list[list[Asked]] = []
        self.sizes: list[int] = []
        self.upgrades: list[Headers] = []
        self.connected: list[Connected] = []
        self.refusals: list[tuple[int, dict[str, str], bytes]] = []
        """Answers to the next upgrades: status, headers, body."""
        self._server: Server

    @property
    def asked(self) -> list[Asked]:
        """All requests, in the order in which they came."""
        return [asked for message in self.messages for asked in message]

    @property
    def url(self) -> str:
        """For a client."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "FakeServer":
        self._server = await serve(
            self._serve, "127.0.0.1", 0, process_request=self._upgrade,
            subprotocols=["croupier.spin.v1"], compression=None,
        )  # fmt: skip
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _upgrade(self, _socket: ServerConnection, request: Request) -> Response | None:
        self.upgrades.append(request.headers)
        if request.path != "/spin/stream":
            return Response(404, "Not Found", Headers(), b"")
        if not self.refusals:
            return None
        status, headers, body = self.refusals.pop(0)
        return Response(status, "Refused", Headers({"content-length": str(len(body)), **headers}), body)

    async def _serve(self, socket: ServerConnection) -> None:
        connected = Connected(len(self.upgrades), socket)
        self.connected.append(connected)
        with suppress(ConnectionClosed):
            await socket.send(self.hello)
            async for message in socket:
                if connected.is_cut:
                    return
                asked = msgspec.msgpack.decode(message)
                self.messages.append(asked)
                self.sizes.append(len(message))
                await self.handle(connected, asked)


async def until(holds: Callable[[], bool]) -> None:
    """Waits until something is true; the test's own time-out is the limit."""
    while not holds():
        await asyncio.sleep(0.005)
