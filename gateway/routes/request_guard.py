"""Around FastAPI: bodies are bounded and checked before anything parses them, every failure becomes a problem document,
and every request is counted."""

import logging
from typing import Final

from starlette.types import ASGIApp

from gateway.access.auth import Caller
from gateway.declaring import RouteTable
from gateway.http.bodies import bundle_body, json_body, single_headers
from gateway.http.duplicates import refuse_duplicates
from gateway.http.errors import Refused, internal_error, invalid_field, method_not_allowed
from gateway.http.wire import HeaderMap, Message, Receive, Scope, Send, send_reply
from gateway.metrics import GatewayMetrics
from gateway.ports import AsOf
from gateway.recording.operation import Operation
from gateway.settings import GatewaySettings

logger = logging.getLogger(__name__)

RECEIVED: Final = "croupier.received"
"""Where in the ASGI scope a request's `ReceivedRequest` is."""


class ReceivedRequest:
    """One request: its raw parts, which callers sign, and how it ended (`ok` or the code of its refusal).

    `caller` is set once the caller is admitted, and `operation` if the control log is to tell of the call. `as_of`: the
    answer is as old as this snapshot.
    """

    __slots__ = ("as_of", "body", "caller", "code", "headers", "operation")

    def __init__(self, headers: HeaderMap, body: bytes) -> None:
        self.headers = headers
        self.body = body
        self.code = "ok"
        self.caller: Caller | None = None
        self.operation: Operation | None = None
        self.as_of: AsOf | None = None


class RequestGuard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, routes: RouteTable, metrics: GatewayMetrics, settings: GatewaySettings) -> None:
        self._app = app
        self._routes = routes
        self._metrics = metrics
        self._settings = settings
        self._bundles = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything but HTTP through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in self._routes.form_paths:
            await self._bundle(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _bundle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request that may hold a catalog: only so many are in memory at once."""
        if self._bundles >= self._settings.bundles_max:
            self._metrics.request("unmatched", "overloaded")
            await send_reply(send, Refused("overloaded", "Too many catalogs are being sent at once.").reply())
            return
        self._bundles += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._bundles -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if self._routes.is_shadowed(scope["method"], scope["path"]):
                raise method_not_allowed(self._routes.methods_of(scope["path"]))
            headers = single_headers(scope["headers"])
            body = await self._body(scope["path"], headers, receive)
        except Refused as refused:
            self._metrics.request("unmatched", refused.code)
            await send_reply(send, refused.reply())
            return
        received = scope[RECEIVED] = ReceivedRequest(headers, body)
        await self._run(scope, received, receive, send)
        route = getattr(scope.get("route"), "path", None)
        self._metrics.request(f"{scope['method']} {route}" if route else "unmatched", received.code)

    async def _body(self, path: str, headers: HeaderMap, receive: Receive) -> bytes:
        """Reads the body.

        A catalog may be larger than any other body, and its files are checked where they are taken apart.
        """
        if path in self._routes.form_paths:
            return await bundle_body(headers, receive, self._settings.catalog_bytes_max)
        body = await json_body(headers, receive, self._settings.body_bytes_max)
        _check_text(body)
        if body:
            refuse_duplicates(body)
        return body

    async def _run(self, scope: Scope, received: ReceivedRequest, receive: Receive, send: Send) -> None:
        started = read = False

        async def receive_again() -> Message:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": received.body, "more_body": False}

        async def send_on(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive_again, send_on)
        except Exception:
            logger.exception("%s %s failed", scope["method"], ascii(scope["path"][:200]))
            received.code = "internal_error"
            if not started:
                await send_reply(send, internal_error().reply())


def _check_text(body: bytes) -> None:
    """Refuses JSON that is not UTF-8. Python's parser would also guess UTF-16 and UTF-32, which are full of NULs."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid_field("body", "is not valid JSON in UTF-8") from None
    if b"\0" in body:
        raise invalid_field("body", "is not valid JSON in UTF-8")
