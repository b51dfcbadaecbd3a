"""The shard's listening side: handshake, frames in, replies out. One object per connection, no tasks."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import cast

from msgspec import MsgspecError

from actors.wire.frames import FrameError, FrameSplitter, Reply, RequestFrame, decode_requests, encode, framed
from actors.wire.handshake import HandshakeError, ServerHandshake

log = logging.getLogger("croupier.shard")

Handler = Callable[["Connection", RequestFrame], None]
FRAMES_MAX = 64
"""So many frames may wait before a connection is not read from."""
WRITE_BUFFER_MAX = 64 * 1024 * 1024
"""A peer that reads nothing while this many bytes wait for it is disconnected."""


class Connection(asyncio.Protocol):
    """A connected gateway or supervisor. Implements `frames.ReplyTo`."""

    def __init__(
        self, secret: bytes, handler: Handler, open_connections: set["Connection"], has_room: Callable[[], bool]
    ) -> None:
        self._handshake: ServerHandshake | None = ServerHandshake(secret)
        self._handler = handler
        self._open = open_connections
        self._has_room = has_room
        self._splitter = FrameSplitter()
        self._early = b""
        self._frames: deque[bytes] = deque()
        """What has come and is not yet acted on."""
        self._paused = False
        self._outbox: list[Reply] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets the peer, or hangs up if there are too many, or the process listens no more."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)  # uvloop then writes at once, not at the end of its turn
        if not self._has_room():
            log.warning("connection refused: %d are open", len(self._open))
            self._transport.close()
            return
        self._open.add(self)
        assert self._handshake is not None
        self._transport.write(self._handshake.hello)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the peer; replies under way to it are dropped."""
        self._open.discard(self)
        self._transport = None
        self._frames.clear()

    def data_received(self, data: bytes) -> None:
        """Handshake first, frames from then on. Whatever can't be read closes the connection."""
        try:
            if self._handshake is not None:
                data = self._shake(data)
            bodies = self._splitter.feed(data)
        except (FrameError, HandshakeError) as problem:
            log.warning("connection closed: %s", problem)
            self.close()
            return
        waiting = bool(self._frames)
        self._frames.extend(bodies)
        if len(self._frames) > FRAMES_MAX:
            self._pause()
        if not waiting:
            self._next_frame()

    def _next_frame(self) -> None:
        """Acts on one frame; the next one comes in the loop's next turn, when what this one decided is on its way."""
        if not self._frames:
            return
        body = self._frames.popleft()
        if self._frames:
            self._loop.call_soon(self._next_frame)
        elif self._paused:
            self._resume()
        try:
            self._handler(self, decode_requests(body))
        except MsgspecError as problem:
            log.warning("connection closed: %s", problem)
            self.close()

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _shake(self, data: bytes) -> bytes:
        assert self._handshake is not None and self._transport is not None
        self._early += data
        size = self._handshake.bytes_expected
        if len(self._early) < size:
            return b""
        proof, rest = self._early[:size], self._early[size:]
        self._transport.write(self._handshake.answer(proof))
        self._handshake, self._early = None, b""
        return rest

    def reply(self, reply: Reply) -> None:
        """Queues a reply; all of this turn of the loop leave in one write."""
        if self._transport is None:
            return
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(reply)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        if self._transport is None:
            return
        self._transport.write(framed(encode(outbox)))
        if self._transport.get_write_buffer_size() > WRITE_BUFFER_MAX:
            log.warning("connection closed: the peer does not read")
            self._transport.abort()

    def close(self) -> None:
        """Sends what is queued, then hangs up; frames that wait are the next connection's."""
        self._frames.clear()
        if self._transport is not None:
            if self._outbox:
                self._flush()
            self._transport.close()
