"""Family `money`: deposits and withdrawals."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.facts.rows.base import MicroEur, MinorUnits, Row
from feeds.facts.rows.told import Told


class MoneyRow(Row):
    """Money that is requested for a withdrawal stays real money until the withdrawal is confirmed."""

    transfer_id: str | None = None
    """The deposit or the withdrawal."""
    amount: MinorUnits = 0
    """What the event is about, never negative; `real` says what it moved."""
    reserved: MinorUnits = 0
    """Signed change of the real money that withdrawals have reserved."""
    nth: int | None = None
    """1 for the player's first deposit, 2 for the second, and so on."""
    amount_micro_eur: MicroEur | None = None
    """A deposit in EUR, converted when it was made."""
    privilege: str | None = None
    """How the player's level is served: `standard`, or what the level says."""


def _deposit(event: e.DepositMade, told: Told) -> MoneyRow:
    return MoneyRow(
        real=event.amount,
        transfer_id=event.deposit_id,
        amount=event.amount,
        nth=event.nth,
        amount_micro_eur=event.micro_eur,
    )


def _requested(event: e.WithdrawalRequested, told: Told) -> MoneyRow:
    return MoneyRow(
        transfer_id=event.withdrawal_id, amount=event.amount, reserved=event.amount, privilege=event.privilege
    )


def _confirmed(event: e.WithdrawalConfirmed, told: Told) -> MoneyRow:
    return MoneyRow(real=-event.amount, transfer_id=event.withdrawal_id, amount=event.amount, reserved=-event.amount)


def _cancelled(event: e.WithdrawalCancelled, told: Told) -> MoneyRow:
    return MoneyRow(transfer_id=event.withdrawal_id, amount=event.amount, reserved=-event.amount)


MONEY: dict[type[e.Event], Callable[[Any, Told], MoneyRow]] = {
    e.DepositMade: _deposit,
    e.WithdrawalRequested: _requested,
    e.WithdrawalConfirmed: _confirmed,
    e.WithdrawalCancelled: _cancelled,
}
