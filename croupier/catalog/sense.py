"""Checks that a catalog is possible as a whole: players can do the wagering, and budgets can pay the awards (rules §6).

It looks only at files that have no problem by themselves, so that a mistake is told only once. Amounts are minor units.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from croupier.catalog.folder import GAMES, LEVELS, PLATFORM
from croupier.catalog.places import Place, Problem
from croupier.catalog.reach import levels_reached
from croupier.catalog.readers.campaigns import ReadCampaign
from croupier.catalog.readers.levels import ReadLevels
from engine.amounts import AMOUNT_MAX, percent_floor, times_floor, to_micro_eur
from engine.catalog import CASHBACK, REDEMPTION, Campaign, Catalog, Game, WagerTerms
from engine.deciding.funds import contribution
from gateway.documents.values import decimal


def sound_basis(problems: Sequence[Problem]) -> bool:
    """Whether the files of currencies, games and levels, on which the others build, have no problem."""
    return not {problem.file for problem in problems} & {PLATFORM, GAMES, LEVELS}


def sound_campaigns(read: Mapping[str, ReadCampaign], problems: Sequence[Problem]) -> list[ReadCampaign]:
    """The campaigns that have no problem in their own file, nor in a file that they build on."""
    broken = {problem.file for problem in problems}
    return [entry for entry in read.values() if entry.top.file not in broken] if sound_basis(problems) else []


def check_sense(catalog: Catalog, entries: Sequence[ReadCampaign], levels: ReadLevels | None) -> None:
    """Notes impossible wagering, free spins and budgets, each at its place. `levels`: None if its file has problems."""
    for entry in entries:
        _check_campaign(catalog, entry)
    loyalty = catalog.loyalty
    if levels is None or loyalty is None:
        return
    for name, block in ((REDEMPTION, loyalty.redemption), (CASHBACK, loyalty.cashback)):
        if block is not None and block.campaign.wager is not None and block.campaign.wager.multiplier_micro:
            _check_counting(catalog, block.campaign.wager, levels.blocks[name])


def _check_campaign(catalog: Catalog, entry: ReadCampaign) -> None:
    campaign = entry.campaign
    currencies = campaign.eligibility.currencies or tuple(catalog.currencies)
    if campaign.wager is not None and _must_wager(campaign):
        place = entry.top.find("wager")
        if counting := _check_counting(catalog, campaign.wager, place):
            for currency in currencies:
                _check_stakes(_Stakes(campaign.wager, counting, currency), place)
    _check_free_spins(catalog, campaign, entry.top.find("award", "free_spins", "bet"), currencies)
    _check_budget(catalog, campaign, entry.top.find("limits", "budget_eur"), currencies)


def _must_wager(campaign: Campaign) -> bool:
    """Whether anything of the campaign must be wagered: its bonus, or the winnings of its free spins."""
    bonus = campaign.bonus is not None and campaign.wager is not None and campaign.wager.multiplier_micro > 0
    return bonus or (campaign.free_spins is not None and campaign.free_spins.wager_multiplier_micro > 0)


# --- wagering


def _check_counting(catalog: Catalog, wager: WagerTerms, place: Place) -> list[Game]:
    """The games whose stakes count. If there is none, that is noted."""
    open_to = [game for game in catalog.games.values() if game.game_id not in wager.excluded_games]
    counting = [game for game in open_to if contribution(wager, game) > 0]
    if not open_to:
        place.find("excluded_games").problem(
            "every game is excluded, so nobody could ever complete the wagering; leave out at least one"
        )
    elif not counting:
        place.find("contribution").problem(
            "no game that is not excluded contributes more than 0, so nobody could ever complete the wagering; "
            "let at least one game or type contribute"
        )
    return counting


class _Stakes(NamedTuple):
    """The stakes in one currency that make progress in wagering under these terms."""

    wager: WagerTerms
    games: Sequence[Game]
    currency: str

    @property
    def lowest(self) -> Game:
        """The game with the smallest stakes."""
        return min(self.games, key=lambda game: game.min_bet[self.currency])

    @property
    def highest(self) -> Game:
        """The game with the largest stakes."""
        return max(self.games, key=lambda game: game.max_bet[self.currency])

    def possible(self) -> Iterator[tuple[int, int]]:
        """For each game the largest stake that terms and game allow, and how much of it counts."""
        code, wager = self.currency, self.wager
        for game in self.games:
            low = max(game.min_bet[code], wager.min_bet.get(code, 0))
            high = min(game.max_bet[code], wager.max_bet.get(code, AMOUNT_MAX))
            if low <= high:
                yield high, high * contribution(wager, game) // 100


def _check_stakes(stakes: _Stakes, place: Place) -> None:
    """Notes why no stake in this currency makes progress, or why none is large enough for the mean.

    One reason is noted.
    """
    code, wager = stakes.currency, stakes.wager
    least, most = stakes.lowest.min_bet[code], stakes.highest.max_bet[code]
    average = wager.min_average_bet.get(code, 0)
    possible = list(stakes.possible())
    if wager.max_bet.get(code, AMOUNT_MAX) < least:
        place.find("max_bet").problem(
            f"max_bet {wager.max_bet[code]} in {code} lies below the smallest stake of every game that counts: "
            f"`{stakes.lowest.game_id}` begins at {least}; write at least {least}, or let other games count"
        )
    elif wager.min_bet.get(code, 0) > most:
        place.find("min_bet").problem(
            f"min_bet {wager.min_bet[code]} in {code} lies above the largest stake of every game that counts: "
            f"`{stakes.highest.game_id}` ends at {most}; write at most {most}, or let other games count"
        )
    elif not any(counted for _, counted in possible):
        place.problem(
            f"no stake in {code} makes progress: no game that counts allows one between min_bet and max_bet of which "
            "a whole minor unit counts; change min_bet, max_bet, or what contributes"
        )
    elif max(stake for stake, counted in possible if counted) < average:
        place.find("min_average_bet").problem(
            f"min_average_bet {average} in {code} lies above every stake that counts; every bonus would be held for "
            f"an operator; write at most {max(stake for stake, counted in possible if counted)}"
        )


# --- free spins and budgets


def _check_free_spins(catalog: Catalog, campaign: Campaign, place: Place, currencies: Sequence[str]) -> None:
    """Notes every game of the package that does not take its stake."""
    spins = campaign.free_spins
    if spins is None:
        return
    for game in (catalog.games[name] for name in spins.games):
        for code in currencies:
            bet, low, high = spins.bet[code], game.min_bet[code], game.max_bet[code]
            if not low <= bet <= high:
                place.problem(
                    f"`{game.game_id}` takes stakes from {low} to {high} in {code}, so no free spin of {bet} can be "
                    "played there; change bet, or take the game out"
                )


def _check_budget(catalog: Catalog, campaign: Campaign, place: Place, currencies: Sequence[str]) -> None:
    """Notes every currency in which a single award, for the lowest level that can have it, is above the budget."""
    budget = campaign.limits.budget_micro_eur
    if budget is None:
        return
    for code in currencies:
        worth = smallest_award(catalog, campaign, code)
        if worth > budget:
            place.problem(
                f"one award in {code} is worth {decimal(worth)} EUR, more than the whole budget of {decimal(budget)}: "
                f'nobody could ever get it; write at least "{decimal(worth)}", or award less'
            )


def smallest_award(catalog: Catalog, campaign: Campaign, code: str) -> int:
    """The least that the campaign awards anybody in a currency, in micro-EUR: bonus and face value of free spins."""
    factors = [level.privileges.bonus_multiplier_micro for level in levels_reached(catalog, campaign) or ()]
    bonus = _smallest_bonus(campaign, code)
    if factors:
        bonus = times_floor(bonus, min(factors))
    spins = campaign.free_spins
    face = 0 if spins is None else spins.count * spins.bet[code]
    currency = catalog.currencies[code]
    return to_micro_eur(bonus, currency) + to_micro_eur(face, currency)


def _smallest_bonus(campaign: Campaign, code: str) -> int:
    """The smallest bonus. A match is taken of the smallest deposit that triggers it, and is 0 if any deposit does."""
    bonus = campaign.bonus
    if bonus is None:
        return 0
    if bonus.match_percent_micro is None:
        return bonus.fixed[code]
    matched = percent_floor(campaign.eligibility.min_deposit.get(code, 0), bonus.match_percent_micro)
    return min(matched, bonus.max[code])
