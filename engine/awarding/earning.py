"""What a bet earns in points (rules §8)."""

from engine.amounts import MICRO
from engine.awarding.eligibility import not_for_player
from engine.catalog import Campaign, Catalog
from engine.catalog.index import index_of
from engine.commands import Command
from engine.expiry import is_running
from engine.loyalty.ladder import level_of
from engine.state import POINTS_MAX, PlayerState


def earned(state: PlayerState, catalog: Catalog, game_type: str, turnover_micro: int, command: Command) -> int:
    """Micro-points of a paid bet: EUR × per_eur × the type's multiplier × the highest promotion's, rounded down.

    A promotion that is switched off doesn't count.
    """
    rules = catalog.loyalty
    if rules is None:
        return 0
    points = turnover_micro * rules.points.factors[game_type] // MICRO
    promotions, level = index_of(catalog).promotions, state.loyalty.level
    if level not in promotions:
        level = level_of(catalog, state)
    for campaign in promotions[level]:
        if _runs(campaign, command) and not_for_player(state, campaign.eligibility, None, level) is None:
            factor = rules.points.factors[game_type] * (campaign.points_multiplier_micro or MICRO)
            points = turnover_micro * factor // (MICRO * MICRO)
            break
    room = POINTS_MAX - state.loyalty.lifetime
    return points if points <= room else max(0, room)


def _runs(campaign: Campaign, command: Command) -> bool:
    off = command.facts.off
    return is_running(campaign, command.time_ms) and (off is None or campaign.campaign_id not in off.campaigns)
