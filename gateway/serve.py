"""Serves the application with uvicorn in this process, on a socket bound before, until told to stop.

SIGTERM and SIGINT end it cleanly: no new connections, requests under way are finished, then `serve` returns.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
import uvloop

from gateway.app import GatewayApp
from gateway.listening import BACKLOG, url_of
from gateway.settings import GatewaySettings
from gateway.spin.protocol import SpinProtocol

OnReady = Callable[[str], None]
"""Told the base URL (`http://host:port`) once connections are accepted."""


class _Server(uvicorn.Server):
    """uvicorn, minus its signal handling: it would end the process by the signal instead of returning."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()


async def serve(
    app: GatewayApp,
    listener: socket.socket,
    settings: GatewaySettings,
    on_ready: OnReady,
    stop: asyncio.Event | None = None,
) -> None:
    """Serves until SIGTERM, SIGINT or `stop`. The running loop must be this process's main one for the signals."""
    config = uvicorn.Config(
        app,
        http=partial(SpinProtocol, app.core),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="websockets-sansio",
        ws_max_size=settings.stream_message_bytes_max,
        ws_ping_interval=settings.stream_ping_s,
        ws_ping_timeout=settings.stream_ping_s,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
    )
    stopping = stop if stop is not None else asyncio.Event()
    server = _Server(config, lambda: on_ready(url_of(listener)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(server.serve([listener]))
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        ending_s = loop.time()
        await app.streams.end()
        left_s = settings.shutdown_timeout_s - (loop.time() - ending_s)
        config.timeout_graceful_shutdown = max(1, round(left_s))
        server.should_exit = True
        await serving
    finally:
        waiting.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def run(app: GatewayApp, listener: socket.socket, settings: GatewaySettings, on_ready: OnReady) -> None:
    """Serves on a uvloop of its own; for a process that is a gateway and nothing else."""
    uvloop.run(serve(app, listener, settings, on_ready))
