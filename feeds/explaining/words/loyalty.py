"""Sentences about loyalty: levels, points, redemptions, cashback."""

from collections.abc import Callable
from typing import Any, Final

from engine import events as e
from feeds.explaining import rules as r
from feeds.explaining.amounts import Purse, moment, percent, points, times
from feeds.explaining.line import HIDDEN, Line


def _level(event: e.LevelChanged, purse: Purse) -> Line:
    text, rule = {
        "play": ("because the qualifying turnover reached its threshold", r.UP),
        "downgrade": ("because the rolling turnover was too low at the daily look", r.DOWN),
        "forced": (f"set by an operator: “{event.remark}”", r.FORCED),
        "reversal": ("because the undone bet's turnover had supported the level", r.REVERSAL),
        "ladder_changed": ("because the old level is no longer on the ladder", r.LADDERS),
    }[event.reason]
    return Line(f"The level changed from {event.old or 'none'} to {event.new}, {text}.", (rule,), instead=HIDDEN)


def _level_due(event: e.LevelUpDue, purse: Purse) -> Line:
    text = (
        f"The rounds that climbed to {', '.join(event.levels)} are closed: campaigns for these levels have "
        "had their turn."
    )
    return Line(text, (r.TRIGGERS,), instead=HIDDEN)


def _adjusted(event: e.PointsAdjusted, purse: Purse) -> Line:
    added = event.points_micro >= 0
    text = f"An operator {'added' if added else 'took'} {points(abs(event.points_micro))}: “{event.reason}”."
    return Line(text, (r.BUCKETS,))


def _expired(event: e.PointsExpired, purse: Purse) -> Line:
    return Line(f"{points(event.points_micro)} expired, because nothing was played for so long.", (r.POINTS_EXPIRE,))


def _returned(event: e.PointsReturned, purse: Purse) -> Line:
    text = (
        f"{times(event.points, 'point')} of redemption {event.redemption_id} are available again: its free "
        "play was never granted."
    )
    return Line(text, (r.REDEMPTION,))


def _requested(event: e.RedemptionRequested, purse: Purse) -> Line:
    text = (
        f"Redemption {event.redemption_id}: {times(event.points, 'point')}, worth {purse.said(event.amount)}, "
        f"are locked until {moment(event.expires_ms)}."
    )
    return Line(text, (r.REDEMPTION,))


def _confirmed(event: e.RedemptionConfirmed, purse: Purse) -> Line:
    text = (
        f"Redemption {event.redemption_id} was confirmed: {times(event.points, 'locked point')} are spent for "
        f"{purse.said(event.amount)} of free play."
    )
    return Line(text, (r.REDEMPTION,))


def _ended(event: e.RedemptionEnded, purse: Purse) -> Line:
    how = "was not confirmed in time" if event.lapsed else "was cancelled"
    return Line(
        f"Redemption {event.redemption_id} {how}: {times(event.points, 'point')} are available again.", (r.REDEMPTION,)
    )


def _cashback(event: e.CashbackSettled, purse: Purse) -> Line:
    lost = event.staked - event.won
    text = (
        f"Cashback of a week at level {event.level}: {purse.said(event.staked)} staked − "
        f"{purse.said(event.won)} won = {purse.said(lost)} lost"
    )
    if event.taken_off:
        text += f", less {purse.said(event.taken_off)} for bets undone after their week was paid"
    if not event.amount:
        reason = {"under_minimum": "that is below the smallest cashback", "player_blocked": "the player is blocked"}
        return Line(
            f"{text}. Nothing is paid: {reason.get(event.reason, 'nothing was lost')}.", (r.CASHBACK,), instead=HIDDEN
        )
    return Line(
        f"{text}. {percent(event.percent_micro)} of it are {purse.said(event.amount)}.", (r.CASHBACK,), instead=HIDDEN
    )


LOYALTY: Final[dict[type[e.Event], Callable[[Any, Purse], Line]]] = {
    e.LevelChanged: _level,
    e.LevelUpDue: _level_due,
    e.PointsAdjusted: _adjusted,
    e.PointsExpired: _expired,
    e.PointsReturned: _returned,
    e.RedemptionRequested: _requested,
    e.RedemptionConfirmed: _confirmed,
    e.RedemptionEnded: _ended,
    e.CashbackSettled: _cashback,
}
