"""Levels, points and their redemption, cashback."""

from feeds.public.data.base import Currency, Instant, MicroPoints, MinorUnits, Points, PublicData


class LevelChanged(PublicData, frozen=True):
    """The player's level was `old` and is now `new`.

    `reason`: `play`, `downgrade`, `forced` (by an operator), `reversal` (of bets) or `ladder_changed`. What the new
    level gives: `bonus_multiplier_micro` and `cashback_percent_micro` in millionths, `manager`, `withdrawal` and
    `offers` as the ladder names them.
    """

    old: str
    new: str
    reason: str
    bonus_multiplier_micro: int
    cashback_percent_micro: int
    manager: str
    withdrawal: str
    offers: tuple[str, ...]


class PointsAccrued(PublicData, frozen=True):
    """A bet earned points: the BetPlaced or BetReported before this, of the same version."""

    points_micro: MicroPoints


class PointsReversed(PublicData, frozen=True):
    """A bet was undone, and its points with it; `points_micro` is negative."""

    points_micro: MicroPoints


class PointsAdjusted(PublicData, frozen=True):
    """An operator added points, or took them if the number is negative."""

    points_micro: MicroPoints
    reason: str


class PointsExpired(PublicData, frozen=True):
    """All whole available points expired."""

    points_micro: MicroPoints


class PointsReturned(PublicData, frozen=True):
    """Points are available again because what they were redeemed for was never granted."""

    redemption_id: str
    points: Points


class PointsRedemptionRequested(PublicData, frozen=True):
    """`points` are locked until `expires_ms`; they are worth `amount`."""

    redemption_id: str
    points: Points
    amount: MinorUnits
    expires_ms: Instant
    currency: Currency = None


class PointsRedeemed(PublicData, frozen=True):
    """The locked points are spent for `amount`, which follows as a bonus."""

    redemption_id: str
    points: Points
    amount: MinorUnits
    currency: Currency = None


class PointsRedemptionEnded(PublicData, frozen=True):
    """The redemption was not confirmed: it was cancelled, or it `lapsed`. Its points are available again."""

    redemption_id: str
    points: Points
    lapsed: bool


class CashbackSettled(PublicData, frozen=True):
    """A week's cashback: `percent_micro` millionths of the real money staked and not won; a bonus of `amount` follows.

    `week` counts weeks from Monday to Sunday, 0 being that of 1 January 1970. `level` was held at the week's end. An
    `amount` of 0 has a `reason`. `taken_off`: how much of the loss did not count, because losses of weeks paid before
    were reversed.
    """

    week: int
    level: str
    staked: MinorUnits
    won: MinorUnits
    percent_micro: int
    amount: MinorUnits
    taken_off: MinorUnits
    reason: str | None = None
