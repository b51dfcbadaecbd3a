"""The spin protocol: whole, simple requests to `/spin*` are served where their bytes arrive, without ASGI.

uvicorn makes a scope, a cycle, a task and four messages of every request; for a spin that costs more than everything
else the gateway does. So a read that holds one whole request of the plainest kind is served here. Whatever is not of
that kind goes to uvicorn with all its bytes. What both answer is the same, to the byte; a test compares them.

A connection is in one of three states:

- free: what arrives is looked at here first (`data_received`);
- a spin under way: later bytes are held until it is answered, and the connection is not read from if they are many
  (`gateway.http.protocol`);
- uvicorn's: within a message that it parses, or while a request of its own is not answered.
"""

import asyncio
import re
from typing import Any, Final, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.http.errors import Refused
from gateway.http.protocol import HttpProtocol
from gateway.http.wire import Answer, HeaderMap, HttpRequest, Reply, is_json
from gateway.spin.core import SpinCore
from gateway.spin.hot_routes import HotRoute, find
from gateway.spin.parameters import SESSION_ID

HEADERS_MAX: Final = 64
_REQUEST_LINE: Final = re.compile(
    rb"(GET|POST) ((/spin(?:/[A-Za-z0-9._:@~/-]*)?)(?:\?([!$&'()*+,./0-9:;=?@A-Z_a-z~%-]+))?) HTTP/1\.1"
)
_HEADER_NAME: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_LINE_ENDS: Final = [b"\r\n" * count for count in range(HEADERS_MAX + 1)]
_LEFT_TO_UVICORN: Final = frozenset(
    (b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer", b"keep-alive", b"proxy-connection")
)
_SPACE: Final = ord(" ")
_USUAL_NAMES: Final = (
    b"host",
    b"connection",
    b"content-length",
    b"content-type",
    b"accept",
    b"accept-encoding",
    b"user-agent",
    b"authorization",
    b"x-api-key",
    b"x-request-timestamp",
    b"x-request-sign",
    b"idempotency-key",
)
_KNOWN_NAMES: Final = {spelt: name for name in _USUAL_NAMES for spelt in (name, name.title())}
"""Names of headers as they are sent, and in lower case. Others are learned, up to a limit."""
_NAMES_MAX: Final = 1_024
_CLOSE: Final = b"connection: close\r\n"


# --- reading


class SimpleRequest(NamedTuple):
    """One whole request of the plainest kind; `rest` is what arrived after it."""

    path: str
    sent: HttpRequest
    rest: bytes


def read_simple(data: bytes) -> SimpleRequest | None:
    """The request at the start of `data`, if all of it is there and nothing about it is unusual; else None.

    Usual is: HTTP/1.1, a path under `/spin` without escapes, lines ended by CRLF, printable ASCII, headers as
    `name: value` with different names, a Host, a body of a stated length, and nothing that changes how the connection
    or the body is handled.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    asked = _REQUEST_LINE.fullmatch(line)
    if not end or asked is None or len(lines) > HEADERS_MAX or not _is_plain(head, len(lines)):
        return None
    headers = _simple_headers(lines)
    size = None if headers is None else _body_size(headers)
    if headers is None or size is None or size > len(body):
        return None
    method, target, path, query = asked.groups()
    sent = HttpRequest(method.decode(), target, query or b"", headers, body[:size])
    return SimpleRequest(path.decode(), sent, body[size:])


def _is_plain(head: bytes, line_ends: int) -> bool:
    """Whether all is printable ASCII but the ends of lines, and no value has spaces around it or is nothing but one."""
    if head.translate(None, _PRINTABLE) != _LINE_ENDS[line_ends]:
        return False
    return b":  " not in head and b" \r\n" not in head and head[-1] != _SPACE


def _simple_headers(lines: list[bytes]) -> dict[bytes, bytes] | None:
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b": ")
        known = _KNOWN_NAMES.get(name) or _learned(name)
        if known is None or not value:
            return None
        headers[known] = value
    if len(headers) != len(lines) or b"host" not in headers:
        return None
    keeps_alive = b"connection" not in headers or headers[b"connection"].lower() == b"keep-alive"
    return headers if keeps_alive else None


def _learned(name: bytes) -> bytes | None:
    """The name in lower case; None if it is none, or of a header whose meaning is uvicorn's business."""
    lower = name.lower()
    if _HEADER_NAME.fullmatch(name) is None or lower in _LEFT_TO_UVICORN:
        return None
    if len(_KNOWN_NAMES) < _NAMES_MAX:
        _KNOWN_NAMES[name] = lower
    return lower


def _body_size(headers: HeaderMap) -> int | None:
    length = headers.get(b"content-length", b"0")
    if length == b"0":
        return 0
    return int(length) if length.isdigit() and len(length) <= 6 else None


# --- serving


class SpinProtocol(HttpProtocol):
    """One connection. Reads no further request before the one under way is answered."""

    def __init__(self, core: SpinCore, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._core = core
        self._spinning = False
        """Whether a spin is under way."""
        self._dated: object = None
        self._usual_head = b""
        """How every success begins, with the date of `_dated`."""
        self._idle_since: float | None = None
        """Since when nothing has come after a spin (time of the loop); None: something has, or uvicorn waits itself."""
        self._idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes a connection, or refuses it if there are too many; a peer that sends nothing is not waited for."""
        super().connection_made(transport)
        if len(self.connections) > self._core.connections_max:
            self._core.request("unmatched", "overloaded")
            self.refuse(Refused("overloaded", "This gateway has as many connections as it may have."))
            return
        self._wait_for_more()

    def data_received(self, data: bytes) -> None:
        """Serves a simple request to `/spin*` at once; all else goes to uvicorn."""
        if self._spinning or self._held or self.flow.write_paused:
            self._hold(data)
        elif not (self._free() and self._served(data)):
            self._is_not_idle()
            super().data_received(data)

    def _free(self) -> bool:
        """Whether uvicorn has nothing under way, so that the next bytes begin a request."""
        cycle = self.cycle
        return not self._parsing and (cycle is None or (cycle.response_complete and not self.pipeline))

    def _served(self, data: bytes) -> bool:
        if self.transport.is_closing() or (request := read_simple(data)) is None:
            return False
        route, session_id = find(request.path)
        if route is None or not self._takes(request.sent, route, session_id):
            return False
        self._is_not_idle()
        self._spinning, self._held = True, request.rest
        self._core.serve(route, session_id, request.sent, self._respond)
        return True

    def _takes(self, request: HttpRequest, route: HotRoute, session_id: str) -> bool:
        """Whether the core can take it; what is wrong otherwise, the hot path says."""
        if request.method != route.method or (session_id and SESSION_ID.fullmatch(session_id) is None):
            return False
        body = request.body
        return not body or (len(body) <= self._core.body_bytes_max and is_json(request.headers))

    def _respond(self, answer: Answer) -> None:
        self._spinning = False
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        reply = answer.reply()
        last = _CLOSE if self._ending and not self._held else b""
        self.transport.write(b"%b%d\r\n%b\r\n%b" % (self._head(reply), len(reply.body), last, reply.body))
        if last:
            self.transport.close()
        elif self._held:
            self.loop.call_soon(self._go_on)
        else:
            self._wait_for_more()

    def _head(self, reply: Reply) -> bytes:
        """Everything before the length of the body. uvicorn renews the date once a second."""
        dated, usual = self.server_state.default_headers, reply.status == 200 and len(reply.headers) == 1
        if usual and dated is self._dated:
            return self._usual_head
        lines = b"".join([b"%b: %b\r\n" % header for header in [*dated, *reply.headers]])
        head = b"%b%bcontent-length: " % (STATUS_LINE[reply.status], lines)
        if usual:
            self._dated, self._usual_head = dated, head
        return head

    def _waits(self) -> bool:
        return self._spinning or super()._waits()

    def _hold(self, data: bytes) -> None:
        self._is_not_idle()
        super()._hold(data)

    # --- the end of a connection

    def _is_not_idle(self) -> None:
        """Something has come: neither our timer nor uvicorn's may end the connection."""
        self._idle_since = None
        self._unset_keepalive_if_required()

    def _wait_for_more(self) -> None:
        """One timer for many spins: when it rings, it looks how long the connection has really been idle."""
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_whether_idle)

    def _look_whether_idle(self) -> None:
        self._idle_timer = None
        if self._idle_since is None:
            return
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._idle_timer = self.loop.call_later(left_s, self._look_whether_idle)
        else:
            self.timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """The server ends: a spin under way is answered first, and what came after it."""
        if self._spinning:
            self._ending = True
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer hung up, or we did; the answer to a spin under way is dropped."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        super().connection_lost(exc)
