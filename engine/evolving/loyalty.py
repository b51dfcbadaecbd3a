"""Applies loyalty's events, and what bets, wins and reversals do to points and turnover (rules §8)."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from engine import events as e
from engine.amounts import MICRO
from engine.calendar import DAY_MS
from engine.loyalty.turnover import add_day, roll_week, take_from_day, week_of
from engine.state import (
    ENDED_REDEMPTIONS_MAX,
    PAID_WEEKS_MAX,
    Loyalty,
    OpenRound,
    Player,
    Redemption,
    RedemptionState,
)


def accrue(loyalty: Loyalty, turnover_micro: int, points_micro: int, time_ms: int) -> None:
    """Adds a paid bet, or a bet of another vertical, to turnover and points."""
    day = time_ms // DAY_MS
    loyalty.qualifying += turnover_micro
    loyalty.available += points_micro
    loyalty.lifetime += points_micro
    loyalty.idle_since_ms = time_ms
    days = loyalty.days
    if day - loyalty.first_day == len(days) - 1:
        days[-1] += turnover_micro
    else:
        add_day(loyalty, day, turnover_micro)


def count_result(loyalty: Loyalty, round_: OpenRound, won: int, ends: bool, time_ms: int) -> None:
    """Counts a result, or a time-out that closes the round (`won` 0).

    A round counts for the week in which it ends, with all its bets that stand and all its results (rules §8, cashback).
    `won` is what this step paid to the real wallet.
    """
    if round_.counts_when_over:
        if ends:
            staked = 0
            for bet in round_.bets:  # every spin comes here: mostly there is one bet
                staked += bet.real
            count_in_week(loyalty, staked, round_.won_real, time_ms)
    elif won:
        count_in_week(loyalty, 0, won, time_ms)


def count_in_week(loyalty: Loyalty, staked: int, won: int, time_ms: int) -> None:
    """Adds real money that was staked and won, minor units, to the account of the week that `time_ms` is in."""
    roll_week(loyalty, week_of(time_ms // DAY_MS))
    loyalty.week_staked += staked
    loyalty.week_won += won


def take_back(loyalty: Loyalty, points_micro: int, qualifying_micro: int, days: Iterable[e.DayDelta]) -> None:
    """Adds a reversal's signed deltas. The delta of a day that is no longer kept is left out."""
    loyalty.available += points_micro
    loyalty.lifetime += points_micro
    loyalty.qualifying += qualifying_micro
    for delta in days:
        take_from_day(loyalty, delta.day, delta.turnover_micro)


def take_from_week(loyalty: Loyalty, round_: OpenRound | None, days: Iterable[e.DayDelta], time_ms: int) -> None:
    """Takes the real money of a reversed round off its week. An open `round_` has not counted for any week yet.

    The current week is corrected. A week that is over but not reckoned is corrected, too, unless its loss would grow.
    If the week was paid, the loss that the reversal undid is taken off the next reckoning, but no more than the week
    was paid for.
    """
    if round_ is not None and round_.counts_when_over:
        return
    this_week = week_of(time_ms // DAY_MS)
    for delta in days:
        week, lost = week_of(delta.day), delta.won - delta.staked
        if week == loyalty.week and (week == this_week or lost > 0):
            loyalty.week_staked += delta.staked
            loyalty.week_won += delta.won
        elif lost > 0 and (paid_for := loyalty.paid_weeks.get(week)):
            loyalty.paid_weeks[week] = max(0, paid_for - lost)
            loyalty.to_take_off += min(paid_for, lost)


def _level_changed(player: Player, event: e.LevelChanged, command_id: str, time_ms: int) -> None:
    loyalty = player.state.loyalty
    loyalty.level, loyalty.level_since_ms, loyalty.forced = event.new, time_ms, event.forced
    if event.reason == "play":
        loyalty.climbed += (event.new,)
    elif event.reason == "reversal":
        loyalty.climbed = tuple(level for level in loyalty.climbed if level != event.old)
    if event.qualifying_micro is not None:
        loyalty.qualifying = event.qualifying_micro
        loyalty.reset_version = player.state.version + 1
        loyalty.climbed = ()


def _level_up_due(player: Player, event: e.LevelUpDue, command_id: str, time_ms: int) -> None:
    loyalty = player.state.loyalty
    loyalty.climbed = tuple(level for level in loyalty.climbed if level not in event.levels)


def _points_adjusted(player: Player, event: e.PointsAdjusted, command_id: str, time_ms: int) -> None:
    """Points that are added restart the months until points expire; points that are taken don't (rules §8, expiry)."""
    loyalty = player.state.loyalty
    loyalty.available += event.points_micro
    loyalty.lifetime += event.points_micro
    if event.points_micro > 0:
        loyalty.idle_since_ms = time_ms


def _points_expired(player: Player, event: e.PointsExpired, command_id: str, time_ms: int) -> None:
    loyalty = player.state.loyalty
    loyalty.available -= event.points_micro
    loyalty.expired += event.points_micro


def _points_returned(player: Player, event: e.PointsReturned, command_id: str, time_ms: int) -> None:
    loyalty = player.state.loyalty
    loyalty.spent -= event.points * MICRO
    loyalty.available += event.points * MICRO
    loyalty.unlocked_ms = time_ms


def _requested(player: Player, event: e.RedemptionRequested, command_id: str, time_ms: int) -> None:
    loyalty = player.state.loyalty
    loyalty.available -= event.points * MICRO
    loyalty.locked += event.points * MICRO
    loyalty.redemptions[event.redemption_id] = Redemption(
        event.redemption_id, event.points, event.amount, "locked", time_ms, event.expires_ms
    )


def _confirmed(player: Player, event: e.RedemptionConfirmed, command_id: str, time_ms: int) -> None:
    loyalty = player.state.loyalty
    loyalty.locked -= event.points * MICRO
    loyalty.spent += event.points * MICRO
    _end(loyalty, event.redemption_id, "confirmed", time_ms)


def _ended(player: Player, event: e.RedemptionEnded, command_id: str, time_ms: int) -> None:
    loyalty = player.state.loyalty
    loyalty.locked -= event.points * MICRO
    loyalty.available += event.points * MICRO
    loyalty.unlocked_ms = time_ms
    _end(loyalty, event.redemption_id, "lapsed" if event.lapsed else "cancelled", time_ms)


def _end(loyalty: Loyalty, redemption_id: str, ended: RedemptionState, time_ms: int) -> None:
    redemption = loyalty.redemptions.pop(redemption_id)
    loyalty.redemptions[redemption_id] = replace(redemption, state=ended, ended_ms=time_ms)
    over = [key for key, value in loyalty.redemptions.items() if value.state != "locked"]
    for oldest in over[: max(0, len(over) - ENDED_REDEMPTIONS_MAX)]:
        del loyalty.redemptions[oldest]


def _cashback_settled(player: Player, event: e.CashbackSettled, command_id: str, time_ms: int) -> None:
    """Closes the account of that week.

    The loss that was paid for, or that made up for reversals, can be reversed later.
    """
    loyalty = player.state.loyalty
    roll_week(loyalty, event.week + 1)
    loyalty.to_take_off -= event.taken_off
    counted = event.staked - event.won if event.amount else event.taken_off
    if counted:
        loyalty.paid_weeks[event.week] = counted
        for oldest in [*loyalty.paid_weeks][:-PAID_WEEKS_MAX]:
            del loyalty.paid_weeks[oldest]


LOYALTY: dict[type[e.Event], Callable[[Player, Any, str, int], None]] = {
    e.LevelChanged: _level_changed,
    e.LevelUpDue: _level_up_due,
    e.PointsAdjusted: _points_adjusted,
    e.PointsExpired: _points_expired,
    e.PointsReturned: _points_returned,
    e.RedemptionRequested: _requested,
    e.RedemptionConfirmed: _confirmed,
    e.RedemptionEnded: _ended,
    e.CashbackSettled: _cashback_settled,
}
