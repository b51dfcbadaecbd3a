"""The house the property tests play at: games and campaigns as plain facts, and the same as the engine's catalog."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from msgspec.structs import replace

from croupier.catalog import load_catalog
from croupier.settings import default_catalog
from engine.catalog import (
    BonusAward,
    Campaign,
    Catalog,
    Currency,
    Eligibility,
    FraudRule,
    FraudRules,
    FreeSpinAward,
    Game,
    Limits,
    PeriodLimit,
    PointRules,
    RoundTimeout,
    WagerTerms,
    Workflow,
)
from tests.property.wiring import APPROVAL, STANDARD, Wiring, workflow
from tests.support.ladder import FACTORS, level, rules

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
END_MS = START_MS + 200 * DAY_MS
MIN_BET, MAX_BET = 10, 400
MICRO_EUR_PER_CENT = 10_000
BONUS_PER_WEEK_MAX = 1_500
"""Cents of bonus money a player may get in seven UTC days (rules §7)."""


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
    min_average_bet: int | None = None
    max_bet_counts: str = "round"


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
    """A campaign: a fixed bonus or a match of the first deposit, free spins, or both.

    `budget` in cents and `per_device` are shared by all players. `path`: the workflow, by its id.
    """

    terms: Terms = Terms()
    fixed: int | None = None
    match_percent: int | None = None
    match_max: int | None = None
    min_deposit: int = 0
    spins: Spins | None = None
    per_player: int = 4
    country: str | None = None
    valid_to_ms: int = END_MS
    opt_in: bool = False
    claim_days: int | None = None
    budget: int | None = None
    per_device: int | None = None
    path: str = "standard"

    @property
    def value(self) -> int:
        """What a fixed award takes from the budget: bonus money and the face value of the free spins, cents."""
        return (self.fixed or 0) + (self.spins.count * self.spins.bet if self.spins is not None else 0)


TYPES = {"book": "slot", "dice": "table", "wheel": "live", "vault": "exclusive"}
CONTRIBUTION = {"book": 100, "dice": 50, "wheel": 100, "vault": 100}
BY_STAKE = ("wheel",)
"""Games whose bet limits look at each stake alone; those of the others look at all stakes of a round (rules §4)."""
TIMEOUTS = {"book": (24, "hold"), "dice": (12, "refund"), "wheel": (30, "close"), "vault": (24, "hold")}
"""Hours a round may stay open, and what becomes of it then (rules §3); `hold` is the platform's."""

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
    "strict": Offer(
        Terms(Fraction(3), max_bet=40, max_bet_counts="stake"), fixed=100, valid_to_ms=START_MS + 20 * DAY_MS
    ),
    "spins": Offer(Terms(max_cashout=50, valid_days=2), spins=Spins(3, 10, ("book", "wheel"), 2, Fraction("1.25"), 80)),
    "spins-for-cash": Offer(spins=Spins(2, 20, ("book",), 4, Fraction(0))),
    "short-spins": Offer(
        Terms(valid_days=1, max_bet=30, over_max_bet="cancel", max_bet_counts="stake"),
        spins=Spins(2, 15, ("dice",), 1, Fraction("0.5")),
    ),
    "gift-and-spins": Offer(
        Terms(Fraction(1), valid_days=2), fixed=30, spins=Spins(1, 10, ("vault", "book"), 1, Fraction(1)), per_player=2
    ),
    "elsewhere": Offer(Terms(Fraction(1)), fixed=100, country="NO"),
    "asked": Offer(Terms(Fraction(1), valid_days=3), fixed=60, opt_in=True, claim_days=2),
    "asked-spins": Offer(
        Terms(Fraction("0.5"), valid_days=2),
        fixed=40,
        spins=Spins(2, 10, ("book",), 2, Fraction(1)),
        opt_in=True,
        claim_days=1,
    ),
    "asked-only-spins": Offer(Terms(valid_days=2), spins=Spins(1, 15, ("dice", "book"), 1, Fraction(1)), opt_in=True),
    "welcome-asked": Offer(
        Terms(Fraction(1), "bonus_plus_deposit", valid_days=3),
        match_percent=40,
        per_player=1,
        opt_in=True,
        claim_days=2,
    ),
    "approved": Offer(
        Terms(Fraction(1), valid_days=4, max_cashout=150), fixed=140, claim_days=3, budget=500, path="approval"
    ),
    "wired": Offer(
        Terms(Fraction("0.5"), valid_days=3, min_average_bet=25),
        fixed=90,
        spins=Spins(1, 10, ("wheel",), 1, Fraction(1)),
        claim_days=4,
        budget=400,
        path="wired",
    ),
    "steady": Offer(Terms(Fraction("0.5"), valid_days=4, min_average_bet=30, max_cashout=45), fixed=60),
    "steady-stays": Offer(
        Terms(Fraction(1), valid_days=2, min_average_bet=40, max_bet_counts="stake", cancel_on_withdrawal=False),
        fixed=30,
    ),
    "scarce": Offer(
        Terms(Fraction(1), valid_days=3), fixed=60, spins=Spins(2, 10, ("book",), 1, Fraction(1)), budget=250
    ),
    "scarce-asked": Offer(Terms(Fraction(1), valid_days=3), fixed=70, budget=150, opt_in=True, claim_days=1),
    "one-per-device": Offer(Terms(Fraction(1), valid_days=2), fixed=20, per_device=1),
    "scarce-spins": Offer(spins=Spins(1, 20, ("book",), 2, Fraction(1)), budget=40, per_device=2),
}
SHARED = sorted(name for name, offer in OFFERS.items() if offer.budget is not None or offer.per_device is not None)
"""Campaigns with limits that all players share."""


def wirings(wired: Wiring) -> dict[str, Wiring]:
    """What each path asks for, by the id of its workflow."""
    return {"standard": STANDARD, "approval": APPROVAL, "wired": wired}


def level_at(micro_eur: int) -> str:
    """The level that so much turnover supports."""
    return [each.level_id for each in _RUNGS if each.threshold_micro <= micro_eur][-1]


def catalog(funds_order: Any, wired: Wiring) -> Catalog:
    """The house as the engine knows it; its second workflow is the shipped one, its third is `wired`.

    Levels are for life and give nothing, points buy nothing: play alone moves both.
    """
    campaigns = {name: _campaign(name, offer) for name, offer in OFFERS.items()}
    games = {name: _game(name) for name in TYPES}
    workflows = {"approval": _SHIPPED["approval"], "wired": workflow("wired", wired)}
    currencies = {"EUR": Currency(2, 1_000_000)}
    platform = RoundTimeout(24 * HOUR_MS, "hold")
    ladder = rules(*_RUNGS, points=PointRules(FACTORS), downgrade=None, redemption=None, cashback=None)
    house = Catalog("property", currencies, funds_order, games, campaigns, (), workflows, _FRAUD, platform)
    return replace(house, loyalty=ladder)


_SHIPPED: dict[str, Workflow] = load_catalog(default_catalog()).workflows
_RUNGS = level("bronze", 0), level("silver", 2), level("gold", 7)
_FRAUD = FraudRules(
    window_days=10_000,
    rules={"shared_device": FraudRule("review"), "shared_instrument": FraudRule("deny")},
    max_bonus_per_player=PeriodLimit(7, BONUS_PER_WEEK_MAX * MICRO_EUR_PER_CENT),
)


def _game(name: str) -> Game:
    hours, action = TIMEOUTS[name]
    kind: Any = TYPES[name]
    counts: Any = "stake" if name in BY_STAKE else "round"
    timeout = None if action == "hold" else RoundTimeout(hours * HOUR_MS, action)  # type: ignore[arg-type]
    return Game(name, kind, "demo", {"EUR": MIN_BET}, {"EUR": MAX_BET}, CONTRIBUTION[name], timeout, counts)


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
    return Campaign(
        name,
        kind,
        trigger,
        START_MS,
        ends,
        eligibility,
        bonus,
        spins,
        wager,
        offer.per_player,
        limits=Limits(
            per_device=offer.per_device,
            budget_micro_eur=None if offer.budget is None else offer.budget * MICRO_EUR_PER_CENT,
        ),
        workflow=offer.path,
        opt_in=offer.opt_in,
        claim_days=offer.claim_days,
    )


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
        "max_bet_counts": terms.max_bet_counts,
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
        min_average_bet=_eur(terms.min_average_bet),
        **choices,
    )


def _eur(amount: int | None) -> dict[str, int]:
    return {} if amount is None else {"EUR": amount}


def _micro(factor: Fraction) -> int:
    return int(factor * 10**6)
