"""Family `risk`: refusals that wait for an operator. Verdicts on awards, and holds, stand in `bonuses`."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from engine.state import Flagged
from feeds.facts.rows.base import MinorUnits, Row
from feeds.facts.rows.told import Told


class RiskRow(Row):
    """A result or rollback was refused and its amount waits, or an operator has dealt with it."""

    flag_id: str | None = None
    code: str | None = None
    """With which it was refused."""
    session_id: str | None = None
    amount: MinorUnits = 0
    """What the refusal could not move."""
    reason: str | None = None
    """How the operator dealt with it."""


def _flagged(event: e.FlaggedForOperator, told: Told) -> RiskRow:
    flag = Flagged(event.command_id, event.code, event.session_id, event.amount, 0, event.transaction_id)
    return RiskRow(flag_id=flag.flag_id, code=event.code, session_id=event.session_id or None, amount=event.amount)


def _cleared(event: e.FlagCleared, told: Told) -> RiskRow:
    return RiskRow(
        flag_id=event.flag_id,
        code=event.code,
        session_id=event.session_id or None,
        amount=event.amount,
        reason=event.reason,
    )


RISK: dict[type[e.Event], Callable[[Any, Told], RiskRow]] = {
    e.FlaggedForOperator: _flagged,
    e.FlagCleared: _cleared,
}
