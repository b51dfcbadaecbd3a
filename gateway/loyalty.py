"""Loyalty: where a player stands, what operators change by hand, and points becoming free play (rules §8)."""

from typing import Annotated, cast

from fastapi import APIRouter, Path, Query
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
from gateway import render_loyalty as render
from gateway.door import AtDoor, Lang, PlayerId, answer, created
from gateway.requests import (
    IDENTIFIER,
    OWN_ID,
    AdjustPointsRequest,
    ForceLevelRequest,
    PlayerRequest,
    RedemptionRequest,
)

router = APIRouter()

RedemptionId = Annotated[str, Path(pattern=OWN_ID)]
GameId = Annotated[str, Query(pattern=IDENTIFIER)]


@router.get("/loyalty/levels")
async def levels(door: AtDoor, lang: Lang = None) -> Response:
    """The ladder of the catalog in force, lowest level first."""
    door.admit()
    control = door.house.control
    return answer(render.levels(control.catalog().loyalty, control.texts(), door.language(lang)))


@router.get("/loyalty/{player_id}")
async def loyalty(door: AtDoor, player_id: PlayerId) -> Response:
    """Level, points, turnover and privileges. (A player called `levels` is shown at `/players/levels` only.)"""
    outcome = await door.query(player_id, GetLoyalty())
    return answer(render.loyalty(cast(LoyaltyView, outcome.answer)))


@router.get("/players/{player_id}/rtp")
async def rtp(door: AtDoor, player_id: PlayerId, game_id: GameId) -> Response:
    """The return to player that the level asks of the game's variant; for its launch, it changes no running game."""
    outcome = await door.query(player_id, GetRtp(game_id))
    return answer(render.rtp(cast(RtpView, outcome.answer)))


@router.post("/loyalty/points/add")
async def add_points(door: AtDoor, body: AdjustPointsRequest) -> Response:
    """An operator adds points, or takes them down to 0 available."""
    outcome = await door.command(body.player_id, AdjustPoints(body.points, body.reason))
    return answer(render.points_adjusted(cast(PointsAnswer, outcome.answer), body.player_id, outcome.replayed))


@router.post("/loyalty/status/update")
async def set_level(door: AtDoor, body: ForceLevelRequest) -> Response:
    """An operator sets the level, up or down; no `level_up` campaign fires."""
    outcome = await door.command(body.player_id, ForceLevel(body.level, body.reason))
    return answer(render.level_set(cast(LevelAnswer, outcome.answer), body.player_id, outcome.replayed))


@router.post("/loyalty/redemptions")
async def redeem(door: AtDoor, body: RedemptionRequest) -> Response:
    """Locks points until the redemption is confirmed, cancelled, or lapses."""
    outcome = await door.command(body.player_id, RequestRedemption(body.points))
    document = render.redemption(cast(RedemptionAnswer, outcome.answer), body.player_id, outcome.replayed)
    return created(document, outcome)


@router.post("/loyalty/redemptions/{redemption_id}/confirm")
async def confirm(door: AtDoor, redemption_id: RedemptionId, body: PlayerRequest) -> Response:
    """Debits the locked points and grants their worth as free play."""
    outcome = await door.command(body.player_id, ConfirmRedemption(redemption_id))
    return answer(render.redemption(cast(RedemptionAnswer, outcome.answer), body.player_id, outcome.replayed))


@router.post("/loyalty/redemptions/{redemption_id}/cancel")
async def cancel(door: AtDoor, redemption_id: RedemptionId, body: PlayerRequest) -> Response:
    """Unlocks the points."""
    outcome = await door.command(body.player_id, CancelRedemption(redemption_id))
    return answer(render.redemption(cast(RedemptionAnswer, outcome.answer), body.player_id, outcome.replayed))
