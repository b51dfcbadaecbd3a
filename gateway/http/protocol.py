"""uvicorn's HTTP/1.1, with problem documents for what is no HTTP at all, and an end to patience with slow peers.

A peer that sends half a request, or reads no answer, holds its own connection and nothing else; after a time that is
taken away, too.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.http.errors import Refused, invalid_field

REQUEST_S: Final = 60
"""How long a request may take from its first byte to its last."""
UNREAD_S: Final = 40
"""A peer that takes nothing of an answer for so long is gone."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._sending: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None

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

    # --- slow peers

    def on_message_begin(self) -> None:
        """The first byte of a request has come: the others must follow."""
        self._sending = _renewed(self._sending, self.loop.call_later(REQUEST_S, self._sends_too_slowly))
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The last byte has come."""
        self._sending = _renewed(self._sending, None)
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is answered."""
        super().pause_writing()
        self._reading = _renewed(self._reading, self.loop.call_later(UNREAD_S, self._reads_nothing))

    def resume_writing(self) -> None:
        """It has read."""
        self._reading = _renewed(self._reading, None)
        super().resume_writing()

    def _sends_too_slowly(self) -> None:
        if not self.transport.is_closing():
            self.refuse(invalid_field("request", f"did not come within {REQUEST_S} s"))

    def _reads_nothing(self) -> None:
        self.transport.abort()

    def handle_websocket_upgrade(self) -> None:
        """The connection is a WebSocket's from now on, with patience of its own."""
        self._forget_timers()
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody to wait for."""
        self._forget_timers()
        super().connection_lost(exc)

    def _forget_timers(self) -> None:
        self._sending, self._reading = _renewed(self._sending, None), _renewed(self._reading, None)


def _renewed(timer: asyncio.TimerHandle | None, later: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    if timer is not None:
        timer.cancel()
    return later
