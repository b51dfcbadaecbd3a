"""The caller's side of one connection to a shard: handshake, batching, replies by number."""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from msgspec import MsgspecError

from actors.host.processes import host_id
from actors.wire.frames import FrameError, FrameSplitter, Reply, Request, RequestFrame, decode_replies, encode, framed
from actors.wire.handshake import NONCE_BYTES, PROOF_BYTES, ClientHandshake, HandshakeError
from snapshots.contract import Address

log = logging.getLogger("croupier.client")

REQUESTS_PER_FRAME = 8
"""So many requests leave at once, without waiting for the end of the loop's turn."""
REPLIES_PER_TURN = 8
"""So many replies are handed on before the loop looks at other sockets again.

Gateway and shard work at the same time only while each hands on a part of what it has. With all of a turn in one piece
they take turns, a quarter of two cores idle; with single requests, wake-ups cost more than the spins (decision 0009).
"""
OnReply = Callable[[Reply], None]
OnLost = Callable[["Channel"], None]


class Channel(asyncio.Protocol):
    """A connection in use. `on_reply` gets every reply, `on_lost` is called once when it is over."""

    def __init__(self, secret: bytes, on_reply: OnReply, on_lost: OnLost) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handshake: ClientHandshake | None = ClientHandshake(secret)
        self._answered = False
        self._on_reply, self._on_lost = on_reply, on_lost
        self._splitter = FrameSplitter()
        self._early = b""
        self._replies: list[Reply] = []
        """What has come and is not yet handed on."""
        self._outbox: list[Request] = []
        self._epoch = 0
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def open(self) -> bool:
        """Whether requests can be sent."""
        return self._transport is not None and self._handshake is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for the shard's hello."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # uvloop then writes at once, not at the end of its turn

    def connection_lost(self, exc: Exception | None) -> None:
        """Hands on what had come, then tells the owner, once."""
        self._transport = None
        while self._replies:
            self._hand_on()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the shard hung up during the handshake"))
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Handshake first, replies from then on."""
        try:
            if self._handshake is not None:
                data = self._shake(self._early + data)
            came = [reply for body in self._splitter.feed(data) for reply in decode_replies(body)]
        except (FrameError, HandshakeError, MsgspecError):
            self.close()
            return
        waiting = bool(self._replies)
        self._replies += came
        if self._replies and not waiting:
            self._hand_on()

    def _hand_on(self) -> None:
        """Some of the replies that have come; the others in the loop's next turns."""
        replies, self._replies = self._replies[:REPLIES_PER_TURN], self._replies[REPLIES_PER_TURN:]
        if self._replies:
            self._loop.call_soon(self._hand_on)
        try:
            for reply in replies:
                self._on_reply(reply)
        except Exception:
            log.exception("a reply can't be handed on; the connection is closed, and what is under way repeated")
            self.close()

    def _shake(self, data: bytes) -> bytes:
        handshake, self._early = self._handshake, b""
        assert handshake is not None and self._transport is not None
        if not self._answered and len(data) >= NONCE_BYTES:
            self._transport.write(handshake.answer(data[:NONCE_BYTES]))
            self._answered, data = True, data[NONCE_BYTES:]
        if self._answered and len(data) >= PROOF_BYTES:
            handshake.verify(data[:PROOF_BYTES])
            self._handshake = None
            self.ready.set_result(None)
            return data[PROOF_BYTES:]
        self._early = data
        return b""

    def send(self, epoch: int, request: Request) -> None:
        """Queues a request; a few of them, or all of this turn of the loop, leave in one write."""
        if self._outbox and epoch != self._epoch:
            self._flush()
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._epoch = epoch
        self._outbox.append(request)
        if len(self._outbox) >= REQUESTS_PER_FRAME:
            self._flush()

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        if outbox and self._transport is not None:
            self._transport.write(framed(encode(RequestFrame(self._epoch, outbox))))

    def close(self) -> None:
        """Hangs up; `on_lost` follows."""
        if self._transport is not None:
            self._transport.close()


async def connect(address: Address, secret: bytes, timeout_s: float, on_reply: OnReply, on_lost: OnLost) -> Channel:
    """Opens a channel: by unix socket on the same host, else by TCP. Raises OSError or TimeoutError."""
    loop = asyncio.get_running_loop()

    def factory() -> Channel:
        return Channel(secret, on_reply, on_lost)

    async with asyncio.timeout(timeout_s):
        if address.unix_path is not None and address.host_id == host_id():
            _, channel = await loop.create_unix_connection(factory, address.unix_path)
        else:
            _, channel = await loop.create_connection(factory, address.host, address.port)
        try:
            await channel.ready
        except BaseException:
            channel.close()
            raise
    return channel
