"""When loyalty has work due: cashback, lapsed redemptions, downgrades, expired points (rules §8).

Days are UTC days since 1970; sweeps happen at their beginning, 00:00 UTC.
"""

from engine.amounts import MICRO
from engine.calendar import DAY_MS, LATEST_DAY, months_later
from engine.catalog import Catalog
from engine.commands import ExpirePoints, LapseRedemption, PayCashback, SweepLevel
from engine.loyalty.turnover import first_short_day, next_midnight_ms, week_ends_ms
from engine.state import PlayerState

LoyaltyDue = tuple[int, type[PayCashback | LapseRedemption | SweepLevel | ExpirePoints], str | int]
"""Unix ms, the command, and its subject: a week, a redemption, a day."""


def next_loyalty_due(state: PlayerState, catalog: Catalog) -> LoyaltyDue | None:
    """The first of what becomes due; at the same moment a week's cashback comes before the level that follows it.

    Locked points come back in time even if levels.yaml was taken away. If the player's currency was, cashback waits.
    """
    rules, loyalty = catalog.loyalty, state.loyalty
    found: LoyaltyDue | None = None
    paid_back = rules is not None and rules.cashback is not None and state.currency in catalog.currencies
    if paid_back and loyalty.week_staked > loyalty.week_won:
        found = (max(week_ends_ms(loyalty.week), catalog.in_force_ms), PayCashback, loyalty.week)
    if loyalty.locked:
        for redemption in loyalty.redemptions.values():
            if redemption.state == "locked" and (found is None or redemption.expires_ms < found[0]):
                found = (redemption.expires_ms, LapseRedemption, redemption.redemption_id)
    if rules is None:
        return found
    day = sweep_day(state, catalog)
    if day is not None and (found is None or day * DAY_MS < found[0]):
        found = (day * DAY_MS, SweepLevel, day)
    day = expiry_day(state, catalog)
    if day is not None and (found is None or day * DAY_MS < found[0]):
        found = (day * DAY_MS, ExpirePoints, day)
    return found


def loyalty_terms(catalog: Catalog) -> tuple[object, ...] | None:
    """The part of the catalog that these due times depend on."""
    rules = catalog.loyalty
    if rules is None:
        return None
    ladder = tuple((level.level_id, level.threshold_micro) for level in rules.levels)
    paid_back = sorted(catalog.currencies) if rules.cashback is not None else ()
    return ladder, rules.downgrade, rules.points.expire_after_months, paid_back


def sweep_day(state: PlayerState, catalog: Catalog) -> int | None:
    """The day whose sweep moves the player down if there are no further bets; None if none ever will.

    The level has been held for `grace_days`, and at least since the day before.
    """
    rules, loyalty = catalog.loyalty, state.loyalty
    if rules is None or rules.downgrade is None or not (rung := rules.rungs.get(loyalty.level)):
        return None
    down = rules.downgrade
    compared = rung - 1 if down.rule == "previous_level_threshold" else rung
    threshold = rules.levels[compared].threshold_micro
    if not threshold:
        return None
    since = loyalty.level_since_ms
    held = max(since + down.grace_days * DAY_MS, (since // DAY_MS + 1) * DAY_MS)
    first = next_midnight_ms(max(held, state.time_ms, catalog.in_force_ms)) // DAY_MS
    return _within_time(max(first, first_short_day(loyalty, threshold, down.window_days)))


def expiry_day(state: PlayerState, catalog: Catalog) -> int | None:
    """The day whose sweep takes all available points, if no paid bet and no points by hand come before; None: there are
    none.

    Less than a whole point does not expire (rules §8, buckets).
    """
    rules, loyalty = catalog.loyalty, state.loyalty
    if rules is None or rules.points.expire_after_months is None or loyalty.available < MICRO:
        return None
    day, rest = divmod(loyalty.idle_since_ms, DAY_MS)
    idle = months_later(day, rules.points.expire_after_months) + (1 if rest else 0)
    back = next_midnight_ms(max(loyalty.unlocked_ms + 1, catalog.in_force_ms)) // DAY_MS
    return _within_time(max(idle, back))


def _within_time(day: int) -> int | None:
    """The day, or None if it lies after the latest instant (rules §10)."""
    return day if day <= LATEST_DAY else None
