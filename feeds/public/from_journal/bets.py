"""Bets, wins, rounds, and bets on other verticals."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.public.data import bets as p
from feeds.public.data.base import PublicData
from feeds.public.data.bonus import FreeSpinsUsed
from feeds.public.data.loyalty import PointsAccrued, PointsReversed
from feeds.public.from_journal.told import Told

Public = PublicData | tuple[PublicData, ...]


def _bet_placed(event: e.BetPlaced, told: Told) -> Public:
    bet = p.BetPlaced(
        player_id=told.player_id,
        command_id=told.command_id,
        session_id=event.session_id,
        game_id=event.game_id,
        mode=event.mode,
        amount=event.amount,
        real=event.real,
        bonus=event.bonus,
        opens_round=event.opens,
        turnover_micro_eur=event.turnover_micro,
        counted=event.counted,
        round_id=event.round_id,
        grant_id=event.grant_id,
        package_id=event.package_id,
        currency=told.currency,
    )
    if event.package_id is not None:
        used = FreeSpinsUsed(
            told.player_id, told.command_id, event.package_id, event.session_id, event.game_id, event.amount
        )
        return (bet, used)
    if event.points_micro:
        return (bet, PointsAccrued(told.player_id, told.command_id, event.points_micro))
    return bet


def _win_credited(event: e.WinCredited, told: Told) -> Public:
    ours = told.session_id == event.session_id
    return p.WinCredited(
        player_id=told.player_id,
        command_id=told.command_id,
        session_id=event.session_id,
        reported=event.reported,
        real=event.real,
        bonus=event.bonus,
        closes_round=event.closes,
        grant_id=event.grant_id,
        bet_command_id=event.settles,
        game_id=told.game_id if ours else None,
        round_id=told.round_id if ours else None,
        currency=told.currency,
    )


def _round_reversed(event: e.RoundReversed, told: Told) -> Public:
    """The event of a cancelled round has no tombstones: nobody rolled its bets back by their ids."""
    undone = _rolled_back(event, told) if event.tombstones else _cancelled(event, told)
    if not event.points_micro:
        return undone
    return (undone, PointsReversed(told.player_id, told.command_id, event.points_micro))


def _cancelled(event: e.RoundReversed, told: Told) -> PublicData:
    return p.RoundCancelled(
        player_id=told.player_id,
        command_id=told.command_id,
        session_id=event.session_id,
        game_id=event.game_id,
        real=event.real,
        bonus=_bonus(event),
        turnover_micro_eur=event.turnover_micro,
        free_spins_returned=event.spins,
        package_id=event.package_id,
        currency=told.currency,
    )


def _rolled_back(event: e.RoundReversed, told: Told) -> PublicData:
    return p.RoundRolledBack(
        player_id=told.player_id,
        command_id=told.command_id,
        session_id=event.session_id,
        game_id=event.game_id,
        real=event.real,
        bonus=_bonus(event),
        turnover_micro_eur=event.turnover_micro,
        bet_command_ids=event.tombstones,
        stays_open=event.stays_open,
        kept_awards=event.kept_grants,
        free_spins_returned=event.spins,
        package_id=event.package_id,
    )


def _bonus(event: e.RoundReversed) -> int:
    return sum(delta.balance for delta in event.grants)


def _round_flagged(event: e.RoundFlagged, told: Told) -> Public:
    return p.RoundFlagged(told.player_id, told.command_id, event.session_id)


def _round_timed_out(event: e.RoundTimedOut, told: Told) -> Public:
    return p.RoundTimedOut(told.player_id, told.command_id, event.session_id, event.game_id, event.action)


def _flagged_for_operator(event: e.FlaggedForOperator, told: Told) -> Public:
    return p.RefusalFlagged(
        player_id=told.player_id,
        command_id=told.command_id,
        refused_command_id=event.command_id,
        code=event.code,
        session_id=event.session_id,
        amount=event.amount,
        bet_command_id=event.transaction_id or None,
    )


def _flag_cleared(event: e.FlagCleared, told: Told) -> Public:
    return p.RefusalCleared(
        player_id=told.player_id,
        command_id=told.command_id,
        flag_id=event.flag_id,
        code=event.code,
        session_id=event.session_id,
        amount=event.amount,
        reason=event.reason,
    )


def _bet_reported(event: e.BetReported, told: Told) -> Public:
    bet = p.BetReported(told.player_id, told.command_id, event.game_type, event.amount, event.turnover_micro)
    if not event.points_micro:
        return bet
    return (bet, PointsAccrued(told.player_id, told.command_id, event.points_micro))


def _reported_bet_reversed(event: e.ReportedBetReversed, told: Told) -> Public:
    undone = p.ReportedBetRolledBack(
        told.player_id, told.command_id, event.command_id, event.turnover_micro, event.kept_grants
    )
    if not event.points_micro:
        return undone
    return (undone, PointsReversed(told.player_id, told.command_id, event.points_micro))


BETS: dict[type[e.Event], Callable[[Any, Told], Public]] = {
    e.BetPlaced: _bet_placed,
    e.WinCredited: _win_credited,
    e.RoundReversed: _round_reversed,
    e.RoundFlagged: _round_flagged,
    e.RoundTimedOut: _round_timed_out,
    e.FlaggedForOperator: _flagged_for_operator,
    e.FlagCleared: _flag_cleared,
    e.BetReported: _bet_reported,
    e.ReportedBetReversed: _reported_bet_reversed,
}
