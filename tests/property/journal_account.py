"""What a player's journal says about money: every event's exact net creation, apart from how it is applied.

real + bonus + withdrawn == deposits + granted + credited wins − stakes ± reversals − removed, where removed is what
expiry, cancellation, the cash-out cap and confirmed withdrawals take away of bonuses.
"""

from engine import events as e


def created(event: e.AnyEvent) -> int:
    """How much the event adds to real and bonus money together, minor units."""
    match event:
        case e.DepositMade():
            return event.amount
        case e.GrantCreated():
            return event.grant.balance
        case e.WinCredited():
            return event.real + event.bonus
        case e.BetPlaced():
            return -event.real - event.bonus
        case e.RoundReversed():
            return event.real + sum(delta.balance for delta in event.grants)
        case e.BonusRedeemed() | e.GrantExpired() | e.GrantCancelled():
            return -event.removed
        case e.GrantReopened():
            return event.balance - event.real
    return 0
