"""What an event moves: real money, bonus money and available points, exactly as `engine.evolving` applies it."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from engine import events as e
from engine.amounts import MICRO
from engine.transition import Transition


class Movement(NamedTuple):
    """Signed. `real` and `bonus` in minor units, `points` available micro-points; also used for balances."""

    real: int = 0
    bonus: int = 0
    points: int = 0

    def plus(self, other: "Movement") -> "Movement":
        """Both together."""
        return Movement(self.real + other.real, self.bonus + other.bonus, self.points + other.points)

    def less(self, other: "Movement") -> "Movement":
        """This without the other: the balance before a movement, from the one after it."""
        return Movement(self.real - other.real, self.bonus - other.bonus, self.points - other.points)


NOTHING: Final = Movement()


def moved_by(event: e.AnyEvent) -> Movement:
    """What the event moves."""
    find = _MOVES.get(type(event))
    return NOTHING if find is None else find(event)


def total(movements: Iterable[Movement]) -> Movement:
    """All of them together."""
    found = NOTHING
    for movement in movements:
        found = found.plus(movement)
    return found


def moved_in(entry: Transition) -> Movement:
    """What the whole entry moves."""
    return total(moved_by(event) for event in entry.events)


def _bet(event: e.BetPlaced) -> Movement:
    """A free spin takes nothing and earns no points."""
    return Movement(-event.real, -event.bonus, event.points_micro if event.package_id is None else 0)


def _win(event: e.WinCredited) -> Movement:
    return Movement(event.real, event.bonus)


def _reversed(event: e.RoundReversed) -> Movement:
    return Movement(event.real, sum(delta.balance for delta in event.grants), event.points_micro)


def _redeemed(event: e.BonusRedeemed) -> Movement:
    return Movement(event.released, -event.released - event.removed)


_MOVES: Final[dict[type[e.Event], Callable[[Any], Movement]]] = {
    e.DepositMade: lambda event: Movement(event.amount),
    e.BetPlaced: _bet,
    e.WinCredited: _win,
    e.RoundReversed: _reversed,
    e.GrantCreated: lambda event: Movement(bonus=event.grant.balance),
    e.BonusGranted: lambda event: Movement(bonus=event.amount),
    e.BonusRedeemed: _redeemed,
    e.GrantExpired: lambda event: Movement(bonus=-event.removed),
    e.GrantCancelled: lambda event: Movement(bonus=-event.removed),
    e.GrantReopened: lambda event: Movement(-event.real, event.balance),
    e.BetReported: lambda event: Movement(points=event.points_micro),
    e.ReportedBetReversed: lambda event: Movement(points=event.points_micro),
    e.WithdrawalConfirmed: lambda event: Movement(-event.amount),
    e.PointsAdjusted: lambda event: Movement(points=event.points_micro),
    e.PointsExpired: lambda event: Movement(points=-event.points_micro),
    e.PointsReturned: lambda event: Movement(points=event.points * MICRO),
    e.RedemptionRequested: lambda event: Movement(points=-event.points * MICRO),
    e.RedemptionEnded: lambda event: Movement(points=event.points * MICRO),
}
"""Events that are not here move neither money nor available points."""
