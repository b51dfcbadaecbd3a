"""A player's level, points and turnover, and the redemptions of points."""

from typing import Literal

import msgspec

RedemptionState = Literal["locked", "confirmed", "cancelled", "lapsed"]


class Redemption(msgspec.Struct, frozen=True, array_like=True):
    """Whole `points` on their way to become `amount` minor units of free play (rules §8)."""

    redemption_id: str
    points: int
    amount: int
    state: RedemptionState
    requested_ms: int
    expires_ms: int
    ended_ms: int | None = None


class Loyalty(msgspec.Struct, array_like=True):
    """Level, points and turnover (rules §8). Points are micro-points, turnover is micro-EUR, days count from 1970.

    available + locked + spent + expired = lifetime, always. Points leave `available` as whole points only. No other
    bucket has fractions, so the buckets add up also as they are shown.
    """

    level: str = ""
    """Empty if there was no ladder when the level was last set."""
    level_since_ms: int = 0
    forced: bool = False
    """An operator set the level: no reversal lowers it."""
    qualifying: int = 0
    """The turnover that counts for climbing. Bets up to the player's version `reset_version` no longer count
    (rules §8).
    """
    reset_version: int = 0
    climbed: tuple[str, ...] = ()
    """Levels climbed by bets of rounds still open: their `level_up` campaigns wait (rules §3). A level that is forced
    or lost meanwhile forgets them.
    """
    available: int = 0
    locked: int = 0
    spent: int = 0
    expired: int = 0
    lifetime: int = 0
    """All points that were accrued or added by hand, less what reversals or operators took."""
    idle_since_ms: int = 0
    """The last paid bet, the last points added by hand, or the registration: the months until points expire count from
    here (rules §8).
    """
    unlocked_ms: int = 0
    """When points last came back from a redemption."""
    first_day: int = 0
    days: list[int] = []
    """Turnover by UTC day from `first_day` on, without gaps; at most TURNOVER_DAYS_MAX."""
    week: int = 0
    week_staked: int = 0
    week_won: int = 0
    """Real money staked and won in the rounds that ended in that week, minor units (see `loyalty.turnover.week_of`)."""
    redemptions: dict[str, Redemption] = {}
    """Locked redemptions, and the last ones that ended: each kind oldest first."""
    paid_weeks: dict[int, int] = {}
    """Weeks that cashback was paid for, oldest first, each with the loss it was paid for, less what was reversed since.
    """
    to_take_off: int = 0
    """Losses of those weeks that were reversed since, minor units: the next reckonings count that much less."""
