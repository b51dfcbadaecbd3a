"""Webhooks as operators see them: how endpoints stand, tests, replays, disabling and enabling.

The requests go to the reader `webhooks`, wherever it runs, or to the one that an endpoint has for itself. The reader
keeps the endpoints and decides.
"""

from typing import Annotated, Final, TypeVar

from fastapi import Path
from starlette.responses import Response

from gateway.access.roles import OPS
from gateway.declaring import CONTROL, Routes
from gateway.documents.base import Json
from gateway.documents.requests import EmptyRequest, EnableRequest, ReplayRequest
from gateway.http.errors import Refused
from gateway.routes.call import ThisCall, answer
from gateway.routes.operations.asking import asked_of, reader_names

routes = Routes()

READER: Final = "webhooks"
ENDPOINT: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
NOT_FOUND: Final = ("webhook_not_found",)

NOTHING: Final = EmptyRequest()
AS_IT_WAS: Final = EnableRequest()

_Answer = TypeVar("_Answer", bound=Json)

EndpointName = Annotated[str, Path(pattern=ENDPOINT)]


class WebhookJson(Json):
    """One endpoint. `state` is `ok`, `failing`, `slowed`, `open` (its breaker) or `disabled`, then `why` says why.

    `owed` events wait, the oldest of them for `lag_ms`. `dead` ones were given up and can be replayed.
    """

    name: str
    url: str
    mode: str
    events: list[str]
    state: str
    why: str
    owed: int
    lag_ms: int
    dead: int
    last_success: str | None
    failing_since: str | None
    disabled_since: str | None


class WebhooksJson(Json):
    """All endpoints."""

    endpoints: list[WebhookJson]


class WebhookTestJson(Json):
    """What the endpoint answered to a test event, after `ms`. `status` 0: nothing; then `detail` says why."""

    endpoint: str
    outcome: str
    status: int
    ms: int
    detail: str


class WebhookReplayJson(Json):
    """So many events were lined up to be sent again; ids in `missing` were not found.

    `next_ms`: there was no room for what happened from then on (Unix ms). Repeat from there when less is owed.
    """

    endpoint: str
    replayed: int
    missing: list[str]
    next_ms: int | None


@routes.read("GET /webhooks", roles=OPS, answers=WebhooksJson, refuses=CONTROL, asks_player=False)
async def listed(call: ThisCall) -> Response:
    """How all webhook endpoints stand."""
    call.admit()
    endpoints: list[WebhookJson] = []
    for reader in _readers(call):
        endpoints += (await asked_of(call, reader, {"do": "list"}, WebhooksJson)).endpoints
    return answer(WebhooksJson(endpoints))


@routes.read(
    "POST /webhooks/{name}/test",
    roles=OPS,
    answers=WebhookTestJson,
    refuses=(*NOT_FOUND, *CONTROL),
    asks_player=False,
    recorded=True,
)
async def try_out(call: ThisCall, name: EndpointName, body: EmptyRequest = NOTHING) -> Response:
    """Sends a signed test event to an endpoint at once, and tells what it answered."""
    tested = await _do(call, name, {"do": "test"}, WebhookTestJson)
    call.tell(None, {"outcome": tested.outcome, "status": tested.status})
    return answer(tested)


@routes.read(
    "POST /webhooks/{name}/replay",
    roles=OPS,
    answers=WebhookReplayJson,
    refuses=(*NOT_FOUND, "replay_impossible", *CONTROL),
    asks_player=False,
    recorded=True,
)
async def replayed(call: ThisCall, name: EndpointName, body: ReplayRequest) -> Response:
    """Sends events again, by their ids or by the time they happened; they keep their ids."""
    again = await _do(call, name, {"do": "replay", **body.model_dump(exclude_none=True)}, WebhookReplayJson)
    call.tell(None, {"replayed_events": again.replayed, "missing": len(again.missing), "next_ms": again.next_ms})
    return answer(again)


@routes.read(
    "POST /webhooks/{name}/enable",
    roles=OPS,
    answers=WebhookJson,
    refuses=(*NOT_FOUND, *CONTROL),
    asks_player=False,
    recorded=True,
)
async def enabled(call: ThisCall, name: EndpointName, body: EnableRequest = AS_IT_WAS) -> Response:
    """Sends to an endpoint again: first what it was owed when it was disabled."""
    endpoint = await _do(call, name, {"do": "enable", "from_now": body.from_now}, WebhookJson)
    call.tell(None, {"state": endpoint.state, "owed": endpoint.owed})
    return answer(endpoint)


@routes.read(
    "POST /webhooks/{name}/disable",
    roles=OPS,
    answers=WebhookJson,
    refuses=(*NOT_FOUND, *CONTROL),
    asks_player=False,
    recorded=True,
)
async def disabled(call: ThisCall, name: EndpointName, body: EmptyRequest = NOTHING) -> Response:
    """Sends nothing to an endpoint until it is enabled again."""
    endpoint = await _do(call, name, {"do": "disable"}, WebhookJson)
    call.tell(None, {"state": endpoint.state, "owed": endpoint.owed})
    return answer(endpoint)


def _readers(call: ThisCall) -> list[str]:
    """The readers that keep endpoints: all of them together, and each of those that have a reader of their own."""
    return [name for name in reader_names(call) if name == READER or name.startswith(f"{READER}-")]


def _reader_of(call: ThisCall, endpoint: str) -> str:
    readers = _readers(call)
    if not readers:
        raise Refused("webhook_not_found", f"There is no webhook {endpoint!r}: no webhooks are configured.")
    own = f"{READER}-{endpoint}"
    return own if own in readers else READER


async def _do(call: ThisCall, name: str, asked: dict[str, object], type_: type[_Answer]) -> _Answer:
    """Admits the caller, and has the endpoint's reader do something. Raises Refused, ControlUnavailable."""
    call.admit()
    await call.ask_first(subject=name, wanted=asked)
    return await asked_of(call, _reader_of(call, name), {**asked, "endpoint": name}, type_)
