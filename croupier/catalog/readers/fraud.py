"""`fraud.yaml`: which signals hold or refuse a grant, and how much bonus money is too much (rules §7)."""

from typing import Final, cast, get_args

from croupier.catalog.places import Place
from croupier.catalog.readers.eligibility import country_codes
from croupier.catalog.readers.values import eur_micro
from engine.catalog import FraudRule, FraudRules, PeriodLimit, Verdict

SIGNALS: Final = ("shared_device", "shared_instrument", "shared_ip", "country_mismatch")
COUNTED_SIGNALS: Final = SIGNALS[:3]
"""The signals by which other players are counted. A country is not counted: it differs or it doesn't."""
FRAUD_FIELDS: Final = ("window_days", "rules", "denied_countries", "max_bonus")
WINDOW_DAYS_MAX: Final = 90
PERIOD_DAYS_MAX: Final = 31
MORE_THAN_MAX: Final = 999


def read_fraud(top: Place) -> FraudRules:
    """`fraud.yaml`. Problems are noted at their places."""
    fields = top.section(FRAUD_FIELDS)
    window, rules, most = (fields.get(name) for name in ("window_days", "rules", "max_bonus"))
    per_player, per_ip = _max_bonus(most)
    return FraudRules(
        window_days=window.integer(1, WINDOW_DAYS_MAX) if window else FraudRules().window_days,
        rules={name: _rule(name, place) for name, place in rules.section(SIGNALS).fields.items()} if rules else {},
        denied_countries=country_codes(fields.get("denied_countries")),
        max_bonus_per_player=per_player,
        max_bonus_per_ip=per_ip,
    )


def _rule(name: str, place: Place) -> FraudRule:
    fields = place.section(("more_than", "verdict"))
    count = fields.get("more_than")
    if count and name not in COUNTED_SIGNALS:
        count.problem(f"`{name}` counts nobody, so there is no number for it; remove `more_than`")
    verdict = cast(Verdict, fields.need("verdict").choice(get_args(Verdict)))
    if name in COUNTED_SIGNALS:
        count = fields.need("more_than")
    return FraudRule(verdict, count.integer(0, MORE_THAN_MAX) if count else 0)


def _max_bonus(place: Place | None) -> tuple[PeriodLimit | None, PeriodLimit | None]:
    if place is None:
        return None, None
    fields = place.section(("per_player", "per_ip"))
    return _period(fields.get("per_player")), _period(fields.get("per_ip"))


def _period(place: Place | None) -> PeriodLimit | None:
    if place is None:
        return None
    fields = place.section(("period_days", "eur"))
    return PeriodLimit(fields.need("period_days").integer(1, PERIOD_DAYS_MAX), eur_micro(fields.need("eur")))
