"""Loyalty: where a player stands, what operators change by hand, and points becoming free play (rules §8)."""

from typing import Annotated, Final, cast

from fastapi import Path, Query
from starlette.responses import Response

from engine.answers import LevelAnswer, PointsAnswer, RedemptionAnswer
from engine.commands import (
    AdjustPoints,
    CancelRedemption,
    ConfirmRedemption,
    ForceLevel,
    RequestRedemption,
)
from engine.queries import GetLoyalty, GetRtp
from engine.views import LoyaltyView, RtpView
from gateway.access.auth import Caller
from gateway.access.roles import GAME, LOYALTY, PEOPLE, PLATFORM, READERS
from gateway.declaring import CONTROL, CONVERTED, Routes
from gateway.documents.requests import (
    IDENTIFIER,
    OWN_ID,
    AdjustPointsRequest,
    ForceLevelRequest,
    PlayerRequest,
    RedemptionRequest,
)
from gateway.four_eyes.thresholds import for_level, for_points
from gateway.routes.call import Call, Lang, PlayerId, ThisCall, answer, created
from gateway.routes.loyalty import render
from gateway.routes.loyalty.schemas import (
    LevelSetJson,
    LevelsJson,
    LoyaltyJson,
    PointsAdjustedJson,
    RedemptionJson,
    RtpJson,
)
from gateway.routes.second_person import done_or_waiting, performs

routes = Routes()

ADD_POINTS: Final = "POST /loyalty/points/add"
SET_LEVEL: Final = "POST /loyalty/status/update"
_REDEMPTION: Final = ("redemption_not_found", "invalid_state")

RedemptionId = Annotated[str, Path(pattern=OWN_ID)]
GameId = Annotated[str, Query(pattern=IDENTIFIER)]


@routes.read("GET /loyalty/levels", roles=PLATFORM | PEOPLE, answers=LevelsJson, refuses=CONTROL, asks_player=False)
async def levels(call: ThisCall, lang: Lang = None) -> Response:
    """The ladder of the catalog in force, lowest level first."""
    call.admit()
    control = call.parts.control
    return answer(render.levels(control.catalog().loyalty, control.texts(), call.language(lang)))


@routes.read("GET /loyalty/{player_id}", roles=PLATFORM | READERS, answers=LoyaltyJson)
async def loyalty(call: ThisCall, player_id: PlayerId) -> Response:
    """Level, points, turnover and privileges. (Players called `levels` or `redemptions`: see `/players/…`.)"""
    outcome = await call.query(player_id, GetLoyalty())
    return answer(render.loyalty(cast(LoyaltyView, outcome.answer)))


@routes.read("GET /players/{player_id}/rtp", roles=PLATFORM | GAME, answers=RtpJson, refuses=("unknown_game",))
async def rtp(call: ThisCall, player_id: PlayerId, game_id: GameId) -> Response:
    """The return to player that the level asks of the game's variant at launch; no running game changes."""
    outcome = await call.query(player_id, GetRtp(game_id))
    return answer(render.rtp(cast(RtpView, outcome.answer)))


@routes.change(ADD_POINTS, roles=LOYALTY, answers=PointsAdjustedJson, refuses=("insufficient_points",), may_wait=True)
async def add_points(call: ThisCall, body: AdjustPointsRequest) -> Response:
    """An operator adds points, or takes points away until none is available."""
    return await done_or_waiting(
        call, lambda rules: for_points(rules, body.points), player_id=body.player_id, reason=body.reason
    )


@performs(ADD_POINTS)
async def _add_points(call: Call, _: Caller, command_id: str) -> Response:
    body = AdjustPointsRequest.model_validate_json(call.body)
    outcome = await call.execute(body.player_id, command_id, AdjustPoints(body.points, body.reason))
    return answer(render.points_adjusted(cast(PointsAnswer, outcome.answer), body.player_id, outcome.replayed))


@routes.change(SET_LEVEL, roles=LOYALTY, answers=LevelSetJson, refuses=("level_not_found",), may_wait=True)
async def set_level(call: ThisCall, body: ForceLevelRequest) -> Response:
    """An operator sets the level, up or down; no `level_up` campaign fires."""
    return await done_or_waiting(call, for_level, player_id=body.player_id, reason=body.reason)


@performs(SET_LEVEL)
async def _set_level(call: Call, _: Caller, command_id: str) -> Response:
    body = ForceLevelRequest.model_validate_json(call.body)
    outcome = await call.execute(body.player_id, command_id, ForceLevel(body.level, body.reason))
    return answer(render.level_set(cast(LevelAnswer, outcome.answer), body.player_id, outcome.replayed))


@routes.change(
    "POST /loyalty/redemptions",
    roles=PLATFORM,
    answers=RedemptionJson,
    refuses=(*CONVERTED, "insufficient_points", "invalid_redemption"),
    creates=True,
)
async def redeem(call: ThisCall, body: RedemptionRequest) -> Response:
    """Locks points until the redemption is confirmed, cancelled, or lapses."""
    outcome = await call.command(body.player_id, RequestRedemption(body.points))
    document = render.redemption(cast(RedemptionAnswer, outcome.answer), body.player_id, outcome.replayed)
    return created(document, outcome)


@routes.change(
    "POST /loyalty/redemptions/{redemption_id}/confirm",
    roles=PLATFORM,
    answers=RedemptionJson,
    refuses=(*CONVERTED, *_REDEMPTION, "invalid_redemption", "grant_declined"),
)
async def confirm(call: ThisCall, redemption_id: RedemptionId, body: PlayerRequest) -> Response:
    """Debits the locked points and grants their worth as free play."""
    outcome = await call.command(body.player_id, ConfirmRedemption(redemption_id))
    return answer(render.redemption(cast(RedemptionAnswer, outcome.answer), body.player_id, outcome.replayed))


@routes.change(
    "POST /loyalty/redemptions/{redemption_id}/cancel", roles=PLATFORM, answers=RedemptionJson, refuses=_REDEMPTION
)
async def cancel(call: ThisCall, redemption_id: RedemptionId, body: PlayerRequest) -> Response:
    """Unlocks the points."""
    outcome = await call.command(body.player_id, CancelRedemption(redemption_id))
    return answer(render.redemption(cast(RedemptionAnswer, outcome.answer), body.player_id, outcome.replayed))
