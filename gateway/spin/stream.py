"""`WS /spin/stream`: many spins under way on one connection, in MessagePack (docs/stream.md).

The commands, their checks, refusals and metrics are those of HTTP: every request goes through the same `SpinCore`.
A stream reads messages while it may have more requests under way, and writes answers that come together as one
message. Authentication is at the connection's beginning, and again whenever keys are replaced.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter_ns
from typing import Any, Final

import msgspec

from engine.commands import CommandBody, Spin
from engine.queries import GetRound, QueryBody
from gateway.access.admission import admit, keyed
from gateway.access.auth import Authenticator, Caller
from gateway.access.roles import GAME
from gateway.documents import stream as ops
from gateway.http.bodies import not_as_documented, single_headers
from gateway.http.errors import Refused, invalid, invalid_field
from gateway.http.wire import Answer, HeaderMap, HttpRequest, Message, Receive, Scope, Send, target
from gateway.metrics import GatewayMetrics
from gateway.settings import GatewaySettings
from gateway.spin import hot_routes as hot
from gateway.spin.core import SpinCore, of_caller

logger = logging.getLogger(__name__)

SUBPROTOCOL: Final = "croupier.spin.v1"
ROUTE: Final = f"GET {hot.STREAM_PATH}"

SERVER_ENDS: Final = (1001, "the server ends")
NOT_BINARY: Final = (1003, "messages must be binary")
NOT_MESSAGEPACK: Final = (1007, "messages must be MessagePack arrays")
FAILED: Final = (1011, "internal error")
KEY_CHANGED: Final = (4401, "the key is not what it was")
ANSWERS_GATHERED_MAX: Final = 64
WRITE_TIMEOUT_PINGS: Final = 2
"""A client that reads nothing for so many intervals of pings is gone."""
End = tuple[int, str]
"""A close code, and why."""

_ROUTES: Final[dict[type, hot.HotRoute]] = {
    ops.SpinOp: hot.SPIN,
    ops.BetOp: hot.BET,
    ops.ResultOp: hot.RESULT,
    ops.CancelOp: hot.CANCEL,
    ops.RollbackOp: hot.ROLLBACK,
    ops.RoundOp: hot.ROUND,
}
_decode_all = msgspec.msgpack.Decoder(list[ops.AnyOp]).decode
_decode_apart = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_one = msgspec.msgpack.Decoder(ops.AnyOp).decode
_decode_number = msgspec.msgpack.Decoder(ops.Numbered).decode
_encode = msgspec.msgpack.Encoder().encode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the decoders raise for bytes that are no MessagePack, or not of the documented types."""


class SpinStreams:
    """The ASGI application behind `WS /spin/stream`: all streams of this gateway."""

    def __init__(self, core: SpinCore, auth: Authenticator, metrics: GatewayMetrics, settings: GatewaySettings) -> None:
        self._core, self._auth, self._metrics, self._settings = core, auth, metrics, settings
        self._open: dict[Stream, tuple[HeaderMap, object]] = {}
        self._ending = False
        auth.watch(self._check_keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection until it ends."""
        await receive()
        try:
            headers, caller = self._admitted(scope)
        except Refused as refused:
            self._metrics.request(ROUTE, refused.code)
            self._core.attempt(ROUTE, refused, dict(scope["headers"]))
            await refuse_upgrade(scope, send, refused)
            return
        self._metrics.request(ROUTE, "ok")
        stream = Stream(self._core, caller, self._settings)
        self._open[stream] = headers, self._auth.standing(headers)
        self._count()
        try:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            await stream.serve(receive, send)
        finally:
            del self._open[stream]
            self._count()

    def _admitted(self, scope: Scope) -> tuple[HeaderMap, Caller]:
        """Who connects. Raises Refused."""
        headers = single_headers(scope["headers"])
        if SUBPROTOCOL not in scope["subprotocols"]:
            raise invalid_field("sec-websocket-protocol", f"must offer {SUBPROTOCOL}")
        if scope["query_string"]:
            raise invalid_field("query", "must be empty: the stream has no parameters")
        caller = admit(self._auth, ROUTE, GAME, HttpRequest("GET", target(scope), b"", headers, b""))
        if self._ending or len(self._open) >= self._settings.streams_max:
            raise Refused("overloaded", "This gateway takes no more streams now.")
        return headers, caller

    def _check_keys(self) -> None:
        for stream, (headers, standing) in list(self._open.items()):
            if self._auth.standing(headers) != standing:
                stream.end(KEY_CHANGED)

    def _count(self) -> None:
        self._metrics.streams = len(self._open)

    async def end(self) -> None:
        """The server ends: takes no more streams; returns when all have answered what was under way."""
        self._ending = True
        for stream in list(self._open):
            stream.end(SERVER_ENDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.shutdown_timeout_s):
                while self._open:
                    await asyncio.sleep(0.01)


async def refuse_upgrade(scope: Scope, send: Send, refused: Refused) -> None:
    """Answers a WebSocket's opening with an ordinary HTTP answer."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    reply = refused.reply()
    headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reply.body})


class Stream:
    """One connection: a reader of requests, a writer of answers."""

    def __init__(self, core: SpinCore, caller: Caller, settings: GatewaySettings) -> None:
        self._core, self._caller, self._settings = core, caller, settings
        self._under_way = 0
        self._answers: list[msgspec.Raw] = []
        self._news = asyncio.Event()
        """For the writer: there are answers, or there will be none."""
        self._room = asyncio.Event()
        self._end: asyncio.Future[End | None] = asyncio.get_running_loop().create_future()

    def end(self, end: End | None) -> None:
        """Reads no more, answers what is under way, and closes; None: the client is gone."""
        if not self._end.done():
            self._end.set_result(end)
            self._news.set()

    async def serve(self, receive: Receive, send: Send) -> None:
        """Serves until either side ends it."""
        limits = ops.Hello(self._settings.stream_in_flight_max, self._settings.stream_message_bytes_max)
        await send({"type": "websocket.send", "bytes": _encode(limits)})
        reader = asyncio.create_task(self._read(receive), name="stream reader")
        writer = asyncio.create_task(self._write(send), name="stream writer")
        try:
            end = await self._end
            reader.cancel()
            if end is not None and await writer:
                await self._send(send, {"type": "websocket.close", "code": end[0], "reason": end[1]})
        finally:
            reader.cancel()
            writer.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)

    # --- requests

    async def _read(self, receive: Receive) -> None:
        try:
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    self.end(None)
                    return
                data = message.get("bytes")
                if data is None:
                    self.end(NOT_BINARY)
                    return
                await self._take(data)
        except _UNREADABLE:
            self.end(NOT_MESSAGEPACK)
        except Exception:
            logger.exception("a stream of %s failed", self._caller.id)
            self.end(FAILED)

    async def _take(self, data: bytes) -> None:
        """Starts every request of a message, in order. Raises one of `_UNREADABLE` if it is no array at all."""
        try:
            requests: Sequence[ops.AnyOp | msgspec.Raw] = _decode_all(data)
        except (msgspec.ValidationError, UnicodeDecodeError):
            requests = _decode_apart(data)
        for request in requests:
            while self._under_way >= self._settings.stream_in_flight_max:
                self._room.clear()
                await self._room.wait()
            self._under_way += 1
            if type(request) is msgspec.Raw:
                self._start_doubtful(request)
            else:
                self._start(request)

    def _start_doubtful(self, raw: msgspec.Raw) -> None:
        """One of a message that could not be read as a whole: maybe this one can."""
        started_ns = perf_counter_ns()
        try:
            request = _decode_one(raw)
        except msgspec.ValidationError as error:
            refused = not_as_documented(error)
        except _UNREADABLE:
            refused = invalid_field("request", "is not valid MessagePack")
        else:
            self._start(request)
            return
        self._core.refuse("unmatched", refused, _Pending(self, _number(raw)).respond, started_ns)

    def _start(self, request: ops.AnyOp) -> None:
        """Asks the player."""
        started_ns = perf_counter_ns()
        route, respond = _ROUTES[type(request)], _Pending(self, request.id).respond
        rate = self._caller.rate
        try:
            if rate is not None:
                rate.demand(started_ns)
            body = _BUILD[type(request)](request, getattr(request, "session_id", ""))
            command = "" if isinstance(request, ops.RoundOp) else keyed(self._caller, request.key)
        except Refused as refused:
            self._core.refuse(route.name, refused, respond, started_ns)
        except Exception:
            self._core.fail(route, respond, started_ns)
        else:
            self._core.ask(route, request.player_id, command, of_caller(body, self._caller.id), respond, started_ns)

    # --- answers

    def answer(self, number: int | None, answer: Answer) -> None:
        """Queues an answer; all of this turn of the loop leave as one message."""
        after = dict(answer.headers).get(b"retry-after") if answer.headers else None
        encoded = _encode(
            ops.StreamAnswer(number, answer.status, answer.document, None if after is None else int(after))
        )
        self._answers.append(msgspec.Raw(encoded))
        self._news.set()

    async def _write(self, send: Send) -> bool:
        """Sends answers until the stream has ended and all that was under way is answered; False: the client is gone.

        A request is under way until its answer has left: a client that doesn't read is not read from either.
        """
        while self._answers or self._under_way or not self._end.done():
            if not self._answers:
                self._news.clear()
                await self._news.wait()
                continue
            await self._gather()
            answers, self._answers = self._answers, []
            if not await self._send(send, {"type": "websocket.send", "bytes": _encode(answers)}):
                self.end(None)
                return False
            self._under_way -= len(answers)
            self._room.set()
        return True

    async def _gather(self) -> None:
        """Lets the answers of the next turns join while more come: a message costs as much as many answers."""
        seen = 0
        while seen < len(self._answers) < min(self._under_way, ANSWERS_GATHERED_MAX):
            seen = len(self._answers)
            await asyncio.sleep(0)

    async def _send(self, send: Send, message: Message) -> bool:
        """Whether the client took it in time."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_PINGS * self._settings.stream_ping_s):
                await send(message)
        except Exception as failure:
            logger.info("a stream of %s takes no answers: %r", self._caller.id, failure)
            return False
        return True


class _Pending:
    """A request under way on a stream."""

    __slots__ = ("_number", "_stream")

    def __init__(self, stream: Stream, number: int | None) -> None:
        self._stream, self._number = stream, number

    def respond(self, answer: Answer) -> None:
        self._stream.answer(self._number, answer)


def _spin(request: ops.SpinOp, _session_id: str) -> Spin:
    if request.mode == "real" and request.bet is None:
        raise invalid([hot.NO_BET])
    return Spin(request.game_id, request.mode, request.bet, request.win, request.round_id)


_BUILD: Final[dict[type, Callable[[Any, str], CommandBody | QueryBody]]] = {
    ops.SpinOp: _spin,
    ops.BetOp: hot.build_bet,
    ops.ResultOp: hot.build_result,
    ops.CancelOp: hot.build_cancel,
    ops.RollbackOp: hot.build_rollback,
    ops.RoundOp: lambda _request, session_id: GetRound(session_id),
}


def _number(raw: msgspec.Raw) -> int | None:
    """The id of a request that can't be read, if at least that can."""
    try:
        return _decode_number(raw).id
    except _UNREADABLE:
        return None
