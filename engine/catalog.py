"""The catalog as the rules see it: checked, resolved per currency, immutable.

YAML is read and checked elsewhere (`croupier.catalog_files`); these types are what a checked catalog becomes.
Amounts per currency are dicts `currency → minor units`; rates and multipliers are integers in millionths.
"""

from typing import Literal

import msgspec

GameType = Literal["slot", "table", "live", "exclusive"]
FundsOrder = Literal["real_first", "bonus_first"]
OverMaxBet = Literal["reject", "not_counted", "cancel"]
ExcludedPolicy = Literal["no_progress", "real_only"]
CampaignType = Literal["deposit_match", "no_deposit", "free_spins"]
TriggerEvent = Literal["first_deposit", "manual"]
Amounts = dict[str, int]


class Currency(msgspec.Struct, frozen=True):
    """`exponent` digits behind the point; `eur_rate_micro` millionths of a EUR per major unit."""

    exponent: int
    eur_rate_micro: int


class Game(msgspec.Struct, frozen=True):
    """`min_bet` and `max_bet` hold an amount for every currency of the platform."""

    game_id: str
    type: GameType
    provider: str
    min_bet: Amounts
    max_bet: Amounts
    contribution: int
    """Percent of a stake that counts for wagering, from games.yaml (by game, else by type, else 100)."""


class WagerTerms(msgspec.Struct, frozen=True):
    """A campaign's `wager` block (rules §4), amounts per currency."""

    multiplier_micro: int
    basis: Literal["bonus", "bonus_plus_deposit"] = "bonus"
    min_bet: Amounts = {}
    max_bet: Amounts = {}
    over_max_bet: OverMaxBet = "reject"
    excluded_games: tuple[str, ...] = ()
    excluded_policy: ExcludedPolicy = "no_progress"
    contribution_games: dict[str, int] = {}
    contribution_types: dict[str, int] = {}
    valid_days: int | None = None
    max_cashout: Amounts = {}
    funds_order: FundsOrder | None = None


class BonusAward(msgspec.Struct, frozen=True):
    """Either `fixed` amounts, or `match_percent_micro` of a deposit up to `max` per currency."""

    fixed: Amounts = {}
    match_percent_micro: int | None = None
    max: Amounts = {}


class FreeSpinAward(msgspec.Struct, frozen=True):
    """A free spin package (rules §5)."""

    count: int
    bet: Amounts
    games: tuple[str, ...]
    valid_days: int
    wager_multiplier_micro: int
    max_win: Amounts = {}


class Eligibility(msgspec.Struct, frozen=True):
    """Who a campaign is for; an empty tuple or dict means no restriction."""

    countries_allow: tuple[str, ...] = ()
    countries_deny: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    players: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    min_deposit: Amounts = {}


class Campaign(msgspec.Struct, frozen=True):
    """One file of `catalog/campaigns/`. Times are Unix milliseconds, `valid_from` ≤ t < `valid_to`."""

    campaign_id: str
    type: CampaignType
    trigger: TriggerEvent
    valid_from_ms: int
    valid_to_ms: int
    eligibility: Eligibility
    bonus: BonusAward | None
    free_spins: FreeSpinAward | None
    wager: WagerTerms | None
    per_player: int


class Catalog(msgspec.Struct, frozen=True):
    """Everything the rules read. `version` is the content hash of the files it came from."""

    version: str
    currencies: dict[str, Currency]
    funds_order: FundsOrder
    games: dict[str, Game]
    campaigns: dict[str, Campaign]
    dedicated_players: tuple[str, ...] = ()
