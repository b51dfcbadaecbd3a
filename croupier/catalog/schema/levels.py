"""The JSON Schema of `levels.yaml`, made from its loader's own tables and bounds (rules §8)."""

from croupier.catalog.readers.levels import (
    BONUS_MULTIPLIER_MAX,
    CASHBACK_FIELDS,
    DOWNGRADE_FIELDS,
    DOWNGRADE_RULES,
    GRACE_DAYS_MAX,
    LEVEL_FIELDS,
    LEVELS_FIELDS,
    LEVELS_MAX,
    LOCK_HOURS_MAX,
    MANAGERS,
    MONTHS_MAX,
    OFFERS_MAX,
    PERIODS,
    POINTS_FIELDS,
    REDEEMED_MAX,
    REDEMPTION_FIELDS,
    WITHDRAWALS,
)
from croupier.catalog.readers.terms import VALID_DAYS_MAX
from croupier.catalog.readers.values import GAME_TYPES, LEVEL_ID
from croupier.catalog.schema.parts import DECIMAL, Schema, amounts, eur, group, integer, list_of, matching, one_of
from engine.state import TURNOVER_DAYS_MAX


def levels() -> Schema:
    """`levels.yaml` (rules §8)."""
    ladder: Schema = {"type": "array", "minItems": 1, "maxItems": LEVELS_MAX, "items": _level()}
    fields: dict[str, Schema] = {
        "points": _points(),
        "redemption": _redemption(),
        "downgrade": _downgrade(),
        "cashback": _cashback(),
        "levels": ladder | {"description": "from the lowest up"},
    }
    return group(LEVELS_FIELDS, fields, ("points", "levels"))


def _level() -> Schema:
    fields: dict[str, Schema] = {
        "id": matching(LEVEL_ID.pattern, "also the key of its name"),
        "threshold_eur": eur('turnover that reaches it; the first has "0"'),
        "bonus_multiplier": DECIMAL
        | {"description": f"multiplies the bonuses of campaigns, 1 to {BONUS_MULTIPLIER_MAX}"},
        "cashback_percent": DECIMAL | {"description": "percent of the week's loss of real money"},
        "manager": one_of(MANAGERS, "who looks after the player"),
        "min_rtp": DECIMAL | {"description": "lowest return to player of a game variant, at most 1"},
        "withdrawal": one_of(WITHDRAWALS),
        "offers": list_of(matching(LEVEL_ID.pattern, "what the platform offers at this level"), OFFERS_MAX),
    }
    return group(LEVEL_FIELDS, fields, LEVEL_FIELDS[:2])


def _points() -> Schema:
    multiplier = DECIMAL | {"description": "1 if left out"}
    fields: dict[str, Schema] = {
        "per_eur": DECIMAL | {"description": "points for each EUR of a paid bet"},
        "game_multiplier": group(GAME_TYPES, dict.fromkeys(GAME_TYPES, multiplier)),
        "expire_after_inactive_months": integer(
            1, MONTHS_MAX, "months without a paid bet; points never expire if left out"
        ),
    }
    return group(POINTS_FIELDS, fields, POINTS_FIELDS[:1])


def _redemption() -> Schema:
    fields: dict[str, Schema] = {
        "points_per_eur": integer(1, REDEEMED_MAX, "how many points are worth 1 EUR of free play"),
        "min_points": integer(1, REDEEMED_MAX, "a multiple of step"),
        "step": integer(1, REDEEMED_MAX),
        "lock_hours": integer(1, LOCK_HOURS_MAX, "the points are unlocked if the redemption is not confirmed by then"),
    }
    return group(REDEMPTION_FIELDS, fields | _terms(), REDEMPTION_FIELDS)


def _downgrade() -> Schema:
    fields: dict[str, Schema] = {
        "rule": one_of(DOWNGRADE_RULES, "which threshold the rolling turnover must not fall below"),
        "window_days": integer(1, TURNOVER_DAYS_MAX, "days of the rolling turnover, today included"),
        "grace_days": integer(0, GRACE_DAYS_MAX, "a level is held for at least so many days"),
    }
    return group(DOWNGRADE_FIELDS, fields)


def _cashback() -> Schema:
    fields: dict[str, Schema] = {
        "period": one_of(PERIODS, "from Monday 00:00 UTC"),
        "min_amount": amounts(1, "less is not paid"),
    }
    return group(CASHBACK_FIELDS, fields | _terms(), CASHBACK_FIELDS)


def _terms() -> dict[str, Schema]:
    return {
        "wager_multiplier": DECIMAL | {"description": "how often the grant must be wagered"},
        "valid_days": integer(1, VALID_DAYS_MAX, "days from the grant"),
    }
