"""The house with the ladder of rules §8: bronze, silver at 10 000 EUR, gold at 50 000, platinum at 200 000.

One EUR staked on a slot earns one point, 100 points are worth one EUR, a level is held for 30 days at least.
Games take stakes of up to a million EUR, so that one bet can climb; SEK is offered as well.
"""

from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import replace

from engine.amounts import micro
from engine.calendar import LATEST_MS
from engine.catalog import (
    CASHBACK,
    REDEMPTION,
    BonusAward,
    Campaign,
    CashbackRules,
    Catalog,
    Currency,
    DowngradeRules,
    Level,
    LoyaltyRules,
    PointRules,
    Privileges,
    RedemptionRules,
    TriggerCondition,
    WagerTerms,
)
from tests.support.playing import MILLION, campaign, catalog_with

EUR: Final = 100
"""Minor units of one EUR."""
EUR_MICRO: Final = MILLION
POINT: Final = MILLION
"""Micro-points of one point."""
HOUR_MS: Final = 3_600_000
STAKE_MAX: Final = 1_000_000 * EUR


def at(moment: str) -> int:
    """Unix ms of an ISO date or time, UTC: `at("2026-01-05")`, `at("2026-01-05T23:59:59.999")`."""
    return round(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1_000)


def level(level_id: str, eur: int, **privileges: Any) -> Level:
    return Level(level_id, eur * EUR_MICRO, Privileges(**privileges))


BRONZE: Final = level("bronze", 0)
SILVER: Final = level("silver", 10_000, bonus_multiplier_micro=1_100_000, cashback_percent_micro=1 * MILLION)
GOLD: Final = level(
    "gold", 50_000, bonus_multiplier_micro=1_250_000, cashback_percent_micro=2 * MILLION, manager="email"
)
PLATINUM: Final = level(
    "platinum",
    200_000,
    bonus_multiplier_micro=1_500_000,
    cashback_percent_micro=3 * MILLION,
    manager="personal",
    min_rtp_micro=970_000,
    withdrawal="accelerated",
    offers=("exclusive_tournaments", "special_free_spins"),
)


def paid_by(campaign_id: Any, valid_days: int) -> Campaign:
    """The campaign behind redemptions and cashback: wagered once, for everybody, for ever."""
    return campaign(
        campaign_id,
        trigger=campaign_id,
        valid_from_ms=0,
        valid_to_ms=LATEST_MS,
        bonus=BonusAward(),
        wager=WagerTerms(MILLION, valid_days=valid_days),
        per_player=1_000_000,
    )


FACTORS: Final = {"slot": POINT, "table": POINT // 2, "live": POINT * 3 // 2, "exclusive": POINT * 2}


def rules(*levels: Level, **changes: Any) -> LoyaltyRules:
    """levels.yaml of rules §8; `levels` and `changes` take the place of its own."""
    ladder = levels or (BRONZE, SILVER, GOLD, PLATINUM)
    given: dict[str, Any] = {
        "points": PointRules(FACTORS, expire_after_months=12),
        "downgrade": DowngradeRules(),
        "redemption": RedemptionRules(100, 1_000, 100, 72 * HOUR_MS, paid_by(REDEMPTION, 30)),
        "cashback": CashbackRules({"EUR": 100, "SEK": 1_000, "JPY": 150}, paid_by(CASHBACK, 7)),
    }
    return LoyaltyRules(ladder, {each.level_id: rung for rung, each in enumerate(ladder)}, **(given | changes))


def vip_house(*campaigns: Campaign, loyalty: LoyaltyRules | None = None, **fields: Any) -> Catalog:
    """The house of `playing` with the ladder, or with `loyalty`."""
    plain = catalog_with(*campaigns)
    stakes = {"EUR": STAKE_MAX, "SEK": 10 * STAKE_MAX, "JPY": STAKE_MAX}
    games = {
        game_id: replace(game, min_bet=dict.fromkeys(stakes, 1), max_bet=stakes)
        for game_id, game in plain.games.items()
    }
    given = {
        "currencies": plain.currencies | {"SEK": Currency(2, 87_100)},
        "games": games,
        "flags": {"rtp_by_level": True},
        "loyalty": loyalty or rules(),
    }
    return replace(plain, **(given | fields))


def promotion(campaign_id: str, times: str, **fields: Any) -> Campaign:
    """A `points_multiplier` campaign: `times` as in its file, from valid_from to valid_to."""
    return campaign(
        campaign_id, type="points_multiplier", trigger="none", points_multiplier_micro=micro(times), **fields
    )


def on_climbing(to: str | None, campaign_id: str, fixed: int = 100, **fields: Any) -> Campaign:
    """A `level_up` campaign giving `fixed` EUR cents once per level."""
    given = {"trigger": "level_up", "condition": TriggerCondition(to=to), "wager": WagerTerms(MILLION), "per_player": 1}
    return campaign(campaign_id, fixed, **(given | fields))
