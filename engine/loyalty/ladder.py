"""Where a player stands on the ladder: rungs, counted from 0, and the level shown (rules §8). Changes nothing."""

from engine.catalog import Catalog, LoyaltyRules
from engine.state import Loyalty, PlayerState


def reached(rules: LoyaltyRules, qualifying: int) -> int:
    """The highest rung whose threshold `qualifying` micro-EUR reach."""
    rung = 0
    while rung + 1 < len(rules.levels) and qualifying >= rules.levels[rung + 1].threshold_micro:
        rung += 1
    return rung


def rung_of(rules: LoyaltyRules, loyalty: Loyalty) -> int:
    """The player's rung. If the level is no longer on the ladder, it is the rung that the next bet will lead to."""
    rung = rules.rungs.get(loyalty.level)
    return reached(rules, loyalty.qualifying) if rung is None else rung


def level_of(catalog: Catalog, state: PlayerState) -> str:
    """The player's level. If it is no longer on the ladder, it is the level that the next bet will lead to."""
    rules = catalog.loyalty
    return state.loyalty.level if rules is None else rules.levels[rung_of(rules, state.loyalty)].level_id
