"""uvicorn's HTTP/1.1, with problem documents for what is no HTTP at all, and an end to patience with odd peers.

A peer that sends half a request, or reads no answer, holds its own connection and nothing else; after a time that is
taken away, too. A peer that sends requests ahead without waiting for answers is read from only as fast as it is
answered: what came too early is held here, and uvicorn's parser gets it in small pieces. Bytes that nobody will ever
want, such as the rest of a body after its refusal, end the connection when they are too many.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.http.errors import Refused, invalid_field

REQUEST_S: Final = 60
"""How long a request may take from its first byte to its last."""
UNREAD_S: Final = 40
"""A peer that takes nothing of an answer for so long is gone."""
HELD_BYTES_MAX: Final = 65_536
"""So much may arrive ahead of its time before the connection is no longer read from."""
PIECE_BYTES: Final = 1_024
"""So much uvicorn's parser gets at once. It makes a request object of each 18 bytes, if a peer wants it to."""
HEAD_BYTES_MAX: Final = 65_536
"""So long may a request line with its headers be; or whatever else of a request is not its body."""
UNWANTED_BYTES_MAX: Final = 4_194_304
"""So much of a request may come after its answer. A peer that looks at answers only then has seen its refusal."""


class _Flow(FlowControl):
    """uvicorn's, which reads on whenever a request asks for more or is answered, unless it is `stopped`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self.stopped = False

    def stop(self) -> None:
        """Reads nothing more before `go_on`, whoever asks for it."""
        self.stopped = True
        self.pause_reading()

    def go_on(self) -> None:
        """Reads again."""
        self.stopped = False
        self.resume_reading()

    def resume_reading(self) -> None:
        if not self.stopped:
            super().resume_reading()


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    flow: _Flow

    def __init__(self, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._sending: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._parsing = False
        """Whether uvicorn's parser is within a message."""
        self._in_body = False
        """Whether it is behind the headers of that message."""
        self._unused_bytes = 0
        """How many bytes have come since the message began, or since some of its body was of use."""
        self._held = b""
        """What came too early."""
        self._ending = False
        """Whether the server ends as soon as what is held is answered."""
        self._upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes a connection."""
        super().connection_made(transport)
        self.flow = _Flow(transport)

    def send_400_response(self, msg: str) -> None:
        """Answers what the parser refused, and hangs up."""
        self.refuse(invalid_field("request", "is not valid HTTP/1.1"))

    def refuse(self, refused: Refused) -> None:
        """Answers whatever was sent, or will be, and hangs up, even if the peer never reads the answer."""
        reply = refused.reply()
        headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body)), (b"connection", b"close")]
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[reply.status], head, reply.body))
        self.transport.close()
        self._reading = _renewed(self._reading, self.loop.call_later(UNREAD_S, self._reads_nothing))

    # --- bytes that come too early

    def data_received(self, data: bytes) -> None:
        """Takes what has come, or holds it until what came before is answered."""
        if self._held or self._waits():
            self._hold(data)
        else:
            self._parse(data)

    def _waits(self) -> bool:
        """Whether no further request is looked at now: others wait for their turn, or the peer reads no answers."""
        return bool(self.pipeline) or self.flow.write_paused

    def _parse(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            if self._waits():
                self._hold(data[start:])
                return
            piece = data[start : start + PIECE_BYTES]
            self._unused_bytes += len(piece)
            super().data_received(piece)
            if self._upgraded or self.transport.is_closing() or self._is_too_much():
                return

    def _is_too_much(self) -> bool:
        """Hangs up on a head without an end, and on a body without an end whose request is answered already."""
        if not self._parsing:
            return False
        if self._in_body and self.cycle.response_complete:
            if self._unused_bytes > UNWANTED_BYTES_MAX:
                self.transport.close()
        elif self._unused_bytes > HEAD_BYTES_MAX:
            self.refuse(invalid_field("request", f"has more than {HEAD_BYTES_MAX} bytes besides its body"))
        return self.transport.is_closing()

    def _hold(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._held += data
        if len(self._held) > HELD_BYTES_MAX:
            self.flow.stop()

    def _go_on(self) -> None:
        """Looks at what was held as if it came now. Reads on only when little is left of it: else it would grow."""
        if not self._held or self._waits() or self.transport.is_closing():
            return
        held, self._held = self._held, b""
        self.data_received(held)
        if len(self._held) <= HELD_BYTES_MAX and self.flow.stopped:
            self.flow.go_on()
        if self._ending and not self._held:
            self.shutdown()

    def on_response_complete(self) -> None:
        """uvicorn has answered a request, and begins the next one that it knows."""
        super().on_response_complete()
        if self._held:
            self._unset_keepalive_if_required()
            self.loop.call_soon(self._go_on)

    def shutdown(self) -> None:
        """The server ends: what is held is answered first."""
        if self._held:
            self._ending = True
        else:
            super().shutdown()

    # --- what uvicorn's parser is at

    def on_message_begin(self) -> None:
        """The first byte of a request has come: the others must follow."""
        self._parsing, self._in_body, self._unused_bytes = True, False, 0
        self._sending = _renewed(self._sending, self.loop.call_later(REQUEST_S, self._sends_too_slowly))
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The headers are there; a body may follow."""
        self._in_body = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body has come."""
        if not self.cycle.response_complete:
            self._unused_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The last byte has come."""
        self._parsing = self._in_body = False
        self._sending = _renewed(self._sending, None)
        super().on_message_complete()

    # --- slow peers

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is answered."""
        super().pause_writing()
        self._reading = _renewed(self._reading, self.loop.call_later(UNREAD_S, self._reads_nothing))

    def resume_writing(self) -> None:
        """It has read."""
        self._reading = _renewed(self._reading, None)
        super().resume_writing()
        self._go_on()

    def _sends_too_slowly(self) -> None:
        if self._in_body and self.cycle.response_complete:
            self.transport.close()
        elif not self.transport.is_closing():
            self.refuse(invalid_field("request", f"did not come within {REQUEST_S} s"))

    def _reads_nothing(self) -> None:
        self.transport.abort()

    def handle_websocket_upgrade(self) -> None:
        """The connection is a WebSocket's from now on, with patience of its own."""
        self._upgraded = True
        self._forget_timers()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody to wait for."""
        self._held = b""
        self._forget_timers()
        super().connection_lost(exc)

    def _forget_timers(self) -> None:
        self._sending, self._reading = _renewed(self._sending, None), _renewed(self._reading, None)


def _renewed(timer: asyncio.TimerHandle | None, later: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return later
