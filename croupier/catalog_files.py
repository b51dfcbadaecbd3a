"""The catalog on disk: `platform.yaml`, `games.yaml` and `campaigns/*.yaml` of one folder.

`load_catalog` answers a checked catalog or raises `CatalogInvalid` with every problem, never only the first.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, cast, get_args

from croupier.catalog_amounts import (
    CONTRIBUTION_MAX_PERCENT,
    CURRENCY_CODE,
    GAME_TYPES,
    PLAYER_ID,
    Vocabulary,
    amounts,
    check_range,
    distinct,
    percents,
)
from croupier.catalog_campaigns import read_campaign
from croupier.catalog_yaml import Place, Problem, parse
from engine.amounts import AMOUNT_MAX, MICRO
from engine.catalog import Amounts, Campaign, Catalog, Currency, FundsOrder, Game, GameType

FILE_BYTES_MAX: Final = 1 << 20
CAMPAIGNS_MAX: Final = 1000
EXPONENT_MAX: Final = 4
GAME_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

_PLATFORM = "platform.yaml"
_GAMES = "games.yaml"


class CatalogInvalid(Exception):
    """The catalog can't be used. `problems` lists everything wrong with it; printed, one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


def load_catalog(folder: Path) -> Catalog:
    """Reads and checks the catalog in `folder`; `version` is the hash of the files' names and bytes.

    Raises `CatalogInvalid`.
    """
    problems: list[Problem] = []
    files = _read_files(folder, problems)
    catalog = _build(files, problems)
    if problems:
        raise CatalogInvalid(sorted(dict.fromkeys(problems)))
    return catalog


def _read_files(folder: Path, problems: list[Problem]) -> dict[str, bytes]:
    """Contents by name relative to the folder; what can't be read is noted and left out."""
    if not folder.is_dir():
        raise CatalogInvalid([Problem(str(folder), 1, "there is no such folder to read a catalog from")])
    campaigns = sorted(path for path in folder.glob("campaigns/*") if path.suffix == ".yaml")
    _note_strangers(folder, problems)
    if len(campaigns) > CAMPAIGNS_MAX:
        reason = f"there are {len(campaigns)} campaigns; at most {CAMPAIGNS_MAX} are allowed, remove old ones"
        problems.append(Problem("campaigns", 1, reason))
        campaigns = campaigns[:CAMPAIGNS_MAX]
    contents = {}
    for path in (folder / _PLATFORM, folder / _GAMES, *campaigns):
        name = path.relative_to(folder).as_posix()
        if (content := _read(name, path, problems)) is not None:
            contents[name] = content
    return contents


def _note_strangers(folder: Path, problems: list[Problem]) -> None:
    """A file that looks like part of the catalog but would be ignored is a campaign that never runs."""
    strangers = [path for path in folder.glob("*") if path.name not in (_PLATFORM, _GAMES)]
    strangers += [path for path in folder.glob("campaigns/*") if path.suffix != ".yaml"]
    for path in strangers:
        if path.suffix in (".yaml", ".yml", ".json"):
            reason = "this file is not read; known here: platform.yaml, games.yaml, campaigns/*.yaml"
            problems.append(Problem(path.relative_to(folder).as_posix(), 1, reason))


def _read(name: str, path: Path, problems: list[Problem]) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        problems.append(Problem(name, 1, "this file is missing"))
        return None
    except OSError as error:
        problems.append(Problem(name, 1, f"this file can't be read: {error.strerror}"))
        return None
    if len(content) > FILE_BYTES_MAX:
        problems.append(Problem(name, 1, f"this file is too large: at most {FILE_BYTES_MAX} bytes are allowed"))
        return None
    return content


def _build(files: Mapping[str, bytes], problems: list[Problem]) -> Catalog:
    def top(name: str) -> Place:
        return parse(name, files[name], problems) if name in files else Place(name, 1, None, problems)

    currencies, funds_order, dedicated = _platform(top(_PLATFORM))
    games = _games(top(_GAMES), tuple(currencies))
    words = Vocabulary(tuple(currencies), tuple(games))
    campaigns: dict[str, Campaign] = {}
    homes: dict[str, str] = {}
    for name in files:
        if name.startswith("campaigns/"):
            place, campaign = read_campaign(top(name), words)
            if (first := homes.setdefault(campaign.campaign_id, name)) != name and campaign.campaign_id:
                place.problem(f"the id `{campaign.campaign_id}` is taken by {first}; every campaign needs its own")
            campaigns[campaign.campaign_id] = campaign
    return Catalog(_content_hash(files), currencies, funds_order, games, campaigns, dedicated)


def _content_hash(files: Mapping[str, bytes]) -> str:
    digest = sha256()
    for name in sorted(files):
        digest.update(b"%s\0%d\0%s" % (name.encode(), len(files[name]), files[name]))
    return digest.hexdigest()[:16]


def _platform(top: Place) -> tuple[dict[str, Currency], FundsOrder, tuple[str, ...]]:
    fields = top.section(("currencies", "funds_order", "placement"))
    listed = fields.need("currencies")
    currencies = {}
    for name, value in listed.pairs():
        if code := name.matching(CURRENCY_CODE, "a currency; use the three capital letters of ISO 4217, like EUR"):
            currencies[code] = _currency(code, value)
    if listed.is_group and not listed.pairs():
        listed.problem("there is no currency; at least one is needed")
    order, placement = fields.get("funds_order"), fields.get("placement")
    funds_order = cast(FundsOrder, order.choice(get_args(FundsOrder))) if order else "real_first"
    return currencies, funds_order, _dedicated(placement) if placement else ()


def _currency(code: str, place: Place) -> Currency:
    fields = place.section(("exponent", "eur_rate"))
    rate = fields.need("eur_rate")
    currency = Currency(fields.need("exponent").integer(0, EXPONENT_MAX), rate.decimal())
    if currency.eur_rate_micro == 0:
        rate.problem("a currency with the rate 0 has no worth")
    if code == "EUR" and currency.eur_rate_micro != MICRO:
        rate.problem('one EUR is one EUR: write "1"')
    return currency


def _dedicated(place: Place) -> tuple[str, ...]:
    listed = place.section(("dedicated",)).get("dedicated")
    what = "a player id: 1 to 128 visible ASCII characters"
    return distinct((item, item.matching(PLAYER_ID, what)) for item in listed.items()) if listed else ()


def _games(top: Place, currencies: Sequence[str]) -> dict[str, Game]:
    fields = top.section(("games", "contribution"))
    by_type = fields.get("contribution")
    shares = percents(by_type, GAME_TYPES, "game type", "this version") if by_type else {}
    listed = fields.need("games")
    games = {}
    for name, value in listed.pairs():
        if game_id := name.matching(GAME_ID, "a game id: use letters, digits and . _ : - , at most 128"):
            games[game_id] = _game(game_id, value, currencies, shares)
    if listed.is_group and not listed.pairs():
        listed.problem("there is no game; at least one is needed")
    return games


def _game(game_id: str, place: Place, currencies: Sequence[str], shares: Mapping[str, int]) -> Game:
    fields = place.section(("type", "provider", "min_bet", "max_bet", "contribution"))
    kind = cast(GameType, fields.need("type").choice(GAME_TYPES))
    low, high = _bets(fields.need("min_bet"), currencies), _bets(fields.need("max_bet"), currencies)
    share = fields.get("contribution")
    check_range(place, low, high)
    return Game(
        game_id=game_id,
        type=kind,
        provider=fields.need("provider").text(),
        min_bet=low,
        max_bet=high,
        contribution=share.integer(0, CONTRIBUTION_MAX_PERCENT) if share else shares.get(kind, 100),
    )


def _bets(place: Place, currencies: Sequence[str]) -> Amounts:
    """An amount per currency, or one whole number for all of them."""
    if place.is_group:
        return amounts(place, currencies, currencies, 1)
    return dict.fromkeys(currencies, place.integer(1, AMOUNT_MAX)) if place.node is not None else {}
