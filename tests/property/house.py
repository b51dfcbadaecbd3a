"""The house the property tests play at: games and campaigns as plain facts, and the same as the engine's catalog."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from engine.catalog import BonusAward, Campaign, Catalog, Currency, Eligibility, FreeSpinAward, Game, WagerTerms

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
END_MS = START_MS + 200 * DAY_MS
MIN_BET, MAX_BET = 10, 400


@dataclass(frozen=True)
class Terms:
    """Wagering terms in EUR cents, named as in a campaign file."""

    multiplier: Fraction = Fraction(0)
    basis: str = "bonus"
    min_bet: int | None = None
    max_bet: int | None = None
    over_max_bet: str = "reject"
    excluded_games: tuple[str, ...] = ()
    excluded_policy: str = "no_progress"
    by_game: dict[str, int] = field(default_factory=dict)
    by_type: dict[str, int] = field(default_factory=dict)
    valid_days: int | None = None
    max_cashout: int | None = None
    funds_order: str | None = None
    cancel_on_withdrawal: bool = True


@dataclass(frozen=True)
class Spins:
    """A free spin award in EUR cents."""

    count: int
    bet: int
    games: tuple[str, ...]
    valid_days: int
    multiplier: Fraction
    max_win: int | None = None


@dataclass(frozen=True)
class Offer:
    """A campaign: a fixed bonus or a match of the first deposit, free spins, or both."""

    terms: Terms = Terms()
    fixed: int | None = None
    match_percent: int | None = None
    match_max: int | None = None
    min_deposit: int = 0
    spins: Spins | None = None
    per_player: int = 4
    country: str | None = None
    valid_to_ms: int = END_MS


TYPES = {"book": "slot", "dice": "table", "wheel": "live", "vault": "exclusive"}
CONTRIBUTION = {"book": 100, "dice": 50, "wheel": 100, "vault": 100}

OFFERS = {
    "welcome": Offer(
        Terms(Fraction("1.5"), "bonus_plus_deposit", max_bet=100, excluded_games=("vault",), valid_days=5),
        match_percent=50,
        match_max=70,
        min_deposit=20,
        spins=Spins(2, 10, ("book",), 2, Fraction(2), 60),
        per_player=1,
    ),
    "welcome-gift": Offer(Terms(Fraction(1), valid_days=3), match_percent=30, per_player=1),
    "plain": Offer(Terms(Fraction(1), valid_days=3), fixed=100),
    "stays": Offer(Terms(Fraction(2), valid_days=4, cancel_on_withdrawal=False), fixed=80),
    "spins-stay": Offer(
        Terms(valid_days=3, cancel_on_withdrawal=False), spins=Spins(2, 10, ("book", "wheel"), 3, Fraction(1))
    ),
    "nothing-asked": Offer(Terms(Fraction(0), max_cashout=30), fixed=50),
    "capped": Offer(
        Terms(Fraction("0.75"), min_bet=20, by_game={"wheel": 30}, by_type={"table": 80}, valid_days=3, max_cashout=60),
        fixed=101,
    ),
    "bonus-first": Offer(
        Terms(Fraction(2), max_bet=50, over_max_bet="not_counted", valid_days=6, funds_order="bonus_first"), fixed=200
    ),
    "voidable": Offer(Terms(Fraction(1), max_bet=60, over_max_bet="cancel", valid_days=5), fixed=150),
    "real-only": Offer(
        Terms(Fraction(1), excluded_games=("dice", "vault"), excluded_policy="real_only", valid_days=4), fixed=120
    ),
    "strict": Offer(Terms(Fraction(3), max_bet=40), fixed=100, valid_to_ms=START_MS + 20 * DAY_MS),
    "spins": Offer(Terms(max_cashout=50, valid_days=2), spins=Spins(3, 10, ("book", "wheel"), 2, Fraction("1.25"), 80)),
    "spins-for-cash": Offer(spins=Spins(2, 20, ("book",), 4, Fraction(0))),
    "short-spins": Offer(
        Terms(valid_days=1, max_bet=30, over_max_bet="cancel"), spins=Spins(2, 15, ("dice",), 1, Fraction("0.5"))
    ),
    "gift-and-spins": Offer(
        Terms(Fraction(1), valid_days=2), fixed=30, spins=Spins(1, 10, ("vault", "book"), 1, Fraction(1)), per_player=2
    ),
    "elsewhere": Offer(Terms(Fraction(1)), fixed=100, country="NO"),
}


def catalog(funds_order: Any) -> Catalog:
    """The house as the engine knows it."""
    bounds = {"EUR": MIN_BET}, {"EUR": MAX_BET}
    games = {name: Game(name, kind, "demo", *bounds, CONTRIBUTION[name]) for name, kind in TYPES.items()}  # type: ignore[arg-type]
    campaigns = {name: _campaign(name, offer) for name, offer in OFFERS.items()}
    return Catalog("property", {"EUR": Currency(2, 1_000_000)}, funds_order, games, campaigns)


def _campaign(name: str, offer: Offer) -> Campaign:
    matched = offer.match_percent is not None
    kind: Any = "deposit_match" if matched else "free_spins" if offer.fixed is None else "no_deposit"
    countries = (offer.country,) if offer.country is not None else ()
    eligibility = Eligibility(countries_allow=countries, min_deposit=_eur(offer.min_deposit or None))
    bonus = None
    if offer.fixed is not None:
        bonus = BonusAward(fixed=_eur(offer.fixed))
    elif offer.match_percent is not None:
        bonus = BonusAward(match_percent_micro=offer.match_percent * 10**6, max=_eur(offer.match_max))
    trigger: Any = "first_deposit" if matched else "manual"
    spins, wager = _spins(offer.spins), _wager(offer.terms)
    ends = offer.valid_to_ms
    return Campaign(name, kind, trigger, START_MS, ends, eligibility, bonus, spins, wager, offer.per_player)


def _spins(spins: Spins | None) -> FreeSpinAward | None:
    if spins is None:
        return None
    multiplier, caps = _micro(spins.multiplier), _eur(spins.max_win)
    return FreeSpinAward(spins.count, {"EUR": spins.bet}, spins.games, spins.valid_days, multiplier, caps)


def _wager(terms: Terms) -> WagerTerms:
    choices: Any = {
        "basis": terms.basis,
        "over_max_bet": terms.over_max_bet,
        "excluded_policy": terms.excluded_policy,
        "funds_order": terms.funds_order,
    }
    return WagerTerms(
        multiplier_micro=_micro(terms.multiplier),
        min_bet=_eur(terms.min_bet),
        max_bet=_eur(terms.max_bet),
        excluded_games=terms.excluded_games,
        contribution_games=terms.by_game,
        contribution_types=terms.by_type,
        valid_days=terms.valid_days,
        max_cashout=_eur(terms.max_cashout),
        cancel_on_withdrawal=terms.cancel_on_withdrawal,
        **choices,
    )


def _eur(amount: int | None) -> dict[str, int]:
    return {} if amount is None else {"EUR": amount}


def _micro(factor: Fraction) -> int:
    return int(factor * 10**6)
