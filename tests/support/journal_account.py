"""What players' journals say about money: each event's exact deltas, added up apart from how they are applied.

For a player and for all: real + bonus + withdrawn + removed = deposits + granted + wins − stakes (rules §1-§5).
"""

from dataclasses import dataclass

from engine import events as e


@dataclass
class Account:
    """Minor units. `removed` is what expiry, cancellation and the cash-out cap took of bonuses.

    A reversal gives stakes back and takes wins: `stakes` are net of both. One that comes after a grant's end corrects
    what that end released, within the event's real money, and what it `removed`.
    """

    deposits: int = 0
    granted: int = 0
    wins: int = 0
    stakes: int = 0
    removed: int = 0
    withdrawn: int = 0

    @property
    def came_in(self) -> int:
        """Deposits + granted + wins − stakes."""
        return self.deposits + self.granted + self.wins - self.stakes

    def add(self, event: e.AnyEvent) -> None:
        """Enters one event of a journal."""
        match event:
            case e.DepositMade():
                self.deposits += event.amount
            case e.GrantCreated():
                self.granted += event.grant.balance
            case e.BonusGranted():
                self.granted += event.amount
            case e.WinCredited():
                self.wins += event.real + event.bonus
            case e.BetPlaced():
                self.stakes += event.real + event.bonus
            case e.RoundReversed():
                self.stakes -= event.real + sum(delta.balance + delta.removed for delta in event.grants)
                self.removed += sum(delta.removed for delta in event.grants)
            case e.BonusRedeemed() | e.GrantExpired() | e.GrantCancelled():
                self.removed += event.removed
            case e.GrantReopened():
                self.removed -= event.balance - event.real
            case e.WithdrawalConfirmed():
                self.withdrawn += event.amount
