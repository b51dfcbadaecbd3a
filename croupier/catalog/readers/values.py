"""What several catalog files share: names of things, and amounts of money per currency."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, cast, get_args

from croupier.catalog.places import Place, suggestion
from engine import identifiers
from engine.amounts import AMOUNT_MAX, MICRO
from engine.catalog import Amounts, GameType, RoundTimeout, TimeoutAction

GAME_TYPES: Final[tuple[GameType, ...]] = ("slot", "table", "live", "exclusive")
CONTRIBUTION_MAX_PERCENT: Final = 1000
MULTIPLIER_MAX: Final = 10_000
TIMEOUT_HOURS_MAX: Final = 8760
HOUR_MS: Final = 3_600_000
CURRENCY_CODE: Final = re.compile(identifiers.CURRENCY)
COUNTRY_CODE: Final = re.compile(identifiers.COUNTRY)
LEVEL_ID: Final = re.compile(identifiers.SLUG)
NO_LEVELS: Final = "there is no levels.yaml in the catalog, so there are no levels and no points"
PLAYER_ID: Final = re.compile(identifiers.IDENTIFIER)
GAME_ID: Final = re.compile(identifiers.IDENTIFIER)
SEGMENT: Final = re.compile(identifiers.SEGMENT)
NO_PLAYER_ID: Final = f"a player id: use {identifiers.IDENTIFIER_WORDS}, as the API does"
NO_GAME_ID: Final = f"a game id: use {identifiers.IDENTIFIER_WORDS}, as the API does"
NO_SEGMENT: Final = "a segment: use 1 to 32 of a-z 0-9 _ -, as the API does"
"""The end of a message `… is not` about an id of another form."""


class Vocabulary(NamedTuple):
    """Words a campaign may use: the platform's currencies, games and workflows, and the levels from the lowest up.

    `levels` is None without a levels.yaml. `bonus_multiplier_micro` is the largest of all levels, in millionths.
    """

    currencies: tuple[str, ...]
    games: tuple[str, ...]
    workflows: tuple[str, ...]
    levels: tuple[str, ...] | None
    bonus_multiplier_micro: int


def known(place: Place, words: Sequence[str], what: str, where: str) -> str:
    """Text that names one of `words`; "" after a problem.

    `what` and `where` go into the message: what the text names, and which file knows it.
    """
    text = place.text()
    if text and words and text not in words:
        place.problem(f"unknown {what} `{text[:80]}`{suggestion(text, words)}; {where} knows: {', '.join(words)}")
        return ""
    return text


def known_level(place: Place, words: Vocabulary) -> str:
    """Text that names a level of levels.yaml; "" after a problem."""
    return known(place, words.levels or (), "level", "levels.yaml")


def distinct(places: Iterable[tuple[Place, str]]) -> tuple[str, ...]:
    """The texts of a list in order. Empty ones are left out, repetitions are noted."""
    seen: dict[str, int] = {}
    for place, text in places:
        if text in seen:
            place.problem(f"`{text}` is listed twice")
        elif text:
            seen[text] = place.line
    return tuple(seen)


def amounts(place: Place, currencies: Sequence[str], demanded: Sequence[str], low: int) -> Amounts:
    """`{EUR: 1000}` in minor units, each from `low`; every currency in `demanded` must be there (rules §6)."""
    found: Amounts = {}
    named = set()
    for name, value in place.pairs():
        named.add(name.text())
        if code := known(name, currencies, "currency", "platform.yaml"):
            found[code] = value.integer(low, AMOUNT_MAX)
    missing = [code for code in demanded if code not in named]
    if missing and place.is_group:
        place.problem(f"there is no amount for {', '.join(missing)}; write one in minor units for each currency")
    return found


def percents(place: Place, words: Sequence[str], what: str, where: str) -> dict[str, int]:
    """`{table: 10}`: how many percent of a stake count for wagering (rules §4)."""
    found = {}
    for name, value in place.pairs():
        if word := known(name, words, what, where):
            found[word] = value.integer(0, CONTRIBUTION_MAX_PERCENT)
    return found


def check_range(place: Place, low: Amounts, high: Amounts, what: str = "min_bet") -> None:
    """Notes every currency in which the smallest bet, or another limit that `what` names, is above the largest bet."""
    for code in low:
        if code in high and low[code] > high[code]:
            place.problem(f"{what} {low[code]} is above max_bet {high[code]} in {code}")


def eur_micro(place: Place) -> int:
    """A decimal string of EUR such as "50000", above 0, in micro-EUR."""
    value = place.decimal()
    if value == 0:
        place.problem("0 EUR is no threshold and no budget; write a larger number, or leave the field out")
    return value


def multiplier(place: Place) -> int:
    """A decimal string up to MULTIPLIER_MAX, in millionths."""
    value = place.decimal()
    if value > MULTIPLIER_MAX * MICRO:
        place.problem(f"a multiplier above {MULTIPLIER_MAX} is a mistake: nobody could wager that much")
        return MICRO
    return value


def between(place: Place, low: int, high: int, reason: str) -> int:
    """A decimal string from `low` to `high` millionths; one million after a problem."""
    value = place.decimal()
    if low <= value <= high:
        return value
    place.problem(reason)
    return MICRO


def return_to_player(place: Place) -> int:
    """A decimal string above "0" and up to "1", in millionths."""
    return between(place, 1, MICRO, 'a return to player is above "0" and at most "1"')


def round_timeout(place: Place | None) -> RoundTimeout | None:
    """`{hours: 24, action: hold}`: what happens to a round that is open for longer (rules §3)."""
    if place is None:
        return None
    fields = place.section(("hours", "action"))
    hours, action = fields.need("hours"), fields.get("action")
    chosen = cast(TimeoutAction, action.choice(get_args(TimeoutAction))) if action else "hold"
    return RoundTimeout(hours.integer(1, TIMEOUT_HOURS_MAX) * HOUR_MS, chosen)
