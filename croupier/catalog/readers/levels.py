"""`levels.yaml`: how bets earn points, what points and levels are worth, and how players climb and fall (rules §8).

Redemption and cashback become campaigns of the engine, so that what they pay is a grant like any other.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, cast, get_args

from croupier.catalog.places import Place, Section
from croupier.catalog.readers.terms import VALID_DAYS_MAX
from croupier.catalog.readers.values import (
    GAME_TYPES,
    HOUR_MS,
    LEVEL_ID,
    TIMEOUT_HOURS_MAX,
    amounts,
    between,
    distinct,
    known,
    return_to_player,
)
from engine.amounts import MICRO
from engine.calendar import LATEST_MS
from engine.catalog import (
    CASHBACK,
    REDEMPTION,
    BonusAward,
    Campaign,
    CashbackRules,
    Currency,
    DowngradeRule,
    DowngradeRules,
    Eligibility,
    Level,
    LoyaltyRules,
    PointRules,
    Privileges,
    RedemptionRules,
    TriggerEvent,
    WagerTerms,
)
from engine.state import TURNOVER_DAYS_MAX

LEVELS_FIELDS: Final = ("points", "redemption", "downgrade", "cashback", "levels")
POINTS_FIELDS: Final = ("per_eur", "game_multiplier", "expire_after_inactive_months")
REDEMPTION_FIELDS: Final = ("points_per_eur", "min_points", "step", "lock_hours", "wager_multiplier", "valid_days")
DOWNGRADE_FIELDS: Final = ("rule", "window_days", "grace_days")
CASHBACK_FIELDS: Final = ("period", "wager_multiplier", "valid_days", "min_amount")
LEVEL_FIELDS: Final = (
    "id",
    "threshold_eur",
    "bonus_multiplier",
    "cashback_percent",
    "manager",
    "min_rtp",
    "withdrawal",
    "offers",
)
DOWNGRADE_RULES: Final[tuple[DowngradeRule, ...]] = get_args(DowngradeRule)
PERIODS: Final = ("weekly",)
MANAGERS: Final = ("none", "email", "personal")
WITHDRAWALS: Final = ("standard", "accelerated")
LEVELS_MAX: Final = 50
OFFERS_MAX: Final = 100
MONTHS_MAX: Final = 120
GRACE_DAYS_MAX: Final = 3650
REDEEMED_MAX: Final = 1_000_000_000
"""Whole points: the most for `step`, `min_points` and `points_per_eur`."""
LOCK_HOURS_MAX: Final = TIMEOUT_HOURS_MAX
FACTOR_MAX: Final = 1000
"""The most points per EUR, and the largest multiplier of game types and of wagering in levels.yaml. Any amount can
still be wagered so many times.
"""
BONUS_MULTIPLIER_MAX: Final = 100
PER_PLAYER: Final = 2**31


class ReadLevels(NamedTuple):
    """The rules, and the places of all that has a name for players: each level, and the blocks that grant something."""

    rules: LoyaltyRules
    levels: Mapping[str, Place]
    blocks: Mapping[str, Place]


class _Rung(NamedTuple):
    """A level and its places in the file. `sound`: its threshold can be compared with others."""

    level: Level
    named: Place
    threshold: Place
    sound: bool


def read_levels(top: Place, currencies: Mapping[str, Currency]) -> ReadLevels:
    """`levels.yaml`. Problems are noted at their places."""
    fields = top.section(LEVELS_FIELDS)
    redemption, downgrade, cashback = (fields.get(name) for name in LEVELS_FIELDS[1:4])
    rungs = _rungs(fields.need("levels"), pays_cashback=cashback is not None)
    named = {rung.level.level_id: rung.named for rung in rungs}
    rules = LoyaltyRules(
        levels=tuple(rung.level for rung in rungs),
        rungs={level_id: at for at, level_id in enumerate(named)},
        points=_points(fields.need("points")),
        downgrade=_downgrade(downgrade) if downgrade else None,
        redemption=_redemption(redemption, currencies) if redemption else None,
        cashback=_cashback(cashback, tuple(currencies)) if cashback else None,
    )
    blocks = {REDEMPTION: redemption, CASHBACK: cashback}
    return ReadLevels(rules, named, {name: place for name, place in blocks.items() if place})


def _points(place: Place) -> PointRules:
    fields = place.section(POINTS_FIELDS)
    multipliers, months = fields.get("game_multiplier"), fields.get("expire_after_inactive_months")
    per_eur = fields.need("per_eur")
    base = between(per_eur, 0, FACTOR_MAX * MICRO, f"more than {FACTOR_MAX} points per EUR are a mistake")
    if base == 0:
        per_eur.problem('with "0" nobody would ever earn a point; write a larger number')
    return PointRules(
        factors=dict.fromkeys(GAME_TYPES, base) | (_factors(multipliers, base) if multipliers else {}),
        expire_after_months=months.integer(1, MONTHS_MAX) if months else None,
    )


def _factors(place: Place, base: int) -> dict[str, int]:
    """`base` × the multiplier of each game type listed, exactly."""
    factors: dict[str, int] = {}
    for name, value in place.pairs():
        share = between(value, 0, FACTOR_MAX * MICRO, f"a multiplier above {FACTOR_MAX} is a mistake")
        if base * share % MICRO:
            value.problem("per_eur times this has more than six digits behind the point; use fewer")
        if kind := known(name, GAME_TYPES, "game type", "this version"):
            factors[kind] = base * share // MICRO
    return factors


def _redemption(place: Place, currencies: Mapping[str, Currency]) -> RedemptionRules:
    noted = len(place.problems)
    fields = place.section(REDEMPTION_FIELDS)
    least = fields.need("min_points")
    rules = RedemptionRules(
        points_per_eur=fields.need("points_per_eur").integer(1, REDEEMED_MAX),
        min_points=least.integer(1, REDEEMED_MAX),
        step=fields.need("step").integer(1, REDEEMED_MAX),
        lock_ms=fields.need("lock_hours").integer(1, LOCK_HOURS_MAX) * HOUR_MS,
        campaign=_campaign(REDEMPTION, "redemption", fields),
    )
    if len(place.problems) == noted:
        _check_worth(least, rules, currencies)
    return rules


def _check_worth(least: Place, rules: RedemptionRules, currencies: Mapping[str, Currency]) -> None:
    """Notes if the smallest redemption is not possible, or is worth nothing in one of the currencies."""
    if rules.min_points % rules.step:
        least.problem(f"{rules.min_points} is not a multiple of step {rules.step}: nobody could redeem so many points")
    for code, currency in currencies.items():
        if rules.min_points * MICRO * 10**currency.exponent < rules.points_per_eur * currency.eur_rate_micro:
            least.problem(f"{rules.min_points} points are worth nothing in {code}; write a larger number")


def _downgrade(place: Place) -> DowngradeRules:
    fields, standard = place.section(DOWNGRADE_FIELDS), DowngradeRules()
    rule, window, grace = (fields.get(name) for name in DOWNGRADE_FIELDS)
    return DowngradeRules(
        rule=cast(DowngradeRule, rule.choice(DOWNGRADE_RULES)) if rule else standard.rule,
        window_days=window.integer(1, TURNOVER_DAYS_MAX) if window else standard.window_days,
        grace_days=grace.integer(0, GRACE_DAYS_MAX) if grace else standard.grace_days,
    )


def _cashback(place: Place, currencies: Sequence[str]) -> CashbackRules:
    fields = place.section(CASHBACK_FIELDS)
    fields.need("period").choice(PERIODS)
    return CashbackRules(
        min_amount=amounts(fields.need("min_amount"), currencies, currencies, 1),
        campaign=_campaign(CASHBACK, "cashback", fields),
    )


def _campaign(campaign_id: str, trigger: TriggerEvent, fields: Section) -> Campaign:
    """The campaign that the block's grants belong to.

    It is for everybody and for ever; the amount comes with the command.
    """
    mistake = f"a multiplier above {FACTOR_MAX} is a mistake: nobody could wager that much"
    return Campaign(
        campaign_id=campaign_id,
        type="no_deposit",
        trigger=trigger,
        valid_from_ms=0,
        valid_to_ms=LATEST_MS,
        eligibility=Eligibility(),
        bonus=BonusAward(),
        free_spins=None,
        wager=WagerTerms(
            multiplier_micro=between(fields.need("wager_multiplier"), 0, FACTOR_MAX * MICRO, mistake),
            valid_days=fields.need("valid_days").integer(1, VALID_DAYS_MAX),
        ),
        per_player=PER_PLAYER,
    )


def _rungs(listed: Place, *, pays_cashback: bool) -> list[_Rung]:
    """The ladder from its lowest level up. Levels without a usable id are left out."""
    places = listed.items()
    if len(places) > LEVELS_MAX:
        listed.problem(f"there are {len(places)} levels; at most {LEVELS_MAX} are allowed")
    rungs = [_rung(place, pays_cashback=pays_cashback) for place in places[:LEVELS_MAX]]
    if listed.node is not None and not rungs:
        listed.problem("there is no level; at least one is needed")
    _check_climb(rungs)
    distinct((rung.named, rung.level.level_id) for rung in rungs)
    return list({rung.level.level_id: rung for rung in rungs if rung.level.level_id}.values())


def _rung(place: Place, *, pays_cashback: bool) -> _Rung:
    fields = place.section(LEVEL_FIELDS)
    named, threshold = fields.need("id"), fields.need("threshold_eur")
    what = "a level id: use a-z, 0-9, - and _, at most 64, a letter or digit first"
    level_id = named.matching(LEVEL_ID, what)
    noted = len(place.problems)
    value = threshold.decimal()
    sound = threshold.node is not None and len(place.problems) == noted
    return _Rung(Level(level_id, value, _privileges(fields, pays_cashback=pays_cashback)), named, threshold, sound)


def _privileges(fields: Section, *, pays_cashback: bool) -> Privileges:
    standard = Privileges()
    bonus, cashback, manager, rtp, withdrawal, offers = (fields.get(name) for name in LEVEL_FIELDS[2:])
    percent = between(cashback, 0, 100 * MICRO, "more than 100 percent can't be paid back") if cashback else 0
    if cashback and percent and not pays_cashback:
        cashback.problem('there is no `cashback` block in this file, so nobody would be paid; add it, or write "0"')
    return Privileges(
        bonus_multiplier_micro=_bonus_multiplier(bonus) if bonus else standard.bonus_multiplier_micro,
        cashback_percent_micro=percent,
        manager=manager.choice(MANAGERS) if manager else standard.manager,
        min_rtp_micro=return_to_player(rtp) if rtp else None,
        withdrawal=withdrawal.choice(WITHDRAWALS) if withdrawal else standard.withdrawal,
        offers=_offers(offers) if offers else (),
    )


def _bonus_multiplier(place: Place) -> int:
    mistake = f'write a number from "1" to "{BONUS_MULTIPLIER_MAX}": a level never makes a bonus smaller'
    return between(place, MICRO, BONUS_MULTIPLIER_MAX * MICRO, mistake)


def _offers(place: Place) -> tuple[str, ...]:
    items = place.items()
    if len(items) > OFFERS_MAX:
        place.problem(f"there are {len(items)} offers; at most {OFFERS_MAX} are allowed")
    what = "the id of an offer: use a-z, 0-9, - and _"
    return distinct((item, item.matching(LEVEL_ID, what)) for item in items[:OFFERS_MAX])


def _check_climb(rungs: Sequence[_Rung]) -> None:
    """Notes a first level with a threshold above 0, and a level whose threshold is not above the one before."""
    for rung in rungs[:1]:
        if rung.sound and rung.level.threshold_micro:
            rung.threshold.problem('the first level is where everybody begins; write threshold_eur: "0"')
    for below, rung in pairwise(rungs):
        if below.sound and rung.sound and rung.level.threshold_micro <= below.level.threshold_micro:
            rung.threshold.problem(
                f"{rung.threshold.text()} is not above {below.threshold.text()}, the threshold of the level before; "
                "list the levels from the lowest up"
            )
