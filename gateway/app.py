"""The HTTP application: FastAPI for everything, except that `/spin*` goes straight to the hot path inside it."""

from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from actors.outcome import Players
from gateway.access.auth import Authenticator
from gateway.figures import HouseFigures
from gateway.four_eyes.approvals import Approvals
from gateway.http.errors import FieldError, Refused, RefusedByPlayer, invalid, invalid_field, method_not_allowed
from gateway.http.wire import head_as_get
from gateway.live_operations import OperationsPort
from gateway.metrics import GatewayMetrics
from gateway.openapi import document
from gateway.ports import (
    ClusterPort,
    ControlLogPort,
    ControlPort,
    ControlUnavailable,
    HistoryPort,
    LogUnavailable,
    ProposalsPort,
    ReadersPort,
    ReportsPort,
    SnapshotsPort,
    SwitchesPort,
)
from gateway.recording.recording import Recording
from gateway.route_table import MODULES, ROUTES
from gateway.routes.call import NO_EVENTS, GatewayParts
from gateway.routes.operations import sandbox
from gateway.routes.recorder import Recorder
from gateway.routes.request_guard import RECEIVED, ReceivedRequest, RequestGuard
from gateway.settings import GatewaySettings
from gateway.spin.core import SpinCore
from gateway.spin.hot_routes import STREAM_PATH, is_hot
from gateway.spin.path import HotPath
from gateway.spin.stream import SpinStreams, refuse_upgrade

VERSION: Final = "0.1.0"


class GatewayApp(FastAPI):
    """FastAPI, with a shortcut in front of its middleware for the routes of the hot path."""

    def __init__(self, core: SpinCore, streams: SpinStreams) -> None:
        super().__init__(
            title="Croupier",
            version=VERSION,
            description="Durable spins: wallets, rounds, free spins and bonuses of casino players.",
            redirect_slashes=False,
            redoc_url=None,
            swagger_ui_oauth2_redirect_url=None,
        )
        self.core = core
        self.streams = streams
        self._hot = HotPath(core)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = head_as_get(scope, send)
        answering = self._hot if is_hot(scope["path"]) else super().__call__
        await answering(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == STREAM_PATH:
            await self.streams(scope, receive, send)
        else:
            await receive()
            there_is_none = Refused("not_found", f"There is no WebSocket {scope['path'][:200]!a}.")
            await refuse_upgrade(scope, send, there_is_none)

    def openapi(self) -> dict[str, Any]:
        """The document of every route, the hot ones included."""
        if self.openapi_schema is None:
            self.openapi_schema = document(self.title, self.version, self.description, self.routes, ROUTES)
        return self.openapi_schema


def create_app(
    players: Players,
    auth: Authenticator,
    cluster: ClusterPort,
    control: ControlPort,
    control_log: ControlLogPort,
    proposals: ProposalsPort,
    switches: SwitchesPort,
    settings: GatewaySettings,
    events: bytes = NO_EVENTS,
    readers: ReadersPort | None = None,
    reports: ReportsPort | None = None,
    history: HistoryPort | None = None,
    operations: OperationsPort | None = None,
    snapshots: SnapshotsPort | None = None,
) -> GatewayApp:
    """Wires the application. It owns nothing that must be closed: `players` and all ports belong to the caller.

    The caller runs `app.state.parts.recording`, which writes what no answer waits for.

    `events` is the AsyncAPI document, JSON, of what leaves beside the answers. Without `readers`, `reports`,
    `history` or `operations` nobody can ask for them; without `snapshots` no read is answered while a player's shard
    is out of reach.
    """
    metrics = GatewayMetrics()
    recording = Recording(control_log, metrics)
    core = SpinCore(players, auth, metrics, settings, recording)
    app = GatewayApp(core, SpinStreams(core, auth, metrics, settings))
    app.state.parts = GatewayParts(
        routes=ROUTES,
        players=players,
        auth=auth,
        cluster=cluster,
        control=control,
        recording=recording,
        approvals=Approvals(proposals),
        control_log=control_log,
        switches=switches,
        events=events,
        readers=readers,
        reports=reports,
        history=history,
        operations=operations,
        snapshots=snapshots,
    )
    app.state.metrics = metrics
    app.state.figures = HouseFigures(cluster, control, control_log)
    metrics.registry.register(app.state.figures)
    app.router.routes.extend(_routes(settings.sandbox))
    app.add_middleware(Recorder, recording=recording)
    app.add_middleware(RequestGuard, routes=ROUTES, metrics=metrics, settings=settings)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RefusedByPlayer, _refused)
    app.add_exception_handler(ControlUnavailable, _uncontrolled)
    app.add_exception_handler(LogUnavailable, _unlogged)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _framework)
    return app


@cache
def _routes(with_sandbox: bool) -> list[BaseRoute]:
    """All routes of FastAPI's. They hold nothing of an application, so a process analyses them once."""
    router = APIRouter(redirect_slashes=False)
    for module in (*MODULES, sandbox) if with_sandbox else MODULES:
        router.include_router(module.routes.router)
    return router.routes


async def _refused(request: Request, error: Exception) -> Response:
    refusal = cast(Refused | RefusedByPlayer, error)
    received: ReceivedRequest = request.scope[RECEIVED]
    received.code = refusal.code
    if isinstance(refusal, Refused) and received.operation is None:
        parts: GatewayParts = request.app.state.parts
        route = getattr(request.scope.get("route"), "path", "")
        parts.recording.attempt(refusal, f"{request.method} {route}", received.headers)
    reply = refusal.reply()
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, reply.status, headers)


async def _uncontrolled(request: Request, error: Exception) -> Response:
    return await _refused(request, Refused("outcome_unknown", str(error)))


async def _unlogged(request: Request, error: Exception) -> Response:
    operation = request.scope[RECEIVED].operation
    under_way = operation is not None and operation.asked
    return await _refused(request, Refused("outcome_unknown" if under_way else "journal_unavailable", str(error)))


async def _malformed(request: Request, error: Exception) -> Response:
    entries = cast(RequestValidationError, error).errors()
    return await _refused(request, invalid([_field_error(entry) for entry in entries]))


def _field_error(entry: dict[str, Any]) -> FieldError:
    if entry["type"] == "json_invalid":
        return FieldError("body", "is not valid JSON in UTF-8")
    location: Sequence[str | int] = entry["loc"]
    field = ".".join(ascii(str(part)[:64])[1:-1] for part in location[1:]) or str(location[0])
    return FieldError(field, str(entry["msg"]).removeprefix("Value error, "))


async def _framework(request: Request, error: Exception) -> Response:
    """Turns what Starlette and FastAPI raise themselves into a problem document: no route, no such method, bad JSON."""
    status = cast(HTTPException, error).status_code
    if status == HTTPStatus.NOT_FOUND:
        refused = Refused("not_found", f"There is no route {request.url.path[:200]!a}.")
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        refused = method_not_allowed(ROUTES.methods_of(request.url.path))
    elif status == HTTPStatus.BAD_REQUEST:
        refused = invalid_field("body", "is not valid JSON in UTF-8")
    else:
        raise error
    return await _refused(request, refused)
