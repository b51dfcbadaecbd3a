"""Campaign files: read, checked against the platform's currencies and games, and turned into the engine's types.

Only fields that this version honours are known (rules §6); promising anything else would be a lie to a player.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal, cast, get_args

from croupier.catalog_amounts import (
    COUNTRY_CODE,
    GAME_TYPES,
    PLAYER_ID,
    Vocabulary,
    amounts,
    check_range,
    distinct,
    known,
    percents,
)
from croupier.catalog_yaml import Place, Section
from engine.catalog import (
    Amounts,
    BonusAward,
    Campaign,
    CampaignType,
    Eligibility,
    ExcludedPolicy,
    FreeSpinAward,
    FundsOrder,
    OverMaxBet,
    TriggerEvent,
    WagerTerms,
)

Basis = Literal["bonus", "bonus_plus_deposit"]

CAMPAIGN_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
VALID_DAYS_MAX: Final = 3650
FREE_SPINS_MAX: Final = 10_000
PER_PLAYER_MAX: Final = 1000

_FIELDS = ("id", "type", "trigger", "valid_from", "valid_to", "eligibility", "award", "wager", "limits")
_ELIGIBILITY = ("countries", "segments", "players", "currencies", "min_deposit")
_FREE_SPINS = ("count", "bet", "games", "valid_days", "wager_multiplier", "max_win")
_WAGER = (
    "multiplier",
    "basis",
    "min_bet",
    "max_bet",
    "over_max_bet",
    "excluded_games",
    "excluded_policy",
    "contribution",
    "valid_days",
    "max_cashout",
    "funds_order",
)


def read_campaign(top: Place, words: Vocabulary) -> tuple[Place, Campaign]:
    """One campaign file, and the place of its id. Problems are noted at their places."""
    fields = top.section(_FIELDS)
    named = fields.need("id")
    kind = cast(CampaignType, fields.need("type").choice(get_args(CampaignType)))
    trigger = cast(TriggerEvent, _trigger(fields))
    eligibility = _eligibility(fields.get("eligibility"), words, trigger)
    reader = _Terms(words, eligibility.currencies or words.currencies)
    bonus, free_spins = reader.award(fields.need("award"), kind)
    campaign = Campaign(
        campaign_id=named.matching(CAMPAIGN_ID, "an id: use a-z, 0-9, - and _, at most 64, a letter or digit first"),
        type=kind,
        trigger=trigger,
        valid_from_ms=fields.need("valid_from").moment(),
        valid_to_ms=fields.need("valid_to").moment(),
        eligibility=eligibility,
        bonus=bonus,
        free_spins=free_spins,
        wager=reader.wager(fields, awards_money=bonus is not None),
        per_player=_per_player(fields.get("limits")),
    )
    _check(fields, campaign)
    return named, campaign


def _trigger(fields: Section) -> str:
    return fields.need("trigger").section(("event",)).need("event").choice(get_args(TriggerEvent))


def _per_player(limits: Place | None) -> int:
    found = limits.section(("per_player",)).get("per_player") if limits else None
    return found.integer(1, PER_PLAYER_MAX) if found else 1


def _eligibility(place: Place | None, words: Vocabulary, trigger: TriggerEvent) -> Eligibility:
    if place is None:
        return Eligibility()
    fields = place.section(_ELIGIBILITY)
    allow, deny = _countries(fields.get("countries"))
    currencies = _texts(fields.get("currencies"), words.currencies, "currency", "platform.yaml")
    min_deposit = fields.get("min_deposit")
    if min_deposit and trigger == "manual":
        min_deposit.problem("min_deposit goes with the trigger `first_deposit`: a manual grant has no deposit")
    return Eligibility(
        countries_allow=allow,
        countries_deny=deny,
        segments=_texts(fields.get("segments")),
        players=_players(fields.get("players")),
        currencies=currencies,
        min_deposit=amounts(min_deposit, words.currencies, currencies or words.currencies, 0) if min_deposit else {},
    )


def _countries(place: Place | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if place is None:
        return (), ()
    fields = place.section(("allow", "deny"))
    if len(fields.fields) == 2:
        place.problem("write either `allow` or `deny`, not both")
    allow, deny = (_codes(fields.get(name)) for name in ("allow", "deny"))
    return allow, deny


def _codes(place: Place | None) -> tuple[str, ...]:
    what = "a country; use the two capital letters of ISO 3166, like SE"
    return distinct((item, item.matching(COUNTRY_CODE, what)) for item in place.items()) if place else ()


def _players(place: Place | None) -> tuple[str, ...]:
    what = "a player id: 1 to 128 visible ASCII characters"
    return distinct((item, item.matching(PLAYER_ID, what)) for item in place.items()) if place else ()


def _texts(place: Place | None, words: Sequence[str] = (), what: str = "", where: str = "") -> tuple[str, ...]:
    return distinct((item, known(item, words, what, where)) for item in place.items()) if place else ()


class _Terms:
    """Award and wager terms: amounts are demanded for every currency the campaign is for."""

    def __init__(self, words: Vocabulary, demanded: Sequence[str]) -> None:
        self._words = words
        self._demanded = demanded

    def award(self, place: Place, kind: CampaignType) -> tuple[BonusAward | None, FreeSpinAward | None]:
        fields = place.section(("bonus", "free_spins"))
        bonus, free_spins = fields.get("bonus"), fields.get("free_spins")
        if bonus and kind == "free_spins":
            bonus.problem("a campaign of type `free_spins` awards free spins only; for money use `no_deposit`")
        if kind == "free_spins":
            free_spins = fields.need("free_spins")
        elif kind:
            bonus = fields.need("bonus")
        return self._bonus(bonus, kind) if bonus else None, self._free_spins(free_spins) if free_spins else None

    def _bonus(self, place: Place, kind: CampaignType) -> BonusAward:
        fields = place.section(("match_percent", "max", "fixed"))
        percent, fixed, limit = (fields.get(name) for name in ("match_percent", "fixed", "max"))
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
        fields = place.section(_FREE_SPINS)
        games = fields.need("games")
        found = self._games(games)
        if games.node is not None and not games.items():
            games.problem("there is no game to spend the free spins on")
        return FreeSpinAward(
            count=fields.need("count").integer(1, FREE_SPINS_MAX),
            bet=self._amounts(fields.need("bet"), 1),
            games=found,
            valid_days=fields.need("valid_days").integer(1, VALID_DAYS_MAX),
            wager_multiplier_micro=fields.need("wager_multiplier").decimal(),
            max_win=self._amounts(fields.get("max_win"), 1),
        )

    def wager(self, campaign: Section, *, awards_money: bool) -> WagerTerms | None:
        """The `wager` block. Free spins alone need no multiplier: their winnings have `wager_multiplier` (rules §5)."""
        place = campaign.get("wager")
        if place is None:
            return None
        fields = place.section(_WAGER)
        by_game, by_type = self._contribution(fields.get("contribution"))
        multiplier = fields.need("multiplier") if awards_money else fields.get("multiplier")
        days, order = fields.get("valid_days"), fields.get("funds_order")
        min_bet, max_bet = self._amounts(fields.get("min_bet"), 0), self._amounts(fields.get("max_bet"), 1)
        check_range(place, min_bet, max_bet)
        return WagerTerms(
            multiplier_micro=multiplier.decimal() if multiplier else 0,
            basis=cast(Basis, _word(fields, "basis", get_args(Basis))),
            min_bet=min_bet,
            max_bet=max_bet,
            over_max_bet=cast(OverMaxBet, _word(fields, "over_max_bet", get_args(OverMaxBet))),
            excluded_games=self._games(fields.get("excluded_games")),
            excluded_policy=cast(ExcludedPolicy, _word(fields, "excluded_policy", get_args(ExcludedPolicy))),
            contribution_games=by_game,
            contribution_types=by_type,
            valid_days=days.integer(1, VALID_DAYS_MAX) if days else None,
            max_cashout=self._amounts(fields.get("max_cashout"), 0),
            funds_order=cast(FundsOrder, order.choice(get_args(FundsOrder))) if order else None,
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
        return _texts(place, self._words.games, "game", "games.yaml")

    def _amounts(self, place: Place | None, low: int) -> Amounts:
        return amounts(place, self._words.currencies, self._demanded, low) if place else {}


def _word(fields: Section, name: str, words: Sequence[str]) -> str:
    """One of `words`; the first is what holds when the field is left out."""
    place = fields.get(name)
    return place.choice(words) if place else words[0]


def _check(fields: Section, campaign: Campaign) -> None:
    """What no single field shows: dates in order, and pairs of fields that make no sense together (rules §6)."""
    start, end = fields.get("valid_from"), fields.get("valid_to")
    if start and end and campaign.valid_from_ms and 0 < campaign.valid_to_ms <= campaign.valid_from_ms:
        end.problem("valid_to is not after valid_from: the campaign would never run")
    trigger, wager = fields.get("trigger"), fields.get("wager")
    if trigger and campaign.type == "deposit_match" and campaign.trigger == "manual":
        trigger.problem("deposit_match goes with a deposit trigger; use `first_deposit`")
    if trigger and campaign.type == "no_deposit" and campaign.trigger == "first_deposit":
        trigger.problem("no_deposit does not go with a deposit trigger; use `manual`, or the type `deposit_match`")
    if campaign.bonus and campaign.wager is None:
        fields.need("wager")
    match = campaign.bonus is not None and campaign.bonus.match_percent_micro is not None
    if wager and campaign.wager and campaign.wager.basis == "bonus_plus_deposit" and not match:
        wager.problem("basis `bonus_plus_deposit` needs a bonus with `match_percent`: nothing else matches a deposit")
