"""How much one turn of the loop takes: a frame of a connection, a few replies of a channel, so that both sides work."""

import asyncio
from collections.abc import Callable

import pytest

from actors.wire.channel import REPLIES_PER_TURN, Channel
from actors.wire.connection import FRAMES_MAX, Connection
from actors.wire.frames import NIL, Kind, Reply, Request, RequestFrame, encode, framed
from actors.wire.handshake import ClientHandshake, ServerHandshake
from actors.wire.listening import Listener
from tests.support.connections import MemoryTransport
from tests.support.shard_harness import LOOK, eventually

SECRET = b"secret"


class Transport(MemoryTransport):
    """As uvloop's."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


def connected(handler: Callable[[Connection, RequestFrame], None]) -> tuple[Connection, Transport]:
    connection, transport = Connection(SECRET, handler, set(), lambda: True), Transport()
    connection.connection_made(transport)
    connection.data_received(ClientHandshake(SECRET).answer(transport.written))
    return connection, transport


def opened(on_reply: Callable[[Reply], None], on_lost: Callable[[Channel], None]) -> tuple[Channel, Transport]:
    server, channel, transport = ServerHandshake(SECRET), Channel(SECRET, on_reply, on_lost), Transport()
    channel.connection_made(transport)
    channel.data_received(server.hello)
    channel.data_received(server.answer(transport.written))
    return channel, transport


def frames(*rids: int) -> bytes:
    return b"".join(framed(encode(RequestFrame(1, [Request(rid, "p", "", LOOK)]))) for rid in rids)


def replies(*rids: int) -> bytes:
    return framed(encode([Reply(rid, Kind.NOT_OWNER, NIL) for rid in rids]))


async def test_who_is_connected_after_the_listener_has_closed_is_hung_up_on() -> None:
    listener = Listener("secret", lambda _, frame: None, 10)
    listener.close()
    connection, transport = listener._connection(), Transport()
    connection.connection_made(transport)
    assert transport.closed and transport.written == b""


async def test_frames_that_come_together_are_acted_on_one_per_turn_and_in_order() -> None:
    seen: list[int] = []
    connection, _ = connected(lambda _, frame: seen.append(frame.requests[0].rid))
    connection.data_received(frames(1, 2, 3))
    assert seen == [1]
    connection.data_received(frames(4))
    await asyncio.sleep(0)
    assert seen == [1, 2]
    for _ in range(3):
        await asyncio.sleep(0)
    assert seen == [1, 2, 3, 4]
    connection.data_received(frames(5))
    assert seen[-1] == 5, "at once, if nothing waits"


async def test_who_sends_too_fast_is_not_read_from_meanwhile() -> None:
    connection, transport = connected(lambda _, frame: None)
    connection.data_received(frames(*range(FRAMES_MAX)))
    assert not transport.paused
    connection.data_received(frames(1, 2, 3))
    assert transport.paused
    for _ in range(FRAMES_MAX + 3):
        await asyncio.sleep(0)
    assert not transport.paused


async def test_frames_of_who_hung_up_are_forgotten() -> None:
    seen: list[int] = []
    connection, _ = connected(lambda _, frame: seen.append(frame.requests[0].rid))
    connection.data_received(frames(1, 2, 3))
    connection.connection_lost(None)
    await asyncio.sleep(0)
    assert seen == [1]


async def test_a_frame_that_can_not_be_read_ends_the_connection_and_those_behind_it() -> None:
    seen: list[int] = []
    connection, transport = connected(lambda _, frame: seen.append(frame.requests[0].rid))
    connection.data_received(frames(1) + framed(b"\xc1") + frames(2))
    for _ in range(3):
        await asyncio.sleep(0)
    assert seen == [1] and transport.closed


async def test_replies_are_handed_on_a_few_per_turn_and_in_order() -> None:
    seen: list[int] = []
    channel, _ = opened(lambda reply: seen.append(reply.rid), lambda _: None)
    channel.data_received(replies(*range(2 * REPLIES_PER_TURN)) + replies(98))
    assert len(seen) == REPLIES_PER_TURN
    channel.data_received(replies(99))
    for _ in range(3):
        await asyncio.sleep(0)
    assert seen == [*range(2 * REPLIES_PER_TURN), 98, 99]


async def test_what_came_before_the_end_is_handed_on_before_it() -> None:
    seen: list[object] = []
    channel, _ = opened(lambda reply: seen.append(reply.rid), lambda _: seen.append("lost"))
    channel.data_received(replies(*range(3 * REPLIES_PER_TURN)))
    channel.connection_lost(None)
    assert seen == [*range(3 * REPLIES_PER_TURN), "lost"]


async def test_a_reply_that_can_not_be_handed_on_ends_the_channel() -> None:
    def fail(_: Reply) -> None:
        raise ValueError("not readable")

    channel, transport = opened(fail, lambda _: None)
    channel.data_received(replies(1))
    assert transport.closed


async def test_a_listener_that_is_cancelled_while_it_opens_leaves_no_socket_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "create_server", never)
    listener = Listener("secret", lambda _, frame: None, 10)
    opening = asyncio.create_task(listener.open("127.0.0.1", "s0"))
    await eventually(lambda: listener._servers)
    (unix,) = listener._servers
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    listener.close()
    assert not unix.is_serving()
