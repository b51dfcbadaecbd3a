"""The JSON of the API: levels, points, redemptions. Points are whole, EUR and rates are decimal strings."""

from typing import Annotated

from engine.state import RedemptionState
from gateway.documents.base import BalanceJson, Json, ReadJson
from gateway.documents.visible import VIP
from gateway.routes.bonuses.schemas import GrantedJson


class PointsJson(Json):
    """The buckets in whole points, each rounded down; `available` is negative if spent points were taken back."""

    available: int
    locked: int
    spent: int
    expired: int
    lifetime: int


class PrivilegesJson(Json):
    """What a level gives. `bonus_multiplier` and `min_rtp` are factors, `cashback_percent` is percent.

    `min_rtp` is the level's, whatever the feature flag says; null if it asks for none.
    """

    bonus_multiplier: str
    cashback_percent: str
    manager: str
    min_rtp: str | None
    withdrawal: str
    offers: tuple[str, ...]


class NextLevelJson(Json):
    """The next rung; `remaining_eur` is the qualifying turnover that is missing, rounded up."""

    id: str
    threshold_eur: str
    remaining_eur: str


class LockedJson(Json):
    """A redemption that waits to be confirmed: `points` are locked until `expires_at`, worth `amount`."""

    redemption_id: str
    points: int
    amount: int
    requested_at: str
    expires_at: str


class LoyaltyJson(ReadJson):
    """Level, points and turnover; turnover has two digits, rounded down. `level` is null without a ladder,
    unless the player had one before it was taken away.

    `level_since` is null as long as it is not known, because the ladder is newer than the player's last bet.
    `points_expire_at`: when the available points expire if there is no paid bet before; null: there are none, or they
    never expire. `downgrade_at_risk`: without further play, a daily sweep of the next 30 days lowers the level.
    `forced`: an operator set the level.
    """

    player_id: str
    level: Annotated[str | None, VIP]
    points: PointsJson
    cumulative_turnover_eur: Annotated[str, VIP]
    qualifying_turnover_eur: Annotated[str, VIP]
    rolling_turnover_eur: Annotated[str, VIP]
    next_level: Annotated[NextLevelJson | None, VIP]
    privileges: Annotated[PrivilegesJson, VIP]
    points_expire_at: str | None
    level_since: Annotated[str | None, VIP]
    downgrade_at_risk: Annotated[bool, VIP]
    forced: Annotated[bool, VIP]
    redemptions: list[LockedJson]


class PointsAdjustedJson(Json):
    """The buckets after an adjustment."""

    player_id: str
    points: PointsJson
    replayed: bool


class LevelSetJson(Json):
    """The level before and after an operator set it; `previous_level` is null if there was none."""

    player_id: str
    previous_level: Annotated[str | None, VIP]
    level: Annotated[str, VIP]
    replayed: bool


class RedemptionJson(Json):
    """A redemption after this step: `redeemed` whole points, worth `amount` minor units of `currency`.

    A confirmation lists what it granted, which may have to wait for a claim or an approval.
    """

    redemption_id: str
    player_id: str
    state: RedemptionState
    redeemed: int
    amount: int
    currency: str
    expires_at: str
    points: PointsJson
    balance: BalanceJson
    granted: list[GrantedJson]
    replayed: bool


class LevelJson(Json):
    """A rung of the ladder: reached with `threshold_eur` of qualifying turnover."""

    id: str
    name: str | None
    threshold_eur: str
    privileges: PrivilegesJson


class LevelsJson(Json):
    """The ladder, lowest level first; empty if the catalog has none."""

    levels: list[LevelJson]
    language: str


class RtpJson(ReadJson):
    """What the level asks of the game's variant at launch; `min_rtp` is null if it asks for nothing, or while the
    `flag` is off.
    """

    min_rtp: Annotated[str | None, VIP]
    level: Annotated[str | None, VIP]
    flag: bool
