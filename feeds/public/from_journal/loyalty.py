"""Levels, points, redemptions, cashback. Points that bets earn are told with the bets."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.public.data import loyalty as p
from feeds.public.data.base import PublicData
from feeds.public.from_journal.told import Told


def _level_changed(event: e.LevelChanged, told: Told) -> PublicData:
    """An operator's remark stays inside: it was written for colleagues."""
    gives = event.privileges
    return p.LevelChanged(
        player_id=told.player_id,
        command_id=told.command_id,
        old=event.old,
        new=event.new,
        reason=event.reason,
        bonus_multiplier_micro=gives.bonus_multiplier_micro,
        cashback_percent_micro=gives.cashback_percent_micro,
        manager=gives.manager,
        withdrawal=gives.withdrawal,
        offers=gives.offers,
    )


def _adjusted(event: e.PointsAdjusted, told: Told) -> PublicData:
    return p.PointsAdjusted(told.player_id, told.command_id, event.points_micro, event.reason)


def _expired(event: e.PointsExpired, told: Told) -> PublicData:
    return p.PointsExpired(told.player_id, told.command_id, event.points_micro)


def _returned(event: e.PointsReturned, told: Told) -> PublicData:
    return p.PointsReturned(told.player_id, told.command_id, event.redemption_id, event.points)


def _requested(event: e.RedemptionRequested, told: Told) -> PublicData:
    return p.PointsRedemptionRequested(
        player_id=told.player_id,
        command_id=told.command_id,
        redemption_id=event.redemption_id,
        points=event.points,
        amount=event.amount,
        expires_ms=event.expires_ms,
        currency=told.currency,
    )


def _confirmed(event: e.RedemptionConfirmed, told: Told) -> PublicData:
    return p.PointsRedeemed(
        told.player_id, told.command_id, event.redemption_id, event.points, event.amount, told.currency
    )


def _ended(event: e.RedemptionEnded, told: Told) -> PublicData:
    return p.PointsRedemptionEnded(told.player_id, told.command_id, event.redemption_id, event.points, event.lapsed)


def _cashback_settled(event: e.CashbackSettled, told: Told) -> PublicData:
    return p.CashbackSettled(
        player_id=told.player_id,
        command_id=told.command_id,
        week=event.week,
        level=event.level,
        staked=event.staked,
        won=event.won,
        percent_micro=event.percent_micro,
        amount=event.amount,
        taken_off=event.taken_off,
        reason=event.reason or None,
    )


LOYALTY: dict[type[e.Event], Callable[[Any, Told], PublicData]] = {
    e.LevelChanged: _level_changed,
    e.PointsAdjusted: _adjusted,
    e.PointsExpired: _expired,
    e.PointsReturned: _returned,
    e.RedemptionRequested: _requested,
    e.RedemptionConfirmed: _confirmed,
    e.RedemptionEnded: _ended,
    e.CashbackSettled: _cashback_settled,
}
