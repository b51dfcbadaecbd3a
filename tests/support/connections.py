"""The gateway's HTTP without sockets: a protocol on a transport that remembers what was written to it."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from gateway.app import GatewayApp
from gateway.http.protocol import HttpProtocol
from gateway.spin.protocol import SpinProtocol

DATE = b"Sat, 28 Nov 2026 12:00:00 GMT"
TURNS_MAX = 2_000
QUIET_TURNS = 12


class MemoryTransport(asyncio.Transport):
    """What was written, and whether reading is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.written_too_late = b""
        self.closed = self.paused = False

    def write(self, data: Any) -> None:
        if self.closed:
            self.written_too_late += bytes(data)
        else:
            self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class MemoryConnection:
    """One connection to an application: `spinning` through the spin protocol, else through uvicorn and ASGI alone."""

    def __init__(
        self, app: GatewayApp, spinning: bool, keep_alive_s: int = 5, state: ServerState | None = None
    ) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            proxy_headers=False,
            timeout_keep_alive=keep_alive_s,
        )
        config.load()
        self.state = state or ServerState()
        self.state.default_headers = [(b"date", DATE)]
        uvicorns: dict[str, Any] = {"config": config, "server_state": self.state, "app_state": {}}
        self.protocol = SpinProtocol(app.core, **uvicorns) if spinning else HttpProtocol(**uvicorns)
        self.transport = MemoryTransport()
        self.protocol.connection_made(self.transport)

    async def feed(self, parts: Iterable[bytes]) -> bytes:
        """What comes back for bytes that arrive in these reads, once nothing more comes."""
        for part in parts:
            self.protocol.data_received(part)
            await asyncio.sleep(0)
        await self.until_quiet()
        return self.transport.written

    async def until_quiet(self) -> None:
        """Lets the loop turn until nothing is under way."""
        quiet = 0
        for _ in range(TURNS_MAX):
            before = len(self.transport.written)
            await asyncio.sleep(0)
            busy = bool(self.state.tasks) or len(self.transport.written) != before
            quiet = 0 if busy else quiet + 1
            if quiet > QUIET_TURNS:
                return

    def hang_up(self) -> None:
        """The peer goes away."""
        self.transport.close()
        self.protocol.connection_lost(None)


def later(turns: int, call: Callable[[], None]) -> None:
    """Calls after so many turns of the loop."""
    loop = asyncio.get_running_loop()
    if turns == 0:
        call()
    else:
        loop.call_soon(later, turns - 1, call)
