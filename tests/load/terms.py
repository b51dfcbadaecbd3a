"""What the catalog's files promise: games, and campaigns with their terms, in EUR.

It reads the files as a person would and shares no code with the engine or the catalog's own readers, so that the books
of the load test are a second opinion. Amounts are integers in cents.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import yaml

CURRENCY = "EUR"
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Wager:
    """How a bonus is wagered; `counts`: percent of a stake, by game."""

    times: Fraction
    with_deposit: bool
    bet_min: int
    cashout_max: int | None
    counts: Mapping[str, int]

    def due(self, bonus: int, matched: int) -> int:
        """What must be staked for a bonus, and for the deposit that it matches if the terms say so."""
        return ceil(self.times * (bonus + (matched if self.with_deposit else 0)))


@dataclass(frozen=True)
class FreeSpins:
    """Free spins of one award; what they win is wagered `times`, or is real money if that is 0."""

    count: int
    stake: int
    games: tuple[str, ...]
    days: int
    times: Fraction
    win_max: int | None


@dataclass(frozen=True)
class Campaign:
    """One campaign: a fixed bonus, or `percent` of a deposit up to `bonus_max`; with free spins or without."""

    id: str
    per_player: int
    fixed: int
    percent: int
    bonus_max: int
    deposit_min: int
    wager: Wager
    spins: FreeSpins | None

    def bonus(self, deposit: int) -> int:
        """The bonus money of an award that a deposit brings about, or 0 for none."""
        return self.fixed + min(self.bonus_max, deposit * self.percent // 100)

    def matched(self, deposit: int) -> int:
        """The part of the deposit that the bonus matches."""
        return min(deposit, -(-self.bonus(deposit) * 100 // self.percent)) if self.percent else 0


@dataclass(frozen=True)
class Shelf:
    """All games, by id with their smallest stakes, and all campaigns, by id."""

    games: Mapping[str, int]
    campaigns: Mapping[str, Campaign]


def read_shelf(folder: Path) -> Shelf:
    """Reads a catalog's folder."""
    games = yaml.safe_load((folder / "games.yaml").read_text())
    campaigns = [
        _campaign(document, games)
        for path in sorted((folder / "campaigns").glob("*.yaml"))
        if "trigger" in (document := yaml.safe_load(path.read_text()))
    ]
    stakes = {name: _amount(game["min_bet"]) for name, game in games["games"].items()}
    return Shelf(stakes, {campaign.id: campaign for campaign in campaigns})


def _campaign(document: Document, games: Document) -> Campaign:
    bonus = document["award"].get("bonus", {})
    spins = document["award"].get("free_spins")
    return Campaign(
        id=document["id"],
        per_player=document.get("limits", {}).get("per_player", 1),
        fixed=_amount(bonus.get("fixed", 0)),
        percent=int(bonus.get("match_percent", 0)),
        bonus_max=_amount(bonus.get("max", 0)),
        deposit_min=_amount(document.get("eligibility", {}).get("min_deposit", 0)),
        wager=_wager(document.get("wager", {}), games),
        spins=None if spins is None else _spins(spins),
    )


def _wager(terms: Document, games: Document) -> Wager:
    cashout = terms.get("max_cashout")
    return Wager(
        times=Fraction(terms.get("multiplier", "0")),
        with_deposit=terms.get("basis") == "bonus_plus_deposit",
        bet_min=_amount(terms.get("min_bet", 0)),
        cashout_max=None if cashout is None else _amount(cashout),
        counts={game: _counts(terms, games, game) for game in games["games"]},
    )


def _counts(terms: Document, games: Document, game: str) -> int:
    """The first that is set: the campaign's for the game, for its type; the game's own, that of its type; else 100."""
    if game in terms.get("excluded_games", ()):
        return 0
    own, kind = terms.get("contribution", {}), games["games"][game]["type"]
    candidates = (
        own.get("games", {}).get(game),
        own.get("types", {}).get(kind),
        games["games"][game].get("contribution"),
        games.get("contribution", {}).get(kind),
    )
    return next((percent for percent in candidates if percent is not None), 100)


def _spins(spins: Document) -> FreeSpins:
    win_max = spins.get("max_win")
    return FreeSpins(
        count=spins["count"],
        stake=_amount(spins["bet"]),
        games=tuple(spins["games"]),
        days=spins["valid_days"],
        times=Fraction(spins["wager_multiplier"]),
        win_max=None if win_max is None else _amount(win_max),
    )


def _amount(said: int | Mapping[str, int]) -> int:
    return said if isinstance(said, int) else said[CURRENCY]
