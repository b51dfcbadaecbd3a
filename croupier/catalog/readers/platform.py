"""`platform.yaml` and `games.yaml`: currencies, policies of the platform, and the games (rules §2, §3)."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple, cast, get_args

from croupier.catalog.places import Place
from croupier.catalog.readers.values import (
    CONTRIBUTION_MAX_PERCENT,
    CURRENCY_CODE,
    GAME_ID,
    GAME_TYPES,
    NO_GAME_ID,
    NO_PLAYER_ID,
    PLAYER_ID,
    amounts,
    check_range,
    distinct,
    eur_micro,
    percents,
    return_to_player,
    round_timeout,
)
from engine.amounts import AMOUNT_MAX, MICRO
from engine.catalog import Amounts, Currency, FourEyes, FundsOrder, Game, GameType, MaxBetCounts, RoundTimeout
from engine.currencies import EXPONENT_MAX
from engine.deciding.syntax import POINTS_AT_ONCE_MAX

FLAGS: Final = ("rtp_by_level",)
PLATFORM_FIELDS: Final = (
    "currencies",
    "funds_order",
    "placement",
    "round_timeout",
    "flags",
    "geo_database",
    "four_eyes",
)
FOUR_EYES_FIELDS: Final = ("points", "forced_level", "campaign_budget_eur")
GAME_FIELDS: Final = (
    "type",
    "provider",
    "min_bet",
    "max_bet",
    "contribution",
    "round_timeout",
    "max_bet_counts",
    "rtp",
)


class Platform(NamedTuple):
    """What `platform.yaml` says; `exponent_lines`: where each currency's exponent stands, if it can be read."""

    currencies: dict[str, Currency]
    exponent_lines: dict[str, int]
    funds_order: FundsOrder
    dedicated_players: tuple[str, ...]
    round_timeout: RoundTimeout | None
    flags: dict[str, bool]
    geo_database: str | None
    four_eyes: FourEyes


def read_platform(top: Place, folder: Path | None) -> Platform:
    """`platform.yaml`. Problems are noted at their places.

    If `folder` is given, a geo database that is missing there is a problem.
    """
    fields = top.section(PLATFORM_FIELDS)
    order, placement, geo = (fields.get(name) for name in ("funds_order", "placement", "geo_database"))
    currencies, exponent_lines = _currencies(fields.need("currencies"))
    return Platform(
        currencies=currencies,
        exponent_lines=exponent_lines,
        funds_order=cast(FundsOrder, order.choice(get_args(FundsOrder))) if order else "real_first",
        dedicated_players=_dedicated(placement) if placement else (),
        round_timeout=round_timeout(fields.get("round_timeout")),
        flags=_flags(fields.get("flags")),
        geo_database=_geo_database(geo, folder) if geo else None,
        four_eyes=_four_eyes(fields.get("four_eyes")),
    )


def _currencies(listed: Place) -> tuple[dict[str, Currency], dict[str, int]]:
    """The currencies, and the lines of their exponents."""
    currencies: dict[str, Currency] = {}
    lines: dict[str, int] = {}
    for name, value in listed.pairs():
        if code := name.matching(CURRENCY_CODE, "a currency; use the three capital letters of ISO 4217, like EUR"):
            currencies[code], line = _currency(code, value)
            lines |= {} if line is None else {code: line}
    if listed.is_group and not listed.pairs():
        listed.problem("there is no currency; at least one is needed")
    return currencies, lines


def _currency(code: str, place: Place) -> tuple[Currency, int | None]:
    """The currency, and the line of its exponent unless that is a problem."""
    fields = place.section(("exponent", "eur_rate"))
    rate, digits = fields.need("eur_rate"), fields.need("exponent")
    noted = len(place.problems)
    exponent = digits.integer(0, EXPONENT_MAX)
    sound = digits.node is not None and len(place.problems) == noted
    currency = Currency(exponent, rate.decimal())
    if currency.eur_rate_micro == 0:
        rate.problem("a currency with the rate 0 has no worth")
    if code == "EUR" and currency.eur_rate_micro != MICRO:
        rate.problem('one EUR is one EUR: write "1"')
    return currency, digits.line if sound else None


def _dedicated(place: Place) -> tuple[str, ...]:
    listed = place.section(("dedicated",)).get("dedicated")
    return distinct((item, item.matching(PLAYER_ID, NO_PLAYER_ID)) for item in listed.items()) if listed else ()


def _flags(place: Place | None) -> dict[str, bool]:
    if place is None:
        return {}
    return {name: value.boolean() for name, value in place.section(FLAGS).fields.items()}


def _four_eyes(place: Place | None) -> FourEyes:
    if place is None:
        return FourEyes()
    fields = place.section(FOUR_EYES_FIELDS)
    points, level, budget = (fields.get(name) for name in FOUR_EYES_FIELDS)
    return FourEyes(
        points=points.integer(0, POINTS_AT_ONCE_MAX) if points else None,
        forced_level=level.boolean() if level else False,
        campaign_budget_micro_eur=eur_micro(budget) if budget else None,
    )


def _geo_database(place: Place, folder: Path | None) -> str:
    """A path relative to the catalog folder, which must not lead out of it."""
    text = place.text()
    path = PurePosixPath(text)
    if text and (path.is_absolute() or ".." in path.parts or "\\" in text or "\0" in text):
        place.problem(
            "write a path inside the catalog folder, like geo/countries.mmdb; a link there may lead elsewhere"
        )
        return ""
    if text and folder is not None and not (folder / text).is_file():
        place.problem(f"there is no file `{text[:80]}` in the catalog folder")
    return text


def read_games(top: Place, currencies: Sequence[str]) -> dict[str, Game]:
    """`games.yaml`. Problems are noted at their places."""
    fields = top.section(("games", "contribution"))
    by_type = fields.get("contribution")
    shares = percents(by_type, GAME_TYPES, "game type", "this version") if by_type else {}
    listed = fields.need("games")
    games = {}
    for name, value in listed.pairs():
        if game_id := name.matching(GAME_ID, NO_GAME_ID):
            games[game_id] = _game(game_id, value, currencies, shares)
    if listed.is_group and not listed.pairs():
        listed.problem("there is no game; at least one is needed")
    return games


def _game(game_id: str, place: Place, currencies: Sequence[str], shares: Mapping[str, int]) -> Game:
    fields = place.section(GAME_FIELDS)
    kind = cast(GameType, fields.need("type").choice(GAME_TYPES))
    low, high = _bets(fields.need("min_bet"), currencies), _bets(fields.need("max_bet"), currencies)
    share, counts, rtp = fields.get("contribution"), fields.get("max_bet_counts"), fields.get("rtp")
    check_range(place, low, high)
    return Game(
        game_id=game_id,
        type=kind,
        provider=fields.need("provider").text(),
        min_bet=low,
        max_bet=high,
        contribution=share.integer(0, CONTRIBUTION_MAX_PERCENT) if share else shares.get(kind, 100),
        round_timeout=round_timeout(fields.get("round_timeout")),
        max_bet_counts=cast(MaxBetCounts, counts.choice(get_args(MaxBetCounts))) if counts else "round",
        rtp_micro=return_to_player(rtp) if rtp else None,
    )


def _bets(place: Place, currencies: Sequence[str]) -> Amounts:
    """An amount per currency, or one whole number for all of them."""
    if place.is_group:
        return amounts(place, currencies, currencies, 1)
    return dict.fromkeys(currencies, place.integer(1, AMOUNT_MAX)) if place.node is not None else {}
