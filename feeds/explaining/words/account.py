"""Sentences about the account: registration, money in and out, sessions, blocks, flags."""

from collections.abc import Callable
from typing import Any, Final

from engine import events as e
from feeds.explaining import rules as r
from feeds.explaining.amounts import Purse
from feeds.explaining.line import Line

_REFUSALS: Final = {
    "round_refunded": "a result came for a round that its time-out had refunded",
    "win_already_spent": "a rollback came whose win had been spent",
    "already_processed": "a rollback came for a bet so old that nobody knew any more what it did",
}


def _registered(event: e.PlayerRegistered, purse: Purse) -> Line:
    return Line(f"The player was registered in {event.currency}.")


def _updated(event: e.PlayerUpdated, purse: Purse) -> Line:
    return Line("The player's profile was updated.")


def _blocked(event: e.PlayerBlocked, purse: Purse) -> Line:
    return Line(f"The player was blocked: {_quoted(event.reason)}.", (r.BLOCKED,))


def _unblocked(event: e.PlayerUnblocked, purse: Purse) -> Line:
    return Line(f"The block was lifted: {_quoted(event.reason)}.", (r.BLOCKED,))


def _erased(event: e.PlayerErased, purse: Purse) -> Line:
    return Line("What told who the player is was erased; what was played and paid stays.", (r.ERASED,))


def _deposit(event: e.DepositMade, purse: Purse) -> Line:
    return Line(f"Deposit number {event.nth}, {event.deposit_id}: {purse.said(event.amount)} were added to real money.")


def _session(event: e.SessionStarted, purse: Purse) -> Line:
    return Line("The player opened a session.", (r.SESSION_TRIGGER,))


def _custom(event: e.CustomEventPosted, purse: Purse) -> Line:
    return Line(f"The platform posted the event {_quoted(event.name)}.", (r.CUSTOM_TRIGGER,))


def _withdrawal(event: e.WithdrawalRequested, purse: Purse) -> Line:
    frozen = [*event.grants, *event.packages]
    kept = f" Until it is confirmed or cancelled, {_listed(frozen)} can't be used." if frozen else ""
    text = f"Withdrawal {event.withdrawal_id}: {purse.said(event.amount)} of real money were reserved."
    return Line(text + kept, (r.RESERVED,))


def _withdrawn(event: e.WithdrawalConfirmed, purse: Purse) -> Line:
    text = f"Withdrawal {event.withdrawal_id} was confirmed: {purse.said(event.amount)} of real money left the account."
    return Line(text, (r.WITHDRAWN,))


def _kept(event: e.WithdrawalCancelled, purse: Purse) -> Line:
    text = f"Withdrawal {event.withdrawal_id} was cancelled: the reserved {purse.said(event.amount)} can be used again."
    return Line(text, (r.WITHDRAWN,))


def _flagged(event: e.FlaggedForOperator, purse: Purse) -> Line:
    why = _REFUSALS.get(event.code, "a request was refused")
    where = f" for round {event.session_id}" if event.session_id else ""
    named = f", about the bet {_key(event.transaction_id)}" if event.transaction_id else ""
    amount = f" {purse.said(event.amount)} wait for an operator." if event.amount else " It waits for an operator."
    text = (
        f"The request {_key(event.command_id)}{where}{named} was refused ({event.code}): {why}. Nothing moved.{amount}"
    )
    return Line(text, (r.FLAGGED,))


def _cleared(event: e.FlagCleared, purse: Purse) -> Line:
    where = f" of round {event.session_id}" if event.session_id else ""
    text = (
        f"An operator dealt with the refusal{where} ({event.code}, {purse.said(event.amount)}): "
        f"{_quoted(event.reason)}."
    )
    return Line(text, (r.FLAGGED,))


def _key(command_id: str) -> str:
    """The key that the caller gave."""
    return command_id.partition(":")[2] or command_id


def _quoted(text: str) -> str:
    return f"“{text}”"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


ACCOUNT: Final[dict[type[e.Event], Callable[[Any, Purse], Line]]] = {
    e.PlayerRegistered: _registered,
    e.PlayerUpdated: _updated,
    e.PlayerBlocked: _blocked,
    e.PlayerUnblocked: _unblocked,
    e.PlayerErased: _erased,
    e.DepositMade: _deposit,
    e.SessionStarted: _session,
    e.CustomEventPosted: _custom,
    e.WithdrawalRequested: _withdrawal,
    e.WithdrawalConfirmed: _withdrawn,
    e.WithdrawalCancelled: _kept,
    e.FlaggedForOperator: _flagged,
    e.FlagCleared: _cleared,
}
