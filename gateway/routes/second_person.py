"""Routes whose operation may wait for a second person: proposing it, and carrying it out once it is approved."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import Response

from actors.host.clock import now_ms
from engine.catalog import FourEyes
from gateway.access.auth import Caller
from gateway.access.roles import Role
from gateway.documents.base import WaitingJson
from gateway.documents.values import rfc3339
from gateway.four_eyes.approvals import CARRIED_OUT_MS, Decision, Summary, Waiting, content_of
from gateway.http.errors import TABLE, Refused, RefusedByPlayer, key_taken
from gateway.recording.operation import DONE, WAITING
from gateway.routes.call import Call, answer

Perform = Callable[[Call, Caller, str], Awaitable[Response]]
"""Carries an operation out: the request, on whose behalf, and the command id. The body is that of `Call.body`."""

PERFORM: Final[dict[str, Perform]] = {}
"""By route: how an operation that was approved is carried out."""


def performs(route: str) -> Callable[[Perform], Perform]:
    """Declares how the operation of a route that may wait is carried out."""

    def declare(perform: Perform) -> Perform:
        PERFORM[route] = perform
        return perform

    return declare


async def done_or_waiting(call: Call, why: Callable[[FourEyes], str], *, player_id: str, reason: str) -> Response:
    """Carries the operation of this request out at once, or lets it wait if `why` says that two persons must agree."""
    caller = call.admit()
    command_id = call.command_id(caller)
    needed = why(call.parts.control.catalog().four_eyes)
    if not needed:
        return await PERFORM[call.route.name](call, caller, command_id)
    call.about(player_id=player_id, reason=reason)
    await call.ask_first(wanted={"two_persons": needed})
    return await wait(call, caller, command_id, needed, call.route.roles & caller.roles)


async def wait(
    call: Call, caller: Caller, command_id: str, why: str, roles: frozenset[Role], base: int = 0
) -> Response:
    """Lets the operation wait (202). If it is approved but not carried out yet, the same request again carries it out.

    `roles` are those that the second person must have. Raises Refused if the operation was rejected or carried out.
    """
    operation = call.operation
    summary = Summary(
        route=call.route.name,
        who=caller.id,
        proposer_roles=tuple(sorted(caller.roles)),
        roles=tuple(sorted(roles)),
        command_id=command_id,
        content=content_of(call.body),
        content_type=call.headers.get(b"content-type", b"").decode("latin-1"),
        why=why,
        player_id=operation.player_id,
        reason=operation.reason,
        base=base,
    )
    asked_ms = now_ms()
    waiting = await call.parts.approvals.propose(summary, call.body, asked_ms)
    if waiting.summary.content != summary.content:
        raise key_taken()
    status = waiting.status(asked_ms)
    if status == "approved":
        response = await carry_out(call.approved(waiting), caller, waiting)
        await finish(call, waiting, DONE)
        return response
    if status != "waiting":
        raise decided(waiting)
    operation.outcome = WAITING
    call.tell(None, {"approval_id": waiting.approval_id, "why": why})
    expires_at, replayed = rfc3339(waiting.lapses_ms), waiting.put_ms != asked_ms
    return answer(WaitingJson(waiting.approval_id, "waiting", why, expires_at, replayed), 202)


async def carry_out(acting: Call, caller: Caller, waiting: Waiting) -> Response:
    """Carries an approved operation out for the `caller` who proposed it. Whoever calls this stores that it is done.

    A refusal for good is the operation's outcome and is stored here; after any other failure the operation can be
    carried out again. Raises Refused, RefusedByPlayer; Refused as well if the operation has its outcome already, or if
    the approval is so old that the operation's key may have been forgotten: then nothing would prove that the operation
    was not done before.
    """
    decision, summary = waiting.decision, waiting.summary
    if decision is None or decision.outcome or now_ms() - decision.at_ms >= CARRIED_OUT_MS:
        raise decided(waiting)
    try:
        return await PERFORM[summary.route](acting, caller, summary.command_id)
    except (Refused, RefusedByPlayer) as refused:
        if not TABLE[refused.code].retryable:
            await finish(acting, waiting, refused.code)
        raise


async def finish(call: Call, waiting: Waiting, outcome: str) -> Waiting:
    """Stores what became of an approved operation: `done`, or the code of its refusal."""
    held = waiting.decision
    if held is None:
        return waiting
    done = Decision(held.verdict, held.by, held.at_ms, held.reason, outcome)
    return await call.parts.approvals.decide(waiting, done)


def decided(waiting: Waiting) -> Refused:
    """`invalid_state` for a proposal that waits no more."""
    decision = waiting.decision
    if decision is None:
        return Refused("invalid_state", f"Nobody approved it until {rfc3339(waiting.lapses_ms)}: propose it anew.")
    detail = f"{decision.by} {decision.verdict} it at {rfc3339(decision.at_ms)}"
    if decision.outcome:
        became = "was done" if decision.outcome == DONE else f"was refused: {decision.outcome}"
        return Refused("invalid_state", f"{detail}, and it {became}.")
    if decision.verdict == "approved":
        unknown = "but whether it was done is not known: look, then propose it anew with another key."
        return Refused("invalid_state", f"{detail}, {unknown}")
    return Refused("invalid_state", f"{detail}: {decision.reason}" if decision.reason else f"{detail}.")
