"""Events of loyalty: levels, points, redemptions, cashback (rules §8).

As in `engine.events`, which offers them all: fields are only added at the end, with a default; tags never change.
Points are micro-points where the name says so, else whole; amounts are minor units.
"""

from typing import Literal

from engine.catalog import Privileges
from engine.event import Event

LevelReason = Literal["play", "downgrade", "forced", "reversal", "ladder_changed"]


class LevelChanged(Event, tag="LevelChanged", frozen=True):
    """The player's level is now `new`, with its `privileges`. The platform also calls it `OnLevelUp`.

    `forced`: by an operator, who gave the `remark`. `qualifying_micro`: the qualifying turnover is set to this,
    and bets made until now no longer count for it; None: it goes on.
    """

    old: str
    new: str
    reason: LevelReason
    privileges: Privileges
    forced: bool = False
    remark: str = ""
    qualifying_micro: int | None = None


class LevelUpDue(Event, tag="LevelUpDue", frozen=True):
    """The rounds that climbed to `levels` are closed: `level_up` campaigns have had their turn (rules §3)."""

    levels: tuple[str, ...]


class PointsAdjusted(Event, tag="PointsAdjusted", frozen=True):
    """By an operator; signed."""

    points_micro: int
    reason: str


class PointsExpired(Event, tag="PointsExpired", frozen=True):
    """All whole points that were available are gone: no paid bet, and no points added by hand, for too long."""

    points_micro: int


class PointsReturned(Event, tag="PointsReturned", frozen=True):
    """The free play a redemption had paid for was never granted: its whole `points` are available again."""

    redemption_id: str
    points: int


class RedemptionRequested(Event, tag="RedemptionRequested", frozen=True):
    """Whole `points` are locked until `expires_ms`; they are worth `amount`."""

    redemption_id: str
    points: int
    amount: int
    expires_ms: int


class RedemptionConfirmed(Event, tag="RedemptionConfirmed", frozen=True):
    """The locked points are spent; the grant of `amount` follows."""

    redemption_id: str
    points: int
    amount: int


class RedemptionEnded(Event, tag="RedemptionEnded", frozen=True):
    """Not confirmed: cancelled, or `lapsed`. The points are available again."""

    redemption_id: str
    points: int
    lapsed: bool


class CashbackSettled(Event, tag="CashbackSettled", frozen=True):
    """A week's cashback: `percent_micro` of what was staked and not won, of real money. The grant of `amount` follows.

    `level`: the one held at its end. An `amount` of 0 has its `reason`: `under_minimum` or `player_blocked`.
    `taken_off`: so much of the loss did not count, because losses of weeks paid before were reversed (minor units).
    """

    week: int
    level: str
    staked: int
    won: int
    percent_micro: int
    amount: int
    reason: str = ""
    taken_off: int = 0
