"""Events of loyalty: levels, points, redemptions, cashback (rules §8).

As in `engine.events`, which offers them all: fields are only added at the end, with a default; tags never change.
Points are micro-points where the name says so, else whole; amounts are minor units.
"""

from typing import Literal

from engine.catalog import Privileges
from engine.events.base import Event

LevelReason = Literal["play", "downgrade", "forced", "reversal", "ladder_changed"]


class LevelChanged(Event, tag="LevelChanged", frozen=True):
    """The player's level is now `new`, with its `privileges`. The platform also calls it `OnLevelUp`.

    `forced`: by an operator, who gave the `remark`. `qualifying_micro`: the qualifying turnover is set to this, and
    bets made until now no longer count for it. None: it is not set anew.
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
    """An operator added points, or took them if the number is negative."""

    points_micro: int
    reason: str


class PointsExpired(Event, tag="PointsExpired", frozen=True):
    """All whole available points expired: for too long there was no paid bet, and no points were added by hand."""

    points_micro: int


class PointsReturned(Event, tag="PointsReturned", frozen=True):
    """A redemption had paid for free play that was never granted: its whole `points` are available again."""

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
    """The redemption was not confirmed: it was cancelled, or it `lapsed`. Its points are available again."""

    redemption_id: str
    points: int
    lapsed: bool


class CashbackSettled(Event, tag="CashbackSettled", frozen=True):
    """A week's cashback: `percent_micro` of the real money that was staked and not won. The grant of `amount` follows.

    `level` is the one held at the week's end. An `amount` of 0 has a `reason`: `under_minimum` or `player_blocked`.
    `taken_off`: how much of the loss did not count, in minor units, because losses of weeks paid before were reversed.
    """

    week: int
    level: str
    staked: int
    won: int
    percent_micro: int
    amount: int
    reason: str = ""
    taken_off: int = 0
