"""Family `free_spins`: packages of free spins, as they come and go. Their use stands in `bets`."""

from collections.abc import Callable
from typing import Any

from engine import events as e
from feeds.facts.rows.base import Instant, MinorUnits, Row
from feeds.facts.rows.told import Told


class FreeSpinRow(Row):
    """The sum of `spins`, less that of `bets.spins`, is how many free spins players have left."""

    package_id: str | None = None
    campaign_id: str | None = None
    """Empty where spins expire: the view `packages` names it by player and `package_id`."""
    spins: int = 0
    """Signed change of the spins that the player can still use, uses apart."""
    bet: MinorUnits = 0
    """The face value of each spin."""
    award: int = 0
    """1 if the package counts as an award of its campaign; 0 beside a bonus of the same award."""
    award_level: str | None = None
    """The level whose climbing triggered the award."""
    reason: str | None = None
    """Why the spins were given up."""
    games: tuple[str, ...] = ()
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    max_win: MinorUnits | None = None
    """All spins of the package together win at most this."""


def _granted(event: e.FreeSpinsGranted, told: Told) -> FreeSpinRow:
    package = event.package
    return FreeSpinRow(
        package_id=package.package_id,
        campaign_id=package.campaign_id,
        spins=package.remaining,
        bet=package.bet,
        award=1 if event.award else 0,
        award_level=package.level,
        games=package.games,
        valid_from=package.valid_from_ms,
        valid_to=package.valid_to_ms,
        max_win=package.max_win,
    )


def _expired(event: e.FreeSpinsExpired, told: Told) -> FreeSpinRow:
    return FreeSpinRow(package_id=event.package_id, spins=-event.unused)


def _cancelled(event: e.FreeSpinsCancelled, told: Told) -> FreeSpinRow:
    return FreeSpinRow(
        package_id=event.package_id, campaign_id=event.campaign_id, spins=-event.unused, reason=event.reason
    )


FREE_SPINS: dict[type[e.Event], Callable[[Any, Told], FreeSpinRow]] = {
    e.FreeSpinsGranted: _granted,
    e.FreeSpinsExpired: _expired,
    e.FreeSpinsCancelled: _cancelled,
}
