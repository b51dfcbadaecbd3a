"""The link against servers that answer as a test tells them: each call has its reply, or ends at its own deadline."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from snapshots.errors import StoreUnavailable
from snapshots.redis.endpoint import Endpoint
from snapshots.redis.link import RedisLink

Script = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a server does with its n-th connection, counted from 1."""
TIMEOUT_S = 0.2
PING = b"*1\r\n$4\r\nPING\r\n"


class Server:
    def __init__(self, script: Script) -> None:
        self.connections = 0
        self._script = script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._script(self.connections, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def linked(script: Script, timeout_s: float = TIMEOUT_S) -> AsyncIterator[tuple[RedisLink, Server]]:
    server = Server(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    settings = {"host": "127.0.0.1", "port": listening.sockets[0].getsockname()[1]}
    link = RedisLink(Endpoint(settings), timeout_s)
    try:
        yield link, server
    finally:
        link.close()
        listening.close()
        await listening.wait_closed()


async def silent(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def answering(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    count = 0
    while await reader.readexactly(len(PING)):
        count += 1
        writer.write(b":%d\r\n" % count)


def timers() -> int:
    """Deadlines that the loop still keeps."""
    loop: Any = asyncio.get_running_loop()
    return sum(1 for timer in loop._scheduled if not timer.cancelled())


async def test_who_never_answers_is_given_up_at_the_deadline_and_asked_anew() -> None:
    async def script(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (silent if number == 1 else answering)(number, reader, writer)

    async with linked(script) as (link, server):
        loop = asyncio.get_running_loop()
        before, began = timers(), loop.time()
        with pytest.raises(StoreUnavailable, match=r"no answer within 0\.2 s"):
            await link.call("PING")
        assert TIMEOUT_S <= loop.time() - began < TIMEOUT_S + 1
        assert timers() == before
        assert await link.call("PING") == 1
        assert server.connections == 2


async def test_a_reply_that_comes_too_late_is_nobodys() -> None:
    late = asyncio.Event()

    async def script(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if number > 1:
            await answering(number, reader, writer)
            return
        await reader.readexactly(len(PING))
        await late.wait()
        writer.write(b":99\r\n")
        await reader.read()

    async with linked(script) as (link, _):
        with pytest.raises(StoreUnavailable):
            await link.call("PING")
        late.set()
        assert [await link.call("PING") for _ in range(3)] == [1, 2, 3]


async def test_an_answer_leaves_no_deadline_behind() -> None:
    async with linked(answering, timeout_s=60) as (link, _):
        await link.call("PING")
        before = timers()
        assert [await link.call("PING") for _ in range(5)] == [2, 3, 4, 5, 6]
        assert timers() == before


async def test_a_cancelled_call_leaves_no_deadline_and_takes_nobodys_reply() -> None:
    may_answer = asyncio.Event()

    async def script(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        await answering(number, reader, writer)

    async with linked(script) as (link, server):
        given_up = asyncio.ensure_future(link.call("PING"))
        while not server.connections:
            await asyncio.sleep(0.001)
        following = asyncio.ensure_future(link.call("PING"))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        may_answer.set()
        assert await following == 2
        await asyncio.sleep(TIMEOUT_S * 1.5)  # its deadline passes: the connection must outlive that
        assert (await link.call("PING"), server.connections) == (3, 1)


async def test_a_dropped_connection_fails_all_its_calls_at_once() -> None:
    async def script(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2 * len(PING))

    async with linked(script, timeout_s=60) as (link, _):
        before = timers()
        outcomes = await asyncio.gather(link.call("PING"), link.call("PING"), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable]
        assert timers() == before


async def test_an_answer_in_pieces_is_put_together() -> None:
    async def script(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(PING))
        for piece in (b"$5\r\n", b"he", b"llo\r", b"\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        await reader.read()

    async with linked(script) as (link, _):
        assert await link.call("PING") == b"hello"


async def test_pieces_that_never_end_are_no_answer() -> None:
    async def script(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(PING))
        writer.write(b"$1000\r\n")
        for _ in range(100):  # each piece comes well within the time of a call
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(TIMEOUT_S / 10)

    async with linked(script) as (link, _):
        with pytest.raises(StoreUnavailable, match="no answer within"):
            await link.call("PING")


async def test_the_second_of_two_calls_has_a_deadline_of_its_own() -> None:
    """The first is answered in time; the second, sent later, is given up later, though it waited behind the first."""

    async def script(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2 * len(PING))
        writer.write(b":1\r\n")
        await reader.read()

    async with linked(script) as (link, _):
        loop = asyncio.get_running_loop()
        first = asyncio.ensure_future(link.call("PING"))
        await asyncio.sleep(TIMEOUT_S / 2)
        began = loop.time()
        second = asyncio.ensure_future(link.call("PING"))
        assert await first == 1
        assert not second.done()
        with pytest.raises(StoreUnavailable, match="no answer within"):
            await second
        assert loop.time() - began >= TIMEOUT_S


async def test_a_call_that_is_too_late_takes_those_behind_it_along() -> None:
    """Replies come in order: what follows a reply that never came can't be told from it."""
    async with linked(silent) as (link, _):
        first = asyncio.ensure_future(link.call("PING"))
        await asyncio.sleep(TIMEOUT_S / 2)
        second = asyncio.ensure_future(link.call("PING"))
        with pytest.raises(StoreUnavailable, match="no answer within"):
            await first
        with pytest.raises(StoreUnavailable, match="connection lost"):
            await asyncio.wait_for(second, TIMEOUT_S / 4)


async def test_the_deadline_covers_connecting_too() -> None:
    async with linked(silent) as (link, _):
        link._endpoint.settings["password"] = "secret"  # AUTH is never answered
        began = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailable, match="no answer within"):
            await link.call("PING")
        assert asyncio.get_running_loop().time() - began < TIMEOUT_S + 1
