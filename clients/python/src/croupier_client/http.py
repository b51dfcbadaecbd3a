"""Croupier over HTTP: `Croupier` waits for each answer, `AsyncCroupier` returns futures. Connections are kept alive."""

import asyncio
import ssl
import time
from types import TracebackType
from typing import Final, Self

import httpx

from croupier_client.calls import AnswerT, Call
from croupier_client.commands import AsyncCommands, SyncCommands
from croupier_client.exchange import Received, drive, drive_async, exchange
from croupier_client.origin import origin
from croupier_client.retrying import RetryPolicy
from croupier_client.stream.blocking import SyncSpinStream
from croupier_client.stream.stream import SpinStream
from croupier_client.stream.under_way import WAITING_MAX

CONNECTIONS_MAX: Final = 64
_IDLE_S: Final = 60.0
"""Shorter than Croupier keeps an idle connection: who closes first does not meet a request."""


def _limits(connections_max: int) -> httpx.Limits:
    return httpx.Limits(
        max_connections=connections_max, max_keepalive_connections=connections_max, keepalive_expiry=_IDLE_S
    )


class Croupier(SyncCommands):
    """A Croupier over HTTP, for any number of threads.

    `key_id` and `secret` are those of an API key; a server with `--auth open` needs neither. At most `connections_max`
    connections are open at a time. `tls` is for authorities of one's own; `transport` replaces the network, in tests.
    Raises ValueError for arguments that can't be.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key_id: str = "",
        secret: str = "",
        retry: RetryPolicy | None = None,
        connections_max: int = CONNECTIONS_MAX,
        tls: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._origin = origin(base_url, key_id, secret, retry, tls)
        self._http = httpx.Client(verify=tls or True, limits=_limits(connections_max), transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up. Streams that were opened from here stay open."""
        self._http.close()

    def stream(self, *, waiting_max: int = WAITING_MAX) -> SyncSpinStream:
        """A stream to the same server, not opened yet: `with client.stream() as stream`."""
        return SyncSpinStream(self._origin, waiting_max)

    def perform(self, call: Call[AnswerT], deadline_s: float | None = None) -> AnswerT:
        """As in `croupier_client.commands`."""
        return drive(exchange(self._origin, call, deadline_s), self._send, time.sleep)

    def _send(self, request: httpx.Request) -> Received:
        try:
            return self._http.send(request)
        except httpx.RequestError as error:
            return error


class AsyncCroupier(AsyncCommands):
    """As `Croupier`, for one event loop. Each call is a task of its own."""

    def __init__(
        self,
        base_url: str,
        *,
        key_id: str = "",
        secret: str = "",
        retry: RetryPolicy | None = None,
        connections_max: int = CONNECTIONS_MAX,
        tls: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._origin = origin(base_url, key_id, secret, retry, tls)
        self._http = httpx.AsyncClient(verify=tls or True, limits=_limits(connections_max), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hangs up. Streams that were opened from here stay open."""
        await self._http.aclose()

    def stream(self, *, waiting_max: int = WAITING_MAX) -> SpinStream:
        """A stream to the same server, not opened yet: `async with client.stream() as stream`."""
        return SpinStream(self._origin, waiting_max)

    def perform(self, call: Call[AnswerT], deadline_s: float | None = None) -> "asyncio.Future[AnswerT]":
        """As in `croupier_client.commands`."""
        steps = exchange(self._origin, call, deadline_s)
        return asyncio.get_running_loop().create_task(drive_async(steps, self._send, asyncio.sleep))

    async def _send(self, request: httpx.Request) -> Received:
        try:
            return await self._http.send(request)
        except httpx.RequestError as error:
            return error
