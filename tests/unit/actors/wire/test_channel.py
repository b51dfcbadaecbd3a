"""The socket between gateway and shard: who may talk, and what closes a connection."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.wire.channel import Channel, connect
from actors.wire.frames import FRAME_BYTES_MAX, FrameError, FrameSplitter, Reply, Request, framed
from actors.wire.handshake import ClientHandshake, HandshakeError, ServerHandshake
from snapshots.contract import Address
from tests.support.shard_harness import LOOK, SECRET, TestShard, decoded, start_shard, table_for


@asynccontextmanager
async def shard(folder: Path, **changes: Any) -> AsyncIterator[tuple[TestShard, Address]]:
    async with table_for(folder, "s0") as (store, _), start_shard(folder, **changes) as process:
        address = (await store.routing()).shards["s0"].address
        assert address is not None
        yield process, address


class Line:
    """The caller's end of a channel."""

    def __init__(self) -> None:
        self.replies: asyncio.Queue[Reply] = asyncio.Queue()
        self.lost = asyncio.Event()

    async def open(self, address: Address, secret: str = SECRET) -> Channel:
        return await connect(address, secret.encode(), 5, self.replies.put_nowait, lambda channel: self.lost.set())


@pytest.mark.parametrize("host", ["this host", "another host"])
async def test_requests_of_one_turn_share_a_frame_by_unix_socket_and_by_tcp(tmp_path: Path, host: str) -> None:
    async with shard(tmp_path) as (process, address):
        if host != "this host":
            address = Address(address.host, address.port, None, host)
        frames: list[int] = []
        handle = process._handle
        process._handle = lambda connection, frame: (frames.append(len(frame.requests)), handle(connection, frame))[1]  # type: ignore[assignment, func-returns-value, method-assign]
        line = Line()
        channel = await line.open(address)
        for rid in (1, 2, 3):
            channel.send(1, Request(rid, "nobody", "", LOOK))
        replies = [await line.replies.get() for _ in range(3)]
        assert [decoded(reply).code for reply in replies] == ["player_not_found"] * 3
        assert frames == [3]
        channel.close()
        await line.lost.wait()


async def test_a_caller_with_another_secret_is_hung_up_on(tmp_path: Path) -> None:
    async with shard(tmp_path) as (_, address):
        with pytest.raises(ConnectionError):
            await Line().open(address, "a wrong secret")


def test_both_sides_must_prove_the_secret() -> None:
    right, wrong = b"right", b"wrong"
    server, client = ServerHandshake(right), ClientHandshake(right)
    client.verify(server.answer(client.answer(server.hello)))
    with pytest.raises(HandshakeError):
        ServerHandshake(right).answer(ClientHandshake(wrong).answer(server.hello))
    impostor = ServerHandshake(wrong)
    with pytest.raises(HandshakeError):
        client.verify(impostor._secret + client.answer(impostor.hello)[:27])
    with pytest.raises(HandshakeError):
        client.verify(client.answer(server.hello)[32:])  # its own proof, sent back


@pytest.mark.parametrize(
    "sent",
    [framed(b"\xc1 garbage"), framed(b""), (FRAME_BYTES_MAX + 1).to_bytes(4), framed(b"\x92\x01\x91\xa5hello")],
    ids=["garbage", "empty", "oversized", "not a request"],
)
async def test_what_is_no_frame_closes_the_connection_and_harms_nobody_else(tmp_path: Path, sent: bytes) -> None:
    async with shard(tmp_path) as (_, address):
        bad, good = Line(), Line()
        channel, other = await bad.open(address), await good.open(address)
        assert channel._transport is not None
        channel._transport.write(sent)
        await bad.lost.wait()
        other.send(1, Request(7, "nobody", "", LOOK))
        assert (await good.replies.get()).rid == 7
        other.close()
        await good.lost.wait()


async def test_connections_are_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with shard(tmp_path, connections_max=1) as (_, address):
        line = Line()
        channel = await line.open(address)
        with caplog.at_level(logging.WARNING), pytest.raises(ConnectionError):
            await Line().open(address)
        assert "connection refused: 1 are open" in caplog.text
        channel.close()
        await line.lost.wait()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_frames_come_out_whole_however_the_stream_is_cut(size: int) -> None:
    stream = framed(b"one") + framed(b"") + framed(b"three" * 7)
    splitter, bodies = FrameSplitter(), []
    for start in range(0, len(stream), size):
        bodies += splitter.feed(stream[start : start + size])
    assert bodies == [b"one", b"", b"three" * 7]


def test_an_oversized_frame_is_refused_before_it_is_gathered() -> None:
    with pytest.raises(FrameError, match="at most"):
        FrameSplitter().feed((FRAME_BYTES_MAX + 1).to_bytes(4))
