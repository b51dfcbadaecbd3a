"""Family `bets`: stakes, wins, rounds that were undone, and bets of other verticals."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.facts.rows.base import MicroEur, MicroPoints, MinorUnits, Row
from feeds.facts.rows.told import Told


class BetRow(Row):
    """GGR is the sum of `ggr_real` and `ggr_bonus`, whatever was undone: stakes less wins."""

    session_id: str | None = None
    """The round."""
    round_id: str | None = None
    """The round's id at the game server."""
    game_id: str | None = None
    game_type: str | None = None
    """Of a bet on another vertical."""
    mode: str | None = None
    """`real` or `freespin`. Empty if the entry does not tell it."""
    grant_id: str | None = None
    """The bonus that paid the stake's bonus part, counted the stake, or took the win."""
    package_id: str | None = None
    """The free spins that the spin came from. A win that came after its bet does not name it: see the bet."""
    stake: MinorUnits = 0
    """The stake, of which `-real` and `-bonus` were taken; of a free spin its face value, though nothing is taken."""
    reported: MinorUnits = 0
    """The win as the game reported it; `real` + `bonus` of it was credited."""
    ggr_real: MinorUnits = 0
    """Stakes less wins on real funds: negative for a win, the opposite if the bet is undone."""
    ggr_bonus: MinorUnits = 0
    """Stakes less wins on bonus funds."""
    counted: MinorUnits = 0
    """By how much the stake lowered the wagering of `grant_id`."""
    wager_added: MinorUnits = 0
    """By how much winnings of free spins raised the wagering of `grant_id`."""
    released: MinorUnits = 0
    """Only where a bet was undone: what a completed bonus would have paid out more, or less. It is part of `real`."""
    spins: int = 0
    """Free spins used: 1, or negative if they went back to their package."""
    bets_undone: int = 0
    """How many bets were rolled back by their ids."""
    turnover_micro_eur: MicroEur = 0
    """Signed change of the turnover."""
    points_micro: MicroPoints = 0
    """Signed change of the available points."""
    opens: bool = False
    """The stake opened its round."""
    closes: bool = False
    """The round ended with this event."""
    over_max_bet: bool = False
    """The stake was over the bonus's `max_bet`, for which the bonus is cancelled."""
    action: str | None = None
    """What the time-out did: `refund` or `close`."""


def _bet_placed(event: e.BetPlaced, told: Told) -> BetRow:
    """The package is remembered for the win of the same entry."""
    free = event.package_id is not None
    told.package_id = event.package_id
    return BetRow(
        real=-event.real,
        bonus=-event.bonus,
        session_id=event.session_id,
        round_id=event.round_id,
        game_id=event.game_id,
        mode=event.mode,
        grant_id=event.grant_id,
        package_id=event.package_id,
        stake=event.amount,
        ggr_real=event.real,
        ggr_bonus=event.bonus,
        counted=event.counted,
        spins=1 if free else 0,
        turnover_micro_eur=0 if free else event.turnover_micro,
        points_micro=0 if free else event.points_micro,
        opens=event.opens,
        over_max_bet=event.voids_grant,
    )


def _win_credited(event: e.WinCredited, told: Told) -> BetRow:
    ours = told.session_id == event.session_id
    return BetRow(
        real=event.real,
        bonus=event.bonus,
        session_id=event.session_id,
        round_id=told.round_id if ours else None,
        game_id=told.game_id if ours else None,
        mode=told.mode if ours else None,
        grant_id=event.grant_id,
        package_id=told.package_id,
        reported=event.reported,
        ggr_real=-event.real,
        ggr_bonus=-event.bonus,
        wager_added=event.wager_added,
        closes=event.closes,
    )


def _round_reversed(event: e.RoundReversed, told: Told) -> BetRow:
    """A bonus that stays ended gets nothing back: what it released and lost is corrected instead."""
    bonus = sum(delta.balance for delta in event.grants)
    released = sum(delta.released for delta in event.grants)
    removed = sum(delta.removed for delta in event.grants)
    only = event.grants[0].grant_id if len(event.grants) == 1 else None
    return BetRow(
        real=event.real,
        bonus=bonus,
        session_id=event.session_id,
        game_id=event.game_id,
        grant_id=only,
        package_id=event.package_id,
        ggr_real=released - event.real,
        ggr_bonus=-bonus - released - removed,
        released=released,
        spins=-event.spins,
        bets_undone=len(event.tombstones),
        turnover_micro_eur=event.turnover_micro,
        points_micro=event.points_micro,
        closes=not event.stays_open,
    )


def _tombstoned(event: e.BetTombstoned, told: Told) -> BetRow:
    return BetRow(session_id=event.session_id)


def _reported(event: e.BetReported, told: Told) -> BetRow:
    return BetRow(
        game_type=event.game_type,
        stake=event.amount,
        turnover_micro_eur=event.turnover_micro,
        points_micro=event.points_micro,
    )


def _reported_reversed(event: e.ReportedBetReversed, told: Told) -> BetRow:
    return BetRow(bets_undone=1, turnover_micro_eur=event.turnover_micro, points_micro=event.points_micro)


def _flagged(event: e.RoundFlagged, told: Told) -> BetRow:
    return BetRow(session_id=event.session_id)


def _timed_out(event: e.RoundTimedOut, told: Told) -> BetRow:
    return BetRow(session_id=event.session_id, game_id=event.game_id, closes=True, action=event.action)


BETS: dict[type[e.Event], Callable[[Any, Told], BetRow]] = {
    e.BetPlaced: _bet_placed,
    e.WinCredited: _win_credited,
    e.RoundReversed: _round_reversed,
    e.BetTombstoned: _tombstoned,
    e.BetReported: _reported,
    e.ReportedBetReversed: _reported_reversed,
    e.RoundFlagged: _flagged,
    e.RoundTimedOut: _timed_out,
}
