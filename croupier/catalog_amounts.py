"""What several catalog files share: names of things, and amounts of money per currency."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from croupier.catalog_yaml import Place, suggestion
from engine.amounts import AMOUNT_MAX
from engine.catalog import Amounts, GameType

GAME_TYPES: Final[tuple[GameType, ...]] = ("slot", "table", "live", "exclusive")
CONTRIBUTION_MAX_PERCENT: Final = 1000
CURRENCY_CODE: Final = re.compile(r"[A-Z]{3}")
COUNTRY_CODE: Final = re.compile(r"[A-Z]{2}")
PLAYER_ID: Final = re.compile(r"[!-~]{1,128}")


class Vocabulary(NamedTuple):
    """Words a campaign may use: the platform's currencies and games."""

    currencies: tuple[str, ...]
    games: tuple[str, ...]


def known(place: Place, words: Sequence[str], what: str, where: str) -> str:
    """Text that names one of `words`; "" after a problem. `what` and `where` tell the reader what it is and lives."""
    text = place.text()
    if text and words and text not in words:
        place.problem(f"unknown {what} `{text[:80]}`{suggestion(text, words)}; {where} knows: {', '.join(words)}")
        return ""
    return text


def distinct(places: Iterable[tuple[Place, str]]) -> tuple[str, ...]:
    """The texts of a list in order, empty ones left out, repetitions noted."""
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


def check_range(place: Place, low: Amounts, high: Amounts) -> None:
    """Notes every currency in which the smallest bet is above the largest."""
    for code in low:
        if code in high and low[code] > high[code]:
            place.problem(f"min_bet {low[code]} is above max_bet {high[code]} in {code}")
