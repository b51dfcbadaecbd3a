"""The sandbox clock, by which testers move time ahead; served only if settings say so (rules §10)."""

from starlette.responses import Response

from engine.calendar import LATEST
from gateway.access.roles import OPS, PLATFORM
from gateway.declaring import CONTROL, Routes
from gateway.documents.requests import ClockRequest
from gateway.documents.values import rfc3339
from gateway.http.errors import Refused, invalid_field, key_taken
from gateway.ports import KeyTaken, TimeEnds
from gateway.routes.call import ThisCall, answer
from gateway.routes.catalogs.schemas import ClockJson

routes = Routes()


@routes.change("POST /sandbox/clock", roles=PLATFORM | OPS, answers=ClockJson, refuses=CONTROL, asks_player=False)
async def advance(call: ThisCall, body: ClockRequest) -> Response:
    """Moves the clock ahead and answers when all work due by then is done."""
    command_id = call.command_id(call.admit())
    await call.ask_first(wanted={"advance_seconds": body.advance_seconds})
    clock = await call.parts.control.advance_clock(body.advance_seconds, command_id)
    if isinstance(clock, KeyTaken):
        raise key_taken()
    if isinstance(clock, TimeEnds):
        raise _beyond_time(body.advance_seconds, clock.left_seconds)
    offset = clock.offset_ms // 1000
    before = {"offset_seconds": offset - body.advance_seconds}
    call.tell(before, {"offset_seconds": offset}, replayed=clock.replayed)
    return answer(ClockJson(rfc3339(clock.now_ms), offset, clock.replayed))


def _beyond_time(seconds: int, left: int) -> Refused:
    possible = f"at most {left} more seconds are possible" if left else "the clock can't be moved any more"
    reason = f"{seconds} would lead beyond {LATEST}, the latest instant there is; {possible}"
    return invalid_field("advance_seconds", reason)
