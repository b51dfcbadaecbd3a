"""What a player does elsewhere and campaigns wait for: sessions, events, bonus codes, bets of other verticals."""

from typing import cast

from starlette.responses import Response

from engine.answers import AwardsAnswer, ReportedBetAnswer, RollbackAnswer, SessionAnswer
from engine.commands import EnterCode, PostEvent, ReportBet, StartSession
from gateway.access.roles import PLATFORM
from gateway.declaring import BLOCKED, CONVERTED, Routes
from gateway.documents.base import RollbackJson
from gateway.documents.requests import BetRollbackRequest, CodeRequest, EventRequest, ReportedBetRequest, SessionRequest
from gateway.routes.bonuses.declined import award
from gateway.routes.call import PlayerId, ThisCall, answer, created
from gateway.routes.players import render
from gateway.routes.players.schemas import AwardsJson, ReportedBetJson, SessionJson
from gateway.spin.render import rollback

routes = Routes()


@routes.change(
    "POST /players/{player_id}/sessions",
    roles=PLATFORM,
    answers=SessionJson,
    refuses=("geo_blocked", "player_erased"),
    creates=True,
)
async def start_session(call: ThisCall, player_id: PlayerId, body: SessionRequest) -> Response:
    """The player opens a session; the answer has the rounds to be resumed."""
    outcome = await call.command(player_id, StartSession(body.ip, body.device, body.country))
    return created(render.session(cast(SessionAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@routes.change("POST /players/{player_id}/events", roles=PLATFORM, answers=AwardsJson, refuses=BLOCKED, creates=True)
async def post_event(call: ThisCall, player_id: PlayerId, body: EventRequest) -> Response:
    """Tells that something happened on the platform for which a campaign may wait; the payload is not interpreted."""
    outcome = await call.command(player_id, PostEvent(body.name, body.canonical_payload()))
    return created(render.awarded(cast(AwardsAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@routes.change(
    "POST /players/{player_id}/codes",
    roles=PLATFORM,
    answers=AwardsJson,
    refuses=(*BLOCKED, "campaign_blocked", "code_not_found", "not_eligible", "grant_declined"),
    creates=True,
)
async def enter_code(call: ThisCall, player_id: PlayerId, body: CodeRequest) -> Response:
    """The player enters a bonus code; `grant_declined` if the gate declines all that it would award."""
    outcome = await award(call, player_id, EnterCode(body.code))
    return created(render.awarded(cast(AwardsAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@routes.change(
    "POST /players/{player_id}/bets",
    roles=PLATFORM,
    answers=ReportedBetJson,
    refuses=(*CONVERTED, "rolled_back"),
    creates=True,
)
async def report_bet(call: ThisCall, player_id: PlayerId, body: ReportedBetRequest) -> Response:
    """Reports a bet on another vertical: it counts for turnover and points, and no money moves here."""
    outcome = await call.command(player_id, ReportBet(body.amount, body.game_type))
    return created(render.reported_bet(cast(ReportedBetAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@routes.change(
    "POST /players/{player_id}/bets/rollback",
    roles=PLATFORM,
    answers=RollbackJson,
    refuses=("round_has_result", "round_closed", "win_already_spent", "not_a_bet"),
)
async def roll_back_bet(call: ThisCall, player_id: PlayerId, body: BetRollbackRequest) -> Response:
    """Reverses the bet reported with that Idempotency-Key, or makes sure that it never counts."""
    outcome = await call.roll_back_reported(player_id, body.transaction_id)
    return answer(rollback(cast(RollbackAnswer, outcome.answer), player_id, outcome.replayed))
