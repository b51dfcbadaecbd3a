"""Reads of loyalty: privileges, whole points, and what a bet earns (rules §8). Changes nothing."""

from engine.amounts import MICRO
from engine.answers import Points
from engine.catalog import Catalog, Privileges
from engine.catalog_index import index_of
from engine.eligibility import not_for_player
from engine.ladder import level_of, rung_of
from engine.state import POINTS_MAX, Loyalty, PlayerState

_NO_PRIVILEGES = Privileges()


def privileges_of(catalog: Catalog, state: PlayerState, level: str | None = None) -> Privileges:
    """What `level`, or else the player's own, gives; without a ladder nothing special."""
    rules = catalog.loyalty
    if rules is None:
        return _NO_PRIVILEGES
    rung = None if level is None else rules.rungs.get(level)
    return rules.levels[rung_of(rules, state.loyalty) if rung is None else rung].privileges


def min_rtp_micro(catalog: Catalog, state: PlayerState) -> int | None:
    """The return to player, in millionths, that the level asks of games; None unless the flag `rtp_by_level` is on."""
    return privileges_of(catalog, state).min_rtp_micro if catalog.flags.get("rtp_by_level") else None


def whole(points_micro: int) -> int:
    """Whole points, rounded down, negative ones too."""
    return points_micro // MICRO


def buckets(loyalty: Loyalty) -> Points:
    """The buckets in whole points: the first four add up to the last, because only `available` holds fractions.

    Fractions that an earlier version let expire belong to no bucket alone: they are shown among the expired once they
    make up a point together with those that are available.
    """
    available, locked, spent = whole(loyalty.available), whole(loyalty.locked), whole(loyalty.spent)
    lifetime = whole(loyalty.lifetime)
    return Points(available, locked, spent, lifetime - available - locked - spent, lifetime)


def earned(state: PlayerState, catalog: Catalog, game_type: str, turnover_micro: int, time_ms: int) -> int:
    """Micro-points of a paid bet: EUR × per_eur × the type's multiplier × the highest promotion's, rounded down."""
    rules = catalog.loyalty
    if rules is None:
        return 0
    points = turnover_micro * rules.points.factors[game_type] // MICRO
    promotions, level = index_of(catalog).promotions, state.loyalty.level
    if level not in promotions:
        level = level_of(catalog, state)
    for campaign in promotions[level]:
        if campaign.valid_from_ms <= time_ms < campaign.valid_to_ms and (
            not_for_player(state, campaign.eligibility, None, level) is None
        ):
            factor = rules.points.factors[game_type] * (campaign.points_multiplier_micro or MICRO)
            points = turnover_micro * factor // (MICRO * MICRO)
            break
    room = POINTS_MAX - state.loyalty.lifetime
    return points if points <= room else max(0, room)
