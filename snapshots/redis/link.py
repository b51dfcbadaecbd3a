"""A lean connection for the one call that every batch waits for: half the latency and CPU of a pooled client.

No retries and no pool: a failure of any kind drops the connection and raises `StoreUnavailable`; the next call
connects again. Each call has its own deadline, kept by its own timer: `asyncio.timeout` would cost several times that.
"""

import asyncio
from collections import deque
from typing import Any, cast

import hiredis

from snapshots.errors import LineageChanged, StoreUnavailable
from snapshots.redis.endpoint import Endpoint
from snapshots.redis.lineage import ASK, lineage_of
from snapshots.redis.refusals import unavailable

Settings = dict[str, Any]
Argument = str | bytes | int


class _Replies(asyncio.Protocol):
    """Matches replies to calls, in order."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[object]] = deque()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's transports have no common base class
        self._transport.set_write_buffer_limits(high=0)  # uvloop then writes at once, not at the end of its turn

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                future = self._waiting.popleft()
                if not future.done():
                    future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(StoreUnavailable(f"Redis: connection lost ({exc or 'closed'})"))

    async def ask(self, arguments: tuple[Argument, ...], deadline_s: float) -> object:
        """The reply. TimeoutError if there is none by `deadline_s` of the loop: the connection is then dropped."""
        if self._transport is None or self._transport.is_closing():
            raise StoreUnavailable("Redis: connection lost")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        self._waiting.append(future)
        self._transport.write(hiredis.pack_command(arguments))  # type: ignore[arg-type]  # its stub omits mixed tuples
        timer = loop.call_at(deadline_s, self._too_late, future)
        try:
            return await future
        finally:
            timer.cancel()

    def _too_late(self, future: "asyncio.Future[object]") -> None:
        if not future.done():
            future.set_exception(TimeoutError())
            self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()


class RedisLink:
    """One connection, opened on first use.

    `lineage`: the history of the server that may be written to; None if it does not matter, empty if the next server's
    is taken, whatever it is. Each new connection is asked for its own.
    """

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        self.lineage: str | None = None
        self._endpoint, self._tls = endpoint, endpoint.tls()
        self._timeout_s = timeout_s
        self._replies: _Replies | None = None
        self._connecting = asyncio.Lock()

    async def call(self, *arguments: Argument) -> object:
        """The reply; an error reply is returned as `hiredis.ReplyError`. Raises StoreUnavailable if there is none.

        LineageChanged, and nothing was sent, if a new connection reached a server of another history.
        """
        deadline_s = asyncio.get_running_loop().time() + self._timeout_s
        replies = self._replies
        try:
            if replies is None or not replies.usable:
                replies = await self._connect(deadline_s)
            return await replies.ask(arguments, deadline_s)
        except TimeoutError:
            raise StoreUnavailable(f"Redis: no answer within {self._timeout_s:g} s") from None
        except OSError as error:
            raise StoreUnavailable(f"Redis: {error}") from None

    def close(self) -> None:
        """Drops the connection; calls under way raise StoreUnavailable."""
        if self._replies is not None:
            self._replies.close()
            self._replies = None

    async def _connect(self, deadline_s: float) -> _Replies:
        async with asyncio.timeout_at(deadline_s), self._connecting:
            if self._replies is not None and self._replies.usable:
                return self._replies
            settings, loop = self._endpoint.settings, asyncio.get_running_loop()
            if "path" in settings:
                _, replies = await loop.create_unix_connection(_Replies, settings["path"])
            else:
                host, port = await self._endpoint.address()
                _, replies = await loop.create_connection(_Replies, host, port, ssl=self._tls)
            try:
                await _greet(replies, settings, deadline_s)
                if self._endpoint.sentinels is not None:
                    await _check_master(replies, deadline_s)
                if self.lineage is not None:
                    self.lineage = await _learn(replies, self.lineage, deadline_s)
            except BaseException:
                replies.close()
                raise
            self._replies = replies
            return replies


async def _greet(replies: _Replies, settings: Settings, deadline_s: float) -> None:
    """Logs in and selects the database, as the URL says."""
    commands: list[tuple[Argument, ...]] = []
    if settings.get("password"):
        user = (settings["username"],) if settings.get("username") else ()
        commands.append(("AUTH", *user, settings["password"]))
    if settings.get("db"):
        commands.append(("SELECT", int(settings["db"])))
    for command in commands:
        reply = await replies.ask(command, deadline_s)
        if isinstance(reply, hiredis.ReplyError):
            raise unavailable(str(reply))


async def _check_master(replies: _Replies, deadline_s: float) -> None:
    """Sentinels may be a moment behind: the server must say itself that it is a master."""
    reply = await replies.ask(("ROLE",), deadline_s)
    if not isinstance(reply, list) or reply[0] != b"master":
        raise StoreUnavailable("Redis: the sentinels name a server that is no master")


async def _learn(replies: _Replies, expected: str, deadline_s: float) -> str:
    """The server's history, which must be the expected one unless that is empty."""
    reply = await replies.ask(ASK, deadline_s)
    if isinstance(reply, hiredis.ReplyError):
        raise unavailable(str(reply))
    found = lineage_of(reply)
    if expected and found != expected:
        raise LineageChanged("Redis: the server was started again, or is another one")
    return found
