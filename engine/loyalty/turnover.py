"""Turnover: stakes in micro-EUR, converted once, when the bet is placed (rules §2.7, §8), and kept by UTC day and week.

Days are counted from 1 January 1970, weeks from the Monday before it.
"""

from typing import Final

from engine.calendar import DAY_MS
from engine.state import TURNOVER_DAYS_MAX, Loyalty, PlayerState

_THURSDAY: Final = 3
"""1 January 1970 was the fourth day of its week."""


def settled_turnover(state: PlayerState) -> int:
    """Lifetime turnover in micro-EUR without the stakes of rounds that are still open: these may be cancelled yet."""
    if not state.rounds:
        return state.turnover_micro
    still_open = sum(bet.turnover_micro for round_ in state.rounds.values() for bet in round_.bets)
    return state.turnover_micro - still_open


def week_of(day: int) -> int:
    """The week of a UTC day; weeks begin on Monday (rules §8, cashback)."""
    return (day + _THURSDAY) // 7


def week_ends_ms(week: int) -> int:
    """When the week is over, Unix ms: Monday 00:00 UTC of the next one."""
    return ((week + 1) * 7 - _THURSDAY) * DAY_MS


def next_midnight_ms(time_ms: int) -> int:
    """The first 00:00 UTC at or after `time_ms`."""
    return -(-time_ms // DAY_MS) * DAY_MS


def rolling(loyalty: Loyalty, today: int, window_days: int) -> int:
    """Micro-EUR of the last `window_days` UTC days, `today` included (rules §8)."""
    first = max(0, today - window_days + 1 - loyalty.first_day)
    return sum(loyalty.days[first : max(0, today - loyalty.first_day + 1)])


def add_day(loyalty: Loyalty, day: int, micro_eur: int) -> None:
    """Begins the bucket of a day that is later than all kept ones. The oldest buckets are dropped."""
    days = loyalty.days
    gap = day - loyalty.first_day - len(days)
    if not days or gap >= TURNOVER_DAYS_MAX:
        loyalty.first_day, loyalty.days = day, [micro_eur]
        return
    days.extend([0] * gap)
    days.append(micro_eur)
    over = len(days) - TURNOVER_DAYS_MAX
    if over > 0:
        del days[:over]
        loyalty.first_day += over


def take_from_day(loyalty: Loyalty, day: int, micro_eur: int) -> None:
    """Adds a reversal's signed delta to the bucket of the day its bet was made on, if that is still kept."""
    at = day - loyalty.first_day
    if 0 <= at < len(loyalty.days):
        loyalty.days[at] += micro_eur


def roll_week(loyalty: Loyalty, week: int) -> None:
    """Begins a new week's account of real money. An earlier week has been reckoned, or left no loss."""
    if week != loyalty.week:
        loyalty.week, loyalty.week_staked, loyalty.week_won = week, 0, 0


def first_short_day(loyalty: Loyalty, threshold_micro: int, window_days: int) -> int:
    """The first day whose rolling turnover, without further bets, is below the threshold; 0 if every day's is."""
    total = 0
    for at in range(len(loyalty.days) - 1, -1, -1):
        total += loyalty.days[at]
        if total >= threshold_micro:
            return loyalty.first_day + at + window_days
    return 0
