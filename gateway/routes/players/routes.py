"""Players and their deposits, blocks and rounds: FastAPI routes that talk to one player."""

from typing import Annotated, cast

from fastapi import Path, Query
from pydantic import BeforeValidator, Field
from starlette.responses import Response

from engine.answers import BlockAnswer, DepositAnswer, ErasedAnswer, FlagClearedAnswer, RegisteredAnswer
from engine.commands import Block, ClearFlag, Deposit, ErasePlayer, Register, Unblock
from engine.queries import GetPlayer, GetRounds
from engine.views import PlayerView, RoundsView
from gateway.access.roles import GAME, PLATFORM, READERS, SUPPORT
from gateway.declaring import CONVERTED, Routes
from gateway.documents.base import RoundsJson
from gateway.documents.requests import OWN_ID, DepositRequest, ReasonRequest, RegisterRequest
from gateway.routes.call import PlayerId, ThisCall, answer, created
from gateway.routes.players import render
from gateway.routes.players.schemas import (
    BlockJson,
    DepositJson,
    ErasedJson,
    FlagClearedJson,
    PlayerJson,
    PlayerRegisteredJson,
)
from gateway.spin.render import spin

routes = Routes()

ROUNDS_MAX = 128
"""As many rounds as commands are remembered."""


def _digits(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise ValueError("must be an integer, in digits only")
    return value


FlagId = Annotated[str, Path(pattern=OWN_ID)]
Limit = Annotated[int, Field(ge=1, le=ROUNDS_MAX), BeforeValidator(_digits), Query()]


@routes.change(
    "PUT /players/{player_id}",
    roles=PLATFORM,
    answers=PlayerRegisteredJson,
    refuses=("player_exists", "unsupported_currency", "player_erased"),
    creates=True,
)
async def register(call: ThisCall, player_id: PlayerId, body: RegisterRequest) -> Response:
    """Registers a player (201) or updates country, language and segments (200)."""
    segments = None if body.segments is None else tuple(body.segments)
    outcome = await call.command(player_id, Register(body.currency, body.country, body.language, segments))
    profile = cast(RegisteredAnswer, outcome.answer)
    document = render.registered(profile, player_id, outcome.replayed)
    return created(document, outcome) if profile.created else answer(document)


@routes.read("GET /players/{player_id}", roles=PLATFORM | READERS, answers=PlayerJson)
async def player(call: ThisCall, player_id: PlayerId) -> Response:
    """Everything about the player."""
    outcome = await call.query(player_id, GetPlayer())
    return answer(render.player(cast(PlayerView, outcome.answer)))


@routes.change(
    "POST /players/{player_id}/deposits", roles=PLATFORM, answers=DepositJson, refuses=CONVERTED, creates=True
)
async def deposit(call: ThisCall, player_id: PlayerId, body: DepositRequest) -> Response:
    """Credits real money, then fires deposit campaigns."""
    command = Deposit(body.amount, body.payment_instrument, body.ip, body.device)
    outcome = await call.command(player_id, command)
    return created(render.deposit(cast(DepositAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@routes.change("POST /players/{player_id}/block", roles=PLATFORM, answers=BlockJson, recorded=True)
async def block(call: ThisCall, player_id: PlayerId, body: ReasonRequest) -> Response:
    """Refuses bets, deposits and grants from now on; results, cancels and rollbacks still work."""
    outcome = await call.command(player_id, Block(body.reason))
    return answer(render.block(cast(BlockAnswer, outcome.answer), player_id, outcome.replayed))


@routes.change(
    "POST /players/{player_id}/unblock", roles=PLATFORM, answers=BlockJson, refuses=("player_erased",), recorded=True
)
async def unblock(call: ThisCall, player_id: PlayerId, body: ReasonRequest) -> Response:
    """Lifts a block."""
    outcome = await call.command(player_id, Unblock(body.reason))
    return answer(render.block(cast(BlockAnswer, outcome.answer), player_id, outcome.replayed))


@routes.change("POST /players/{player_id}/erase", roles=SUPPORT, answers=ErasedJson, refuses=("account_not_empty",))
async def erase(call: ThisCall, player_id: PlayerId, body: ReasonRequest) -> Response:
    """Erases personal data for good and closes the account; what was played and paid stays on record."""
    outcome = await call.command(player_id, ErasePlayer(body.reason))
    return answer(render.erased(cast(ErasedAnswer, outcome.answer), player_id, outcome.replayed))


@routes.change(
    "POST /players/{player_id}/flags/{flag_id}/clear",
    roles=SUPPORT,
    answers=FlagClearedJson,
    refuses=("flag_not_found",),
)
async def clear_flag(call: ThisCall, player_id: PlayerId, flag_id: FlagId, body: ReasonRequest) -> Response:
    """An operator has dealt with a flagged refusal: it is listed no more, and nothing moves."""
    outcome = await call.command(player_id, ClearFlag(flag_id, body.reason))
    return answer(render.flag_cleared(cast(FlagClearedAnswer, outcome.answer), player_id, outcome.replayed))


@routes.read("GET /players/{player_id}/rounds", roles=GAME | READERS, answers=RoundsJson)
async def rounds(call: ThisCall, player_id: PlayerId, limit: Limit = 20) -> Response:
    """The last rounds, newest first."""
    outcome = await call.query(player_id, GetRounds(limit))
    found = cast(RoundsView, outcome.answer).rounds
    return answer(RoundsJson(player_id, [spin(of, player_id) for of in found]))
