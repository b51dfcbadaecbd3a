"""What waits for a second person, and the second person's verdict (`four_eyes` of platform.yaml)."""

from typing import Annotated, Any, Final

from fastapi import Path
from starlette.responses import Response

from actors.host.clock import now_ms
from gateway.access.admission import forbidden
from gateway.access.auth import Caller
from gateway.access.roles import AUDITOR, DEPLOYERS
from gateway.declaring import PLAYER, Routes
from gateway.documents.base import Json
from gateway.documents.requests import EmptyRequest, ReasonRequest
from gateway.documents.values import rfc3339
from gateway.four_eyes.approvals import Decision, Status, Verdict, Waiting
from gateway.http.errors import Refused, RefusedByPlayer
from gateway.recording.operation import DONE
from gateway.routes.call import Call, ThisCall, answer
from gateway.routes.second_person import carry_out, decided, finish

routes = Routes()

NOTHING: Final = EmptyRequest()
_REFUSES: Final = ("approval_not_found", "invalid_state")
_BY_THE_OPERATION: Final = (
    *PLAYER,
    "already_processed",
    "catalog_invalid",
    "insufficient_points",
    "level_not_found",
)
"""What the operation itself may refuse with, when it is carried out."""

ApprovalId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class ApprovalJson(Json):
    """An operation that waits for a second person, or was decided in the last seven days.

    `status`: `waiting`, `expired`, `rejected`; `approved` while it is carried out, then `done`, or `refused` with the
    code in `outcome`. `roles`: whoever approves needs all of them. `why`: the rule by which two persons must agree.
    """

    approval_id: str
    status: Status
    operation: str
    player_id: str
    reason: str
    why: str
    roles: tuple[str, ...]
    proposed_by: str
    proposed_at: str
    expires_at: str
    decided_by: str | None
    decided_at: str | None
    decision_reason: str | None
    outcome: str | None


class ApprovalsJson(Json):
    """Newest first."""

    approvals: list[ApprovalJson]


class DecidedJson(ApprovalJson):
    """The operation after the verdict. `replayed`: it had been decided like this before."""

    replayed: bool


@routes.read(
    "GET /approvals", roles=DEPLOYERS | AUDITOR, answers=ApprovalsJson, refuses=("journal_unavailable",),
    asks_player=False,
)  # fmt: skip
async def listed(call: ThisCall) -> Response:
    """What waits for a second person of the caller's roles, and what was decided; auditors see all."""
    caller = call.admit()
    found = [each for each in await call.parts.approvals.listed() if _concerns(caller, each)]
    return answer(ApprovalsJson([ApprovalJson(**_fields(each)) for each in found]))


@routes.change(
    "POST /approvals/{approval_id}/approve",
    roles=DEPLOYERS,
    answers=DecidedJson,
    refuses=(*_REFUSES, "own_proposal", *_BY_THE_OPERATION),
    asks_player=False,
)
async def approve(call: ThisCall, approval_id: ApprovalId, body: EmptyRequest = NOTHING) -> Response:
    """The second person agrees: the operation is carried out at once, under the key of whoever proposed it."""
    caller, waiting = await _judged(call, approval_id)
    if caller.id == waiting.summary.who:
        raise Refused("own_proposal", f"{caller.id} proposed this: somebody else must approve it.")
    before = waiting.decision
    waiting = await _decide(call, caller, waiting, "approved", "")
    if waiting.decision is not None and not waiting.decision.outcome:
        waiting = await _carry_out(call, waiting)
    call.tell(None, {"operation": waiting.summary.route, "status": waiting.status(now_ms())})
    return answer(DecidedJson(**_fields(waiting), replayed=before is not None))


@routes.change(
    "POST /approvals/{approval_id}/reject", roles=DEPLOYERS, answers=DecidedJson, refuses=_REFUSES, asks_player=False
)
async def reject(call: ThisCall, approval_id: ApprovalId, body: ReasonRequest) -> Response:
    """The second person disagrees, or whoever proposed it takes it back: it is never carried out."""
    caller, waiting = await _judged(call, approval_id, body.reason)
    before = waiting.decision
    waiting = await _decide(call, caller, waiting, "rejected", body.reason)
    call.tell(None, {"operation": waiting.summary.route, "status": "rejected"})
    return answer(DecidedJson(**_fields(waiting), replayed=before is not None))


async def _judged(call: Call, approval_id: str, reason: str = "") -> tuple[Caller, Waiting]:
    """The caller, who may decide on it, and the proposal. Raises Refused."""
    caller = call.admit()
    call.command_id(caller)
    waiting = await call.parts.approvals.find(approval_id)
    if not caller.roles.issuperset(waiting.summary.roles):
        needed = ", ".join(waiting.summary.roles)
        raise forbidden(caller, call.route.name, f"Whoever decides on this needs: {needed}.", approval_id)
    call.about(player_id=waiting.summary.player_id, reason=reason)
    await call.ask_first(subject=approval_id, wanted={"operation": waiting.summary.route})
    return caller, waiting


async def _decide(call: Call, caller: Caller, waiting: Waiting, verdict: Verdict, reason: str) -> Waiting:
    """The proposal with this verdict. Raises Refused if there is another one, or it is too late."""
    if waiting.decision is None and waiting.status(now_ms()) == "expired":
        raise decided(waiting)
    if waiting.decision is None:
        decision = Decision(verdict, caller.id, now_ms(), reason)
        waiting = await call.parts.approvals.decide(waiting, decision)
    if waiting.decision is None or waiting.decision.verdict != verdict:
        raise decided(waiting)
    return waiting


async def _carry_out(call: Call, waiting: Waiting) -> Waiting:
    """Carries an approved operation out, with an entry of its own for whoever proposed it. Raises as `carry_out`."""
    acting = call.on_behalf(waiting, await call.parts.approvals.body(waiting.approval_id))
    summary, code = waiting.summary, "outcome_unknown"
    try:
        await carry_out(acting, Caller(summary.who, frozenset(summary.proposer_roles)), waiting)
        code = "ok"
    except (Refused, RefusedByPlayer) as refused:
        code = refused.code
        raise
    finally:
        unrecorded = await call.parts.recording.close(acting.operation, code)
    if unrecorded is not None:
        raise unrecorded
    return await finish(call, waiting, DONE)


def _concerns(caller: Caller, waiting: Waiting) -> bool:
    return "auditor" in caller.roles or not caller.roles.isdisjoint(waiting.summary.roles)


def _fields(waiting: Waiting) -> dict[str, Any]:
    summary, decision = waiting.summary, waiting.decision
    return {
        "approval_id": waiting.approval_id,
        "status": waiting.status(now_ms()),
        "operation": summary.route,
        "player_id": summary.player_id,
        "reason": summary.reason,
        "why": summary.why,
        "roles": summary.roles,
        "proposed_by": summary.who,
        "proposed_at": rfc3339(waiting.put_ms),
        "expires_at": rfc3339(waiting.lapses_ms),
        "decided_by": None if decision is None else decision.by,
        "decided_at": None if decision is None else rfc3339(decision.at_ms),
        "decision_reason": None if decision is None else decision.reason or None,
        "outcome": None if decision is None else decision.outcome or None,
    }
