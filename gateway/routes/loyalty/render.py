"""Levels, points and redemptions, from the engine's words to the JSON of the API."""

from engine.answers import LevelAnswer, Points, PointsAnswer, RedemptionAnswer
from engine.catalog import Level, LoyaltyRules, Privileges
from engine.state import Redemption
from engine.views import LoyaltyView, NextLevel, RtpView
from gateway.documents.values import balance, decimal, euros, euros_up, rfc3339
from gateway.routes.bonuses.render import awards
from gateway.routes.loyalty.schemas import (
    LevelJson,
    LevelSetJson,
    LevelsJson,
    LockedJson,
    LoyaltyJson,
    NextLevelJson,
    PointsAdjustedJson,
    PointsJson,
    PrivilegesJson,
    RedemptionJson,
    RtpJson,
)
from gateway.texts import Texts, level_key


def points(of: Points) -> PointsJson:
    """The buckets."""
    return PointsJson(of.available, of.locked, of.spent, of.expired, of.lifetime)


def privileges(of: Privileges) -> PrivilegesJson:
    """What a level gives."""
    return PrivilegesJson(
        decimal(of.bonus_multiplier_micro),
        decimal(of.cashback_percent_micro),
        of.manager,
        rtp_or_none(of.min_rtp_micro),
        of.withdrawal,
        of.offers,
    )


def rtp_or_none(micro: int | None) -> str | None:
    """A return to player as a decimal string: 970_000 → `0.97`."""
    return None if micro is None else decimal(micro)


def loyalty(view: LoyaltyView) -> LoyaltyJson:
    """Where a player stands."""
    return LoyaltyJson(
        player_id=view.player_id,
        level=view.level or None,
        points=points(view.points),
        cumulative_turnover_eur=euros(view.cumulative_micro),
        qualifying_turnover_eur=euros(view.qualifying_micro),
        rolling_turnover_eur=euros(view.rolling_micro),
        next_level=None if view.next_level is None else _next_level(view.next_level),
        privileges=privileges(view.privileges),
        points_expire_at=None if view.points_expire_ms is None else rfc3339(view.points_expire_ms),
        level_since=rfc3339(view.level_since_ms) if view.level and view.level_since_ms else None,
        downgrade_at_risk=view.downgrade_at_risk,
        forced=view.forced,
        redemptions=[_locked(of) for of in view.redemptions],
    )


def _next_level(of: NextLevel) -> NextLevelJson:
    return NextLevelJson(of.level_id, euros(of.threshold_micro), euros_up(of.remaining_micro))


def _locked(of: Redemption) -> LockedJson:
    return LockedJson(of.redemption_id, of.points, of.amount, rfc3339(of.requested_ms), rfc3339(of.expires_ms))


def points_adjusted(answer: PointsAnswer, player_id: str, replayed: bool) -> PointsAdjustedJson:
    """After an adjustment."""
    return PointsAdjustedJson(player_id, points(answer.points), replayed)


def level_set(answer: LevelAnswer, player_id: str, replayed: bool) -> LevelSetJson:
    """After a level was set by hand."""
    return LevelSetJson(player_id, answer.old or None, answer.level, replayed)


def redemption(answer: RedemptionAnswer, player_id: str, replayed: bool) -> RedemptionJson:
    """A redemption after a step."""
    return RedemptionJson(
        redemption_id=answer.redemption_id,
        player_id=player_id,
        state=answer.state,
        redeemed=answer.redeemed,
        amount=answer.amount,
        currency=answer.currency,
        expires_at=rfc3339(answer.expires_ms),
        points=points(answer.points),
        balance=balance(answer.balance),
        granted=awards(answer.granted),
        replayed=replayed,
    )


def levels(rules: LoyaltyRules | None, texts: Texts, language: str) -> LevelsJson:
    """The ladder with its names."""
    climbing = () if rules is None else rules.levels
    return LevelsJson([_level(each, texts, language) for each in climbing], language)


def _level(of: Level, texts: Texts, language: str) -> LevelJson:
    name = texts.lookup(language, level_key(of.level_id))
    return LevelJson(of.level_id, name, euros(of.threshold_micro), privileges(of.privileges))


def rtp(view: RtpView) -> RtpJson:
    """What a level asks of a game."""
    return RtpJson(rtp_or_none(view.min_rtp_micro), view.level or None, view.flag)
