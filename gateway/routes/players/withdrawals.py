"""Withdrawals in two steps: reserved, then confirmed or cancelled (rules §9)."""

from typing import Annotated, Final, cast

from fastapi import Path
from starlette.responses import Response

from engine.answers import WithdrawalAnswer
from engine.commands import CancelWithdrawal, ConfirmWithdrawal, Withdraw
from gateway.access.roles import PLATFORM
from gateway.declaring import Routes
from gateway.documents.requests import OWN_ID, EmptyRequest, WithdrawalRequest
from gateway.routes.call import PlayerId, ThisCall, answer, created
from gateway.routes.players.render import withdrawal
from gateway.routes.players.schemas import WithdrawalJson

routes = Routes()

_WITHDRAWAL: Final = ("withdrawal_not_found", "invalid_state")

WithdrawalId = Annotated[str, Path(pattern=OWN_ID)]
NOTHING: Final = EmptyRequest()


@routes.change(
    "POST /players/{player_id}/withdrawals",
    roles=PLATFORM,
    answers=WithdrawalJson,
    refuses=("round_open", "bonus_would_be_lost", "insufficient_funds"),
    creates=True,
)
async def withdraw(call: ThisCall, player_id: PlayerId, body: WithdrawalRequest) -> Response:
    """Reserves real money. If bonuses would be lost, the request must agree to that."""
    outcome = await call.command(player_id, Withdraw(body.amount, body.forfeit_bonuses))
    return created(withdrawal(cast(WithdrawalAnswer, outcome.answer), player_id, outcome.replayed), outcome)


@routes.change(
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/confirm",
    roles=PLATFORM,
    answers=WithdrawalJson,
    refuses=_WITHDRAWAL,
)
async def confirm(
    call: ThisCall, player_id: PlayerId, withdrawal_id: WithdrawalId, body: EmptyRequest = NOTHING
) -> Response:
    """The money has left; the bonuses that were frozen for it are removed."""
    outcome = await call.command(player_id, ConfirmWithdrawal(withdrawal_id))
    return answer(withdrawal(cast(WithdrawalAnswer, outcome.answer), player_id, outcome.replayed))


@routes.change(
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/cancel",
    roles=PLATFORM,
    answers=WithdrawalJson,
    refuses=_WITHDRAWAL,
)
async def cancel(
    call: ThisCall, player_id: PlayerId, withdrawal_id: WithdrawalId, body: EmptyRequest = NOTHING
) -> Response:
    """The money is usable again, and the bonuses that were frozen for it are given back."""
    outcome = await call.command(player_id, CancelWithdrawal(withdrawal_id))
    return answer(withdrawal(cast(WithdrawalAnswer, outcome.answer), player_id, outcome.replayed))
