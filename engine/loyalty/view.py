"""A player's standing: level, points, turnover, privileges, and what silence would cost (rules §8)."""

from typing import Final

from engine.calendar import DAY_MS
from engine.catalog import Catalog, LoyaltyRules
from engine.loyalty.due import expiry_day, sweep_day
from engine.loyalty.ladder import level_of, rung_of
from engine.loyalty.privileges import buckets, privileges_of
from engine.loyalty.turnover import rolling
from engine.state import Loyalty, PlayerState
from engine.views import LoyaltyView, NextLevel

WINDOW_DAYS: Final = 30
"""Days of the rolling turnover if the catalog names no other number."""
AT_RISK_DAYS: Final = 30


def loyalty_view(state: PlayerState, catalog: Catalog, time_ms: int) -> LoyaltyView:
    """The player's standing as of `time_ms` (Unix ms)."""
    loyalty, rules = state.loyalty, catalog.loyalty
    down = rules.downgrade if rules is not None else None
    falls, expires = sweep_day(state, catalog), expiry_day(state, catalog)
    today = time_ms // DAY_MS
    return LoyaltyView(
        player_id=state.player_id,
        level=level_of(catalog, state),
        points=buckets(loyalty),
        cumulative_micro=state.turnover_micro,
        qualifying_micro=loyalty.qualifying,
        rolling_micro=rolling(loyalty, today, WINDOW_DAYS if down is None else down.window_days),
        next_level=None if rules is None else _next_level(rules, loyalty),
        privileges=privileges_of(catalog, state),
        points_expire_ms=None if expires is None else expires * DAY_MS,
        level_since_ms=loyalty.level_since_ms,
        downgrade_at_risk=falls is not None and falls <= today + AT_RISK_DAYS,
        forced=loyalty.forced,
        redemptions=tuple(redemption for redemption in loyalty.redemptions.values() if redemption.state == "locked"),
    )


def _next_level(rules: LoyaltyRules, loyalty: Loyalty) -> NextLevel | None:
    above = rung_of(rules, loyalty) + 1
    if above == len(rules.levels):
        return None
    level = rules.levels[above]
    missing = max(0, level.threshold_micro - loyalty.qualifying)
    return NextLevel(level.level_id, level.threshold_micro, missing)
