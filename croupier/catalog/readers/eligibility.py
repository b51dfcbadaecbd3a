"""Who a campaign is for, and how often it may be granted: `eligibility` and `limits` of a campaign file (rules §6)."""

from collections.abc import Sequence
from typing import Final

from croupier.catalog.places import Place
from croupier.catalog.readers.triggers import DEPOSIT_TRIGGERS
from croupier.catalog.readers.values import (
    COUNTRY_CODE,
    NO_LEVELS,
    NO_PLAYER_ID,
    NO_SEGMENT,
    PLAYER_ID,
    SEGMENT,
    Vocabulary,
    amounts,
    distinct,
    eur_micro,
    known,
    known_level,
)
from engine.catalog import Eligibility, Limits, TriggerEvent

PER_PLAYER_MAX: Final = 1000
SHARED_COUNT_MAX: Final = 1_000_000
ELIGIBILITY_FIELDS: Final = ("countries", "levels", "segments", "players", "currencies", "min_deposit")
LIMITS_FIELDS: Final = ("per_player", "per_ip", "per_device", "budget_eur")


def read_eligibility(place: Place | None, words: Vocabulary, trigger: TriggerEvent) -> Eligibility:
    """The `eligibility` block; everybody if it is left out."""
    if place is None:
        return Eligibility()
    fields = place.section(ELIGIBILITY_FIELDS)
    allow, deny = _countries(fields.get("countries"))
    currencies = texts(fields.get("currencies"), words.currencies, "currency", "platform.yaml")
    min_deposit = fields.get("min_deposit")
    if min_deposit and trigger and trigger not in DEPOSIT_TRIGGERS:
        listed = "`, `".join(DEPOSIT_TRIGGERS)
        min_deposit.problem(f"min_deposit goes with the triggers `{listed}`: {_without(trigger)} has no deposit")
    return Eligibility(
        countries_allow=allow,
        countries_deny=deny,
        segments=_segments(fields.get("segments")),
        players=_players(fields.get("players")),
        currencies=currencies,
        min_deposit=amounts(min_deposit, words.currencies, currencies or words.currencies, 0) if min_deposit else {},
        levels=_levels(fields.get("levels"), words),
    )


def _without(trigger: TriggerEvent) -> str:
    words = {"manual": "a manual grant", "none": "a points multiplier"}
    return words.get(trigger, f"the trigger `{trigger}`")


def read_limits(place: Place | None) -> tuple[int, Limits]:
    """`per_player`, 1 if left out, and the limits that all players share."""
    if place is None:
        return 1, Limits()
    fields = place.section(LIMITS_FIELDS)
    per_player, per_ip, per_device, budget = (fields.get(name) for name in LIMITS_FIELDS)
    shared = Limits(
        per_ip=per_ip.integer(1, SHARED_COUNT_MAX) if per_ip else None,
        per_device=per_device.integer(1, SHARED_COUNT_MAX) if per_device else None,
        budget_micro_eur=eur_micro(budget) if budget else None,
    )
    return per_player.integer(1, PER_PLAYER_MAX) if per_player else 1, shared


def country_codes(place: Place | None) -> tuple[str, ...]:
    """A list of countries. Norway's `NO` must be in quotes."""
    what = "a country; use the two capital letters of ISO 3166, like SE"
    return distinct((item, item.matching(COUNTRY_CODE, what)) for item in place.items()) if place else ()


def texts(place: Place | None, words: Sequence[str] = (), what: str = "", where: str = "") -> tuple[str, ...]:
    """A list of distinct texts, out of `words` if there are any."""
    return distinct((item, known(item, words, what, where)) for item in place.items()) if place else ()


def _countries(place: Place | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if place is None:
        return (), ()
    fields = place.section(("allow", "deny"))
    if len(fields.fields) == 2:
        place.problem("write either `allow` or `deny`, not both")
    return country_codes(fields.get("allow")), country_codes(fields.get("deny"))


def _levels(place: Place | None, words: Vocabulary) -> tuple[str, ...]:
    if place and words.levels is None:
        place.problem(NO_LEVELS)
        return ()
    return distinct((item, known_level(item, words)) for item in place.items()) if place else ()


def _segments(place: Place | None) -> tuple[str, ...]:
    return distinct((item, item.matching(SEGMENT, NO_SEGMENT)) for item in place.items()) if place else ()


def _players(place: Place | None) -> tuple[str, ...]:
    return distinct((item, item.matching(PLAYER_ID, NO_PLAYER_ID)) for item in place.items()) if place else ()
