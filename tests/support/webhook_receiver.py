"""A platform's endpoint on a real socket, which answers as its script says and remembers what it was sent."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web

from tests.support.patience import PATIENCE_S

Script = Callable[[web.Request, "Received"], Awaitable[web.StreamResponse]]


class Received(NamedTuple):
    """One request. `place`: (version, n) of its event."""

    id: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def player_id(self) -> str:
        return self.id.rsplit("-", 2)[0]

    @property
    def place(self) -> tuple[int, int]:
        _, version, n = self.id.rsplit("-", 2)
        return int(version), int(n)


class Receiver:
    """`received` are all requests; `accepted` those that were answered with 2xx."""

    def __init__(self) -> None:
        self.url = ""
        self.script: Script = answering(204)
        self.received: list[Received] = []
        self.accepted: list[Received] = []
        self._changed = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        got = Received(request.headers["webhook-id"], dict(request.headers), body)
        self.received.append(got)
        await self._tell()
        response = await self.script(request, got)
        if 200 <= response.status < 300:
            self.accepted.append(got)
            await self._tell()
        return response

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Waits until `condition` holds; it is looked at after every request."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def until_accepted(self, count: int) -> None:
        await self.until(lambda: len(self.accepted) >= count)

    def places(self) -> dict[str, list[tuple[int, int]]]:
        """What was accepted of each player, in the order of acceptance."""
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for got in self.accepted:
            found[got.player_id].append(got.place)
        return found


def answering(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Script:
    async def script(request: web.Request, got: Received) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, body=body)

    return script


def in_turn(*scripts: Script) -> Script:
    """Each request by the next script; the last one stays."""
    left = list(scripts)

    async def script(request: web.Request, got: Received) -> web.StreamResponse:
        chosen = left.pop(0) if len(left) > 1 else left[0]
        return await chosen(request, got)

    return script


def hanging() -> Script:
    async def script(request: web.Request, got: Received) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response(status=204)

    return script


def closing_mid_answer() -> Script:
    async def script(request: web.Request, got: Received) -> web.StreamResponse:
        response = web.StreamResponse(status=200, headers={"content-length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return web.Response(status=599)

    return script


@asynccontextmanager
async def receiving(script: Script | None = None, host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A receiver on a free port of loopback; `host` is the address to listen on."""
    receiver = Receiver()
    if script is not None:
        receiver.script = script
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]
    receiver.url = f"http://127.0.0.1:{port}/hooks"
    try:
        yield receiver
    finally:
        await runner.cleanup()
