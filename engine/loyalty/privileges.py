"""Reads of loyalty: privileges and whole points (rules §8). Changes nothing."""

from engine.amounts import MICRO
from engine.answers import Points
from engine.catalog import Catalog, Privileges
from engine.loyalty.ladder import rung_of
from engine.state import Loyalty, PlayerState

_NO_PRIVILEGES = Privileges()


def privileges_of(catalog: Catalog, state: PlayerState, level: str | None = None) -> Privileges:
    """What `level` gives, or the player's own level if it is None. Without a ladder nothing special."""
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

    An earlier version let fractions expire. Such a fraction is shown among the expired points once it makes up a whole
    point together with the available fraction.
    """
    available, locked, spent = whole(loyalty.available), whole(loyalty.locked), whole(loyalty.spent)
    lifetime = whole(loyalty.lifetime)
    return Points(available, locked, spent, lifetime - available - locked - spent, lifetime)
