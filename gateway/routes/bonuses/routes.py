"""A player's bonuses, and what players and operators decide about them (rules §4, §6, §7)."""

from typing import Annotated, Final, cast

from fastapi import Path
from starlette.responses import Response

from engine.answers import GrantAnswer, GrantStateAnswer
from engine.commands import (
    ApproveGrant,
    CancelGrant,
    ClaimGrant,
    CommandBody,
    DeclineGrant,
    GrantCampaign,
    ReleaseGrant,
)
from engine.queries import GetBonuses, GetCancelPreview
from engine.views import CancelPreview, GrantsView
from gateway.access.roles import MARKETING, PLATFORM, READERS
from gateway.declaring import BLOCKED, Routes
from gateway.documents.requests import OWN_ID, CancelGrantRequest, EmptyRequest, GrantRequest, ReasonRequest
from gateway.documents.visible import PERSONAL_ROLES
from gateway.routes.bonuses import render
from gateway.routes.bonuses.declined import award
from gateway.routes.bonuses.schemas import CancelPreviewJson, GrantsJson, GrantStateJson, ManualGrantJson
from gateway.routes.call import Call, Lang, PlayerId, ThisCall, answer, created

routes = Routes()

_GRANT: Final = ("grant_not_found", "invalid_state")

GrantId = Annotated[str, Path(pattern=OWN_ID)]
NOTHING: Final = EmptyRequest()
BY_PLAYER: Final = CancelGrantRequest()


@routes.read("GET /players/{player_id}/bonuses", roles=PLATFORM | READERS, answers=GrantsJson)
async def bonuses(call: ThisCall, player_id: PlayerId, lang: Lang = None) -> Response:
    """Live and recently ended grants, newest first, with their campaigns' texts."""
    outcome = await call.query(player_id, GetBonuses())
    view = cast(GrantsView, outcome.answer)
    of_player = view.language if call.may_see(PERSONAL_ROLES) else None
    language, texts = call.language(lang, of_player), call.parts.control.texts()
    return answer(GrantsJson([render.bonus(of, texts, language) for of in view.grants], language))


@routes.change(
    "POST /players/{player_id}/bonuses",
    roles=MARKETING,
    answers=ManualGrantJson,
    refuses=(*BLOCKED, "campaign_blocked", "campaign_not_found", "not_eligible", "grant_declined"),
    creates=True,
)
async def grant(call: ThisCall, player_id: PlayerId, body: GrantRequest) -> Response:
    """An operator's manual grant of a campaign's award; `grant_declined` if the gate declines it."""
    outcome = await award(call, player_id, GrantCampaign(body.campaign_id, body.reason))
    return created(render.manual_grant(cast(GrantAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@routes.read(
    "GET /players/{player_id}/bonuses/{grant_id}/cancel-preview",
    roles=PLATFORM | READERS,
    answers=CancelPreviewJson,
    refuses=("grant_not_found",),
)
async def cancel_preview(call: ThisCall, player_id: PlayerId, grant_id: GrantId) -> Response:
    """What would be removed by giving up a grant or a free spin package. Changes nothing."""
    outcome = await call.query(player_id, GetCancelPreview(grant_id))
    return answer(render.cancel_preview(cast(CancelPreview, outcome.answer)))


@routes.change(
    "POST /players/{player_id}/bonuses/{grant_id}/claim",
    roles=PLATFORM,
    answers=GrantStateJson,
    refuses=(*BLOCKED, "campaign_blocked", *_GRANT),
)
async def claim(call: ThisCall, player_id: PlayerId, grant_id: GrantId, body: EmptyRequest = NOTHING) -> Response:
    """The player opts in."""
    return await _decide(call, player_id, ClaimGrant(grant_id))


@routes.change(
    "POST /players/{player_id}/bonuses/{grant_id}/cancel",
    roles=PLATFORM | MARKETING,
    answers=GrantStateJson,
    refuses=(*_GRANT, "round_open"),
)
async def cancel(
    call: ThisCall, player_id: PlayerId, grant_id: GrantId, body: CancelGrantRequest = BY_PLAYER
) -> Response:
    """The player, or an operator with a reason, gives up a grant or the unused spins of a package."""
    return await _decide(call, player_id, CancelGrant(grant_id, body.reason or ""))


@routes.change(
    "POST /players/{player_id}/bonuses/{grant_id}/approve",
    roles=MARKETING,
    answers=GrantStateJson,
    refuses=(*BLOCKED, "campaign_blocked", *_GRANT),
)
async def approve(call: ThisCall, player_id: PlayerId, grant_id: GrantId, body: ReasonRequest) -> Response:
    """An operator approves a grant that waits for a verdict."""
    return await _decide(call, player_id, ApproveGrant(grant_id, body.reason))


@routes.change(
    "POST /players/{player_id}/bonuses/{grant_id}/decline", roles=MARKETING, answers=GrantStateJson, refuses=_GRANT
)
async def decline(call: ThisCall, player_id: PlayerId, grant_id: GrantId, body: ReasonRequest) -> Response:
    """An operator declines a grant that waits for a verdict."""
    return await _decide(call, player_id, DeclineGrant(grant_id, body.reason))


@routes.change(
    "POST /players/{player_id}/bonuses/{grant_id}/release",
    roles=MARKETING,
    answers=GrantStateJson,
    refuses=(*_GRANT, "round_open"),
)
async def release(call: ThisCall, player_id: PlayerId, grant_id: GrantId, body: ReasonRequest) -> Response:
    """An operator completes a grant that is held for its low mean stake."""
    return await _decide(call, player_id, ReleaseGrant(grant_id, body.reason))


async def _decide(call: Call, player_id: str, command: CommandBody) -> Response:
    outcome = await call.command(player_id, command)
    return answer(render.grant_state(cast(GrantStateAnswer, outcome.answer), player_id, outcome.replayed))
