"""What a player does elsewhere and campaigns wait for: sessions, events, bonus codes, bets of other verticals."""

from typing import cast

from fastapi import APIRouter
from starlette.responses import Response

from engine.answers import AwardsAnswer, ReportedBetAnswer, RollbackAnswer, SessionAnswer
from engine.commands import EnterCode, PostEvent, ReportBet, StartSession
from gateway import render_players as render
from gateway.door import AtDoor, PlayerId, answer, created
from gateway.render import rollback
from gateway.requests import BetRollbackRequest, CodeRequest, EventRequest, ReportedBetRequest, SessionRequest

router = APIRouter()


@router.post("/players/{player_id}/sessions")
async def start_session(door: AtDoor, player_id: PlayerId, body: SessionRequest) -> Response:
    """The player opens a session; the answer has the rounds to be resumed."""
    outcome = await door.command(player_id, StartSession(body.ip, body.device, body.country))
    return created(render.session(cast(SessionAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@router.post("/players/{player_id}/events")
async def post_event(door: AtDoor, player_id: PlayerId, body: EventRequest) -> Response:
    """Something happened on the platform that a campaign may wait for; the payload is not interpreted."""
    outcome = await door.command(player_id, PostEvent(body.name, body.canonical_payload()))
    return created(render.awarded(cast(AwardsAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@router.post("/players/{player_id}/codes")
async def enter_code(door: AtDoor, player_id: PlayerId, body: CodeRequest) -> Response:
    """The player enters a bonus code; `grant_declined` if the gate declines all that it would award."""
    outcome = await door.award(player_id, EnterCode(body.code))
    return created(render.awarded(cast(AwardsAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@router.post("/players/{player_id}/bets")
async def report_bet(door: AtDoor, player_id: PlayerId, body: ReportedBetRequest) -> Response:
    """A bet on another vertical: turnover only, no money moves here."""
    outcome = await door.command(player_id, ReportBet(body.amount, body.game_type))
    return created(render.reported_bet(cast(ReportedBetAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@router.post("/players/{player_id}/bets/rollback")
async def roll_back_bet(door: AtDoor, player_id: PlayerId, body: BetRollbackRequest) -> Response:
    """Reverses the bet reported with that Idempotency-Key, or makes sure that it never counts."""
    outcome = await door.roll_back_reported(player_id, body.transaction_id)
    return answer(rollback(cast(RollbackAnswer, outcome.answer), player_id, outcome.replayed))
