"""Family `loyalty`: levels, points, redemptions, cashback. Points and turnover of bets stand in `bets`."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from engine.amounts import MICRO
from feeds.facts.rows.base import MicroPoints, MinorUnits, Row
from feeds.facts.rows.told import Told


class LoyaltyRow(Row):
    """Points that players have available: the sum of `points_micro` here and in `bets`."""

    points_micro: MicroPoints = 0
    """Signed change of the available points."""
    locked_micro: MicroPoints = 0
    """Signed change of the points that wait for the confirmation of a redemption."""
    spent_micro: MicroPoints = 0
    """Signed change of the points that were spent."""
    expired_micro: MicroPoints = 0
    """Points that expired."""
    redemption_id: str | None = None
    amount: MinorUnits = 0
    """What a redemption is worth, or what cashback was granted."""
    lapsed: bool = False
    """The redemption was not confirmed in time."""
    new_level: str | None = None
    old_level: str | None = None
    forced: bool = False
    """An operator set the level."""
    reason: str | None = None
    """Of a level: `play`, `downgrade`, `forced`, `reversal` or `ladder_changed`; of points: an operator's words; of
    cashback of 0: why.
    """
    week: int | None = None
    """Of cashback: the week that it is for, in weeks since the Monday before 1970."""
    staked: MinorUnits = 0
    """Real money staked in that week."""
    won: MinorUnits = 0
    """Real money won in that week."""
    percent_micro: int = 0
    """The cashback's percentage in millionths: 50 000 is 5 %."""
    taken_off: MinorUnits = 0
    """How much of the loss did not count, because losses of weeks paid before were reversed."""


def _level_changed(event: e.LevelChanged, told: Told) -> LoyaltyRow:
    """An operator's remark stays inside: it was written for colleagues."""
    return LoyaltyRow(new_level=event.new, old_level=event.old, forced=event.forced, reason=event.reason)


def _adjusted(event: e.PointsAdjusted, told: Told) -> LoyaltyRow:
    return LoyaltyRow(points_micro=event.points_micro, reason=event.reason)


def _expired(event: e.PointsExpired, told: Told) -> LoyaltyRow:
    return LoyaltyRow(points_micro=-event.points_micro, expired_micro=event.points_micro)


def _returned(event: e.PointsReturned, told: Told) -> LoyaltyRow:
    points = event.points * MICRO
    return LoyaltyRow(points_micro=points, spent_micro=-points, redemption_id=event.redemption_id)


def _requested(event: e.RedemptionRequested, told: Told) -> LoyaltyRow:
    points = event.points * MICRO
    return LoyaltyRow(points_micro=-points, locked_micro=points, redemption_id=event.redemption_id, amount=event.amount)


def _confirmed(event: e.RedemptionConfirmed, told: Told) -> LoyaltyRow:
    points = event.points * MICRO
    return LoyaltyRow(locked_micro=-points, spent_micro=points, redemption_id=event.redemption_id, amount=event.amount)


def _ended(event: e.RedemptionEnded, told: Told) -> LoyaltyRow:
    points = event.points * MICRO
    return LoyaltyRow(points_micro=points, locked_micro=-points, redemption_id=event.redemption_id, lapsed=event.lapsed)


def _cashback(event: e.CashbackSettled, told: Told) -> LoyaltyRow:
    return LoyaltyRow(
        amount=event.amount,
        new_level=event.level,
        reason=event.reason or None,
        week=event.week,
        staked=event.staked,
        won=event.won,
        percent_micro=event.percent_micro,
        taken_off=event.taken_off,
    )


def _level_up_due(event: e.LevelUpDue, told: Told) -> LoyaltyRow:
    return LoyaltyRow(new_level=event.levels[-1] if event.levels else None)


LOYALTY: dict[type[e.Event], Callable[[Any, Told], LoyaltyRow]] = {
    e.LevelChanged: _level_changed,
    e.LevelUpDue: _level_up_due,
    e.PointsAdjusted: _adjusted,
    e.PointsExpired: _expired,
    e.PointsReturned: _returned,
    e.RedemptionRequested: _requested,
    e.RedemptionConfirmed: _confirmed,
    e.RedemptionEnded: _ended,
    e.CashbackSettled: _cashback,
}
