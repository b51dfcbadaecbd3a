"""Ladders to climb in the property tests, and the engine's catalog of each."""

from fractions import Fraction
from typing import Final

from hypothesis import strategies as st

from engine.catalog import (
    CASHBACK,
    REDEMPTION,
    Campaign,
    CashbackRules,
    Catalog,
    DowngradeRules,
    Eligibility,
    FraudRule,
    FraudRules,
    PointRules,
    RedemptionRules,
)
from tests.property.naive_loyalty import DAY_MS, Ladder, Promotion
from tests.support.ladder import FACTORS, HOUR_MS, level, paid_by, rules, vip_house
from tests.support.playing import MILLION, START_MS, campaign

MIN_POINTS, STEP = 100, 20
MAX_RUNGS: Final = 5
RATES = {"EUR": (Fraction(1), 100), "SEK": (Fraction("0.0871"), 100), "JPY": (Fraction("0.0061"), 1)}
"""EUR per major unit, and how many minor units that is."""

_PROMOTIONS = st.builds(
    lambda times, first, days, rungs: Promotion(
        times, START_MS + first * DAY_MS, START_MS + (first + days) * DAY_MS, tuple(sorted(rungs))
    ),
    st.sampled_from([Fraction(2), Fraction("1.5"), Fraction("3.25"), Fraction("0.5")]),
    st.integers(0, 60),
    st.integers(1, 60),
    st.just(set[int]()) | st.sets(st.integers(0, 1), min_size=1),
)


@st.composite
def ladders(draw: st.DrawFn) -> Ladder:
    """2 to 5 levels, either rule of downgrading, windows of 1 to 40 days, grace of 0 to 40."""
    steps = draw(st.lists(st.sampled_from([1, 20, 100, 250, 1_000]), min_size=1, max_size=MAX_RUNGS - 1))
    thresholds = tuple(sum(steps[:rung]) for rung in range(len(steps) + 1))
    percent = st.sampled_from([Fraction(0), Fraction(1), Fraction("2.5"), Fraction(10)])
    return Ladder(
        thresholds,
        tuple(draw(percent) for _ in thresholds),
        draw(st.sampled_from([1, 100, 2_000])),
        draw(st.booleans()),
        draw(st.integers(1, 40)),
        draw(st.sampled_from([0, 1, 7]) | st.integers(0, 40)),
        draw(st.sampled_from([None, 1, 2, 12])),
        draw(st.sampled_from([1, 7, 100])),
        draw(st.sampled_from([1, 24, 72])),
        tuple(draw(st.lists(_PROMOTIONS, max_size=2))),
    )


def name_of(rung: int) -> str:
    return f"level{rung}"


def catalog_of(ladder: Ladder) -> Catalog:
    """What pays out a redemption waits for an operator if the player's device was seen elsewhere."""
    levels = [
        level(name_of(rung), eur, cashback_percent_micro=int(percent * MILLION))
        for rung, (eur, percent) in enumerate(zip(ladder.thresholds, ladder.cashback, strict=True))
    ]
    downgrade = DowngradeRules(
        "own_level_threshold" if ladder.own_threshold else "previous_level_threshold",
        ladder.window_days,
        ladder.grace_days,
    )
    loyalty = rules(
        *levels,
        points=PointRules(FACTORS, ladder.expire_months),
        downgrade=downgrade,
        redemption=RedemptionRules(
            ladder.points_per_eur, MIN_POINTS, STEP, ladder.lock_hours * HOUR_MS, paid_by(REDEMPTION, 30)
        ),
        cashback=CashbackRules(dict.fromkeys(RATES, ladder.min_cashback), paid_by(CASHBACK, 7)),
    )
    fraud = FraudRules(rules={"shared_device": FraudRule("review")})
    return vip_house(*map(_campaign, enumerate(ladder.promotions)), loyalty=loyalty, fraud=fraud)


def _campaign(numbered: tuple[int, Promotion]) -> Campaign:
    number, offered = numbered
    return campaign(
        f"points-{number}",
        type="points_multiplier",
        trigger="none",
        points_multiplier_micro=int(offered.times * MILLION),
        valid_from_ms=offered.from_ms,
        valid_to_ms=offered.to_ms,
        eligibility=Eligibility(levels=tuple(map(name_of, offered.rungs))),
    )


def micro_eur(amount: int, currency: str) -> int:
    """Minor units in micro-EUR, half to even (rules §2.7)."""
    rate, minor = RATES[currency]
    return round(amount * rate * 10**6 / minor)


def worth(ladder: Ladder, points: int, currency: str) -> int:
    """Minor units that whole points are worth, rounded down (rules §8, redemption)."""
    rate, minor = RATES[currency]
    return int(Fraction(points, ladder.points_per_eur) / rate * minor)
