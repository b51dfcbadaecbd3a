"""What a campaign awards and under which terms: `award` and `wager` of a campaign file (rules §4, §5, §6)."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, cast, get_args

from croupier.catalog.places import Place, Section
from croupier.catalog.readers.eligibility import texts
from croupier.catalog.readers.values import GAME_TYPES, Vocabulary, amounts, check_range, multiplier, percents
from engine.amounts import AMOUNT_MAX, MICRO, times_floor
from engine.catalog import (
    Amounts,
    BonusAward,
    CampaignType,
    ExcludedPolicy,
    FreeSpinAward,
    FundsOrder,
    MaxBetCounts,
    OverMaxBet,
    WagerTerms,
)

Basis = Literal["bonus", "bonus_plus_deposit"]

VALID_DAYS_MAX: Final = 3650
FREE_SPINS_MAX: Final = 10_000
WAGER_TOTAL_MAX: Final = 1 << 61
"""Minor units that one award may require to be wagered, with the highest multiplier of a level. It is below 2^63."""

AWARD_FIELDS: Final = ("bonus", "free_spins", "points_multiplier")
BONUS_FIELDS: Final = ("match_percent", "max", "fixed")
FREE_SPINS_FIELDS: Final = ("count", "bet", "games", "valid_days", "wager_multiplier", "max_win")
WAGER_FIELDS: Final = (
    "multiplier",
    "basis",
    "min_bet",
    "max_bet",
    "over_max_bet",
    "max_bet_counts",
    "excluded_games",
    "excluded_policy",
    "contribution",
    "valid_days",
    "max_cashout",
    "min_average_bet",
    "funds_order",
    "cancel_on_withdrawal",
)


class Award(NamedTuple):
    """The `award` block; only what the campaign's type awards is set."""

    bonus: BonusAward | None = None
    free_spins: FreeSpinAward | None = None
    points_multiplier_micro: int | None = None


class TermsReader:
    """Reads award and wager terms. Every currency that the campaign is for must have an amount."""

    def __init__(self, words: Vocabulary, demanded: Sequence[str]) -> None:
        self._words = words
        self._demanded = demanded

    def award(self, place: Place, kind: CampaignType) -> Award:
        """The awards that the type allows; any other field is noted."""
        fields = place.section(AWARD_FIELDS)
        bonus, free_spins, points = (fields.get(name) for name in AWARD_FIELDS)
        if kind == "points_multiplier":
            for stranger in filter(None, (bonus, free_spins)):
                stranger.problem("points_multiplier awards no money and no spins; use another type for them")
            return Award(points_multiplier_micro=_points(fields.need("points_multiplier")))
        if points and kind:
            points.problem(f"`points_multiplier` goes with the type of that name, not with `{kind}`")
        if bonus and kind == "free_spins":
            bonus.problem("a campaign of type `free_spins` awards free spins only; for money use `no_deposit`")
        if kind == "free_spins":
            free_spins = fields.need("free_spins")
        elif kind:
            bonus = fields.need("bonus")
        return Award(self._bonus(bonus, kind) if bonus else None, self._free_spins(free_spins) if free_spins else None)

    def _bonus(self, place: Place, kind: CampaignType) -> BonusAward:
        fields = place.section(BONUS_FIELDS)
        percent, limit, fixed = (fields.get(name) for name in BONUS_FIELDS)
        if fields.sound and (percent is None) == (fixed is None):
            place.problem("a bonus has either `match_percent` and `max`, or `fixed`")
        if percent and kind == "no_deposit":
            percent.problem("match_percent needs a deposit; a campaign of type `no_deposit` awards a `fixed` bonus")
        if percent and limit is None:
            place.problem("the field `max` is missing: without it a match has no upper limit")
        if limit and percent is None:
            limit.problem("max goes with match_percent; a `fixed` bonus is its own limit")
        share = percent.decimal() if percent else None
        if percent and share == 0:
            percent.problem("a match of 0 percent awards nothing")
        return BonusAward(self._amounts(fixed, 1), share, self._amounts(limit, 1))

    def _free_spins(self, place: Place) -> FreeSpinAward:
        fields = place.section(FREE_SPINS_FIELDS)
        games = fields.need("games")
        found = self._games(games)
        if games.node is not None and not games.items():
            games.problem("there is no game to spend the free spins on")
        return FreeSpinAward(
            count=fields.need("count").integer(1, FREE_SPINS_MAX),
            bet=self._amounts(fields.need("bet"), 1),
            games=found,
            valid_days=fields.need("valid_days").integer(1, VALID_DAYS_MAX),
            wager_multiplier_micro=multiplier(fields.need("wager_multiplier")),
            max_win=self._amounts(fields.get("max_win"), 1),
        )

    def wager(self, campaign: Section, *, awards_money: bool) -> WagerTerms | None:
        """The `wager` block. Free spins alone need no multiplier: their winnings have `wager_multiplier` (rules §5)."""
        place = campaign.get("wager")
        if place is None:
            return None
        fields = place.section(WAGER_FIELDS)
        by_game, by_type = self._contribution(fields.get("contribution"))
        factor = fields.need("multiplier") if awards_money else fields.get("multiplier")
        days, order, cancels = (fields.get(name) for name in ("valid_days", "funds_order", "cancel_on_withdrawal"))
        min_bet, max_bet = self._amounts(fields.get("min_bet"), 0), self._amounts(fields.get("max_bet"), 1)
        average = self._amounts(fields.get("min_average_bet"), 1)
        check_range(place, min_bet, max_bet)
        check_range(place, average, max_bet, "min_average_bet")
        return WagerTerms(
            multiplier_micro=multiplier(factor) if factor else 0,
            basis=cast(Basis, _word(fields, "basis", get_args(Basis))),
            min_bet=min_bet,
            max_bet=max_bet,
            over_max_bet=cast(OverMaxBet, _word(fields, "over_max_bet", get_args(OverMaxBet))),
            max_bet_counts=cast(MaxBetCounts, _word(fields, "max_bet_counts", get_args(MaxBetCounts))),
            excluded_games=self._games(fields.get("excluded_games")),
            excluded_policy=cast(ExcludedPolicy, _word(fields, "excluded_policy", get_args(ExcludedPolicy))),
            contribution_games=by_game,
            contribution_types=by_type,
            valid_days=days.integer(1, VALID_DAYS_MAX) if days else None,
            max_cashout=self._amounts(fields.get("max_cashout"), 0),
            funds_order=cast(FundsOrder, order.choice(get_args(FundsOrder))) if order else None,
            min_average_bet=average,
            cancel_on_withdrawal=cancels.boolean() if cancels else True,
        )

    def _contribution(self, place: Place | None) -> tuple[dict[str, int], dict[str, int]]:
        if place is None:
            return {}, {}
        fields = place.section(("games", "types"))
        games, types = fields.get("games"), fields.get("types")
        return (
            percents(games, self._words.games, "game", "games.yaml") if games else {},
            percents(types, GAME_TYPES, "game type", "this version") if types else {},
        )

    def _games(self, place: Place | None) -> tuple[str, ...]:
        return texts(place, self._words.games, "game", "games.yaml")

    def _amounts(self, place: Place | None, low: int) -> Amounts:
        return amounts(place, self._words.currencies, self._demanded, low) if place else {}


def bonus_max(bonus: BonusAward, bonus_multiplier_micro: int) -> int:
    """The most that an award can give a player whose level has this multiplier, in minor units of any currency."""
    return times_floor(max((*bonus.fixed.values(), *bonus.max.values()), default=0), bonus_multiplier_micro)


def wager_total_max(bonus: BonusAward, wager: WagerTerms, bonus_multiplier_micro: int) -> int:
    """The most that an award of `bonus_max` can require to be wagered, in minor units of any currency."""
    largest = bonus_max(bonus, MICRO)
    base = bonus_max(bonus, bonus_multiplier_micro)
    if wager.basis == "bonus_plus_deposit" and bonus.match_percent_micro:
        base += min(AMOUNT_MAX, largest * 100 * MICRO // bonus.match_percent_micro + 1)
    return base * wager.multiplier_micro // MICRO


def _points(place: Place) -> int:
    noted = len(place.problems)
    factor = multiplier(place)
    if place.node is not None and factor <= MICRO and len(place.problems) == noted:
        place.problem('a points multiplier is above "1": it can only add points')
    return factor


def _word(fields: Section, name: str, words: Sequence[str]) -> str:
    """One of `words`; the first one if the field is left out."""
    place = fields.get(name)
    return place.choice(words) if place else words[0]
