"""Live operations on the cluster. Each answers as soon as it is begun; `GET /cluster` shows how far it is."""

from typing import Any, Final

import msgspec
from starlette.responses import Response

from gateway.access.roles import OPS
from gateway.declaring import CONTROL, Routes
from gateway.documents.base import OperationBegunJson, OperationJson
from gateway.documents.requests import DrainRequest, EmptyRequest, ScaleRequest
from gateway.http.errors import Refused, invalid_field, key_taken
from gateway.live_operations import OperationAsked, OperationRefused
from gateway.ports import ControlUnavailable, KeyTaken
from gateway.routes.call import ThisCall, answer

routes = Routes()

_REFUSES: Final = ("invalid_state", *CONTROL)


@routes.change("POST /cluster/scale", roles=OPS, answers=OperationBegunJson, refuses=_REFUSES, asks_player=False)
async def scale(call: ThisCall, body: ScaleRequest) -> Response:
    """Brings the cluster to a number of shards; slots move a few at a time, and spins go on."""
    return await _begin(call, OperationAsked("scale", shards=body.shards), {"shards": body.shards})


@routes.change(
    "POST /cluster/drain",
    roles=OPS,
    answers=OperationBegunJson,
    refuses=("shard_not_found", *_REFUSES),
    asks_player=False,
)
async def drain(call: ThisCall, body: DrainRequest) -> Response:
    """Takes everything off a shard, which ends then, or off a node, whose shards get fresh processes on other nodes."""
    if bool(body.shard) == bool(body.node):
        raise invalid_field("body", "needs either shard or node")
    asked = OperationAsked("drain", shard=body.shard, node=body.node)
    return await _begin(call, asked, body.model_dump(exclude_defaults=True))


@routes.change(
    "POST /cluster/rolling-restart", roles=OPS, answers=OperationBegunJson, refuses=_REFUSES, asks_player=False
)
async def rolling_restart(call: ThisCall, body: EmptyRequest) -> Response:
    """Gives every shard a fresh process, one after the other."""
    return await _begin(call, OperationAsked("rolling_restart"), {})


@routes.change("POST /cluster/rebalance", roles=OPS, answers=OperationBegunJson, refuses=_REFUSES, asks_player=False)
async def rebalance(call: ThisCall, body: EmptyRequest) -> Response:
    """Evens out what shards carry."""
    return await _begin(call, OperationAsked("rebalance"), {})


async def _begin(call: ThisCall, asked: OperationAsked, wanted: dict[str, Any]) -> Response:
    """Raises Refused, ControlUnavailable."""
    caller = call.admit()
    command_id = call.command_id(caller)
    if call.parts.operations is None:
        raise ControlUnavailable("This gateway does not know the supervisor.")
    await call.ask_first(subject=asked.shard or asked.node, wanted=wanted)
    begun = await call.parts.operations.begin(asked, caller.id, command_id)
    if isinstance(begun, KeyTaken):
        raise key_taken()
    if isinstance(begun, OperationRefused):
        raise Refused(begun.code, begun.detail)
    number = begun.operation["number"]
    call.tell(None, {"operation": number, "asked": begun.operation["asked"]}, replayed=begun.replayed)
    return answer(OperationBegunJson(msgspec.convert(begun.operation, OperationJson), begun.replayed))
