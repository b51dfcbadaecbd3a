"""The catalog as the rules see it: checked, resolved per currency, immutable.

YAML is read and checked elsewhere (`croupier.catalog`); these types are what a checked catalog becomes.
Amounts per currency are dicts `currency → minor units`; rates and multipliers are integers in millionths.

`index` is what a spin looks up in the catalog. Every part of the engine may import both; neither imports another part.
"""

from string import ascii_lowercase, ascii_uppercase
from typing import Final, Literal

import msgspec

GameType = Literal["slot", "table", "live", "exclusive"]
FundsOrder = Literal["real_first", "bonus_first"]
OverMaxBet = Literal["reject", "not_counted", "cancel"]
MaxBetCounts = Literal["round", "stake"]
"""Whether a limit on bets looks at all stakes of a round together, or at each alone (rules §4)."""
ExcludedPolicy = Literal["no_progress", "real_only"]
CampaignType = Literal["deposit_match", "no_deposit", "free_spins", "points_multiplier"]
TriggerEvent = Literal[
    "first_deposit",
    "deposit",
    "session_start",
    "custom_event",
    "turnover_reached",
    "deposit_total_reached",
    "level_up",
    "inactive",
    "code",
    "manual",
    "none",
    "redemption",
    "cashback",
]
"""`none`: a points multiplier needs no trigger; it holds from valid_from to valid_to. The last two belong to loyalty.
"""
Verdict = Literal["allow", "review", "deny"]
TimeoutAction = Literal["hold", "refund", "close"]
DowngradeRule = Literal["previous_level_threshold", "own_level_threshold"]
Amounts = dict[str, int]

REDEMPTION: Final = "redemption"
CASHBACK: Final = "cashback"
"""Ids of the two campaigns that levels.yaml makes: no file may use them."""


class RoundTimeout(msgspec.Struct, frozen=True):
    """What happens to a round that is open for longer than `after_ms` (rules §3)."""

    after_ms: int
    action: TimeoutAction = "hold"


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
    round_timeout: RoundTimeout | None = None
    """The game's own; None: the platform's."""
    max_bet_counts: MaxBetCounts = "round"
    rtp_micro: int | None = None
    """The return to player that the game is built for, in millionths: only reports ask for it."""


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
    min_average_bet: Amounts = {}
    cancel_on_withdrawal: bool = True
    max_bet_counts: MaxBetCounts = "round"


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


_ASCII_UPPER: Final = str.maketrans(ascii_lowercase, ascii_uppercase)


class TriggerCondition(msgspec.Struct, frozen=True):
    """What a trigger's event must satisfy (rules §6); only the field that belongs to the event is set."""

    nth: int | None = None
    """`deposit`: only the nth; None: any."""
    name: str | None = None
    """`custom_event`."""
    eur_micro: int | None = None
    """`turnover_reached`, `deposit_total_reached`: the threshold in micro-EUR."""
    to: str | None = None
    """`level_up`: the level climbed to; None: any."""
    days: int | None = None
    """`inactive`: more than so many days of silence."""
    code: str | None = None
    """`code`: as `ascii_upper` writes it."""


def ascii_upper(code: str) -> str:
    """A bonus code as it is compared: a-z become A-Z, and nothing else changes (rules §6).

    `str.upper` would turn a dotless i into an I and a long s into an S: other codes would redeem this one.
    """
    return code.translate(_ASCII_UPPER)


class Limits(msgspec.Struct, frozen=True):
    """Shared by all players, except `per_player` which is the campaign's own field (rules §6)."""

    per_ip: int | None = None
    per_device: int | None = None
    budget_micro_eur: int | None = None


class WorkflowTransition(msgspec.Struct, frozen=True, array_like=True):
    """From `source` to `target` on `on`, if every guard of `when` holds; then the actions of `do` (rules §4)."""

    source: str
    on: str
    when: tuple[str, ...]
    do: tuple[str, ...]
    target: str


class Workflow(msgspec.Struct, frozen=True, array_like=True):
    """The path of a grant as data: one file of `catalog/workflows/`; copied into the grant when it is created."""

    workflow_id: str
    transitions: tuple[WorkflowTransition, ...]


class FraudRule(msgspec.Struct, frozen=True):
    """The verdict if more than `more_than` other players used the same signal (rules §7)."""

    verdict: Verdict
    more_than: int = 0


class PeriodLimit(msgspec.Struct, frozen=True):
    """At most `micro_eur` of bonus money in any `period_days` UTC days."""

    period_days: int
    micro_eur: int


class FraudRules(msgspec.Struct, frozen=True):
    """`fraud.yaml`. `rules` by name: shared_device, shared_instrument, shared_ip, country_mismatch (rules §7)."""

    window_days: int = 30
    rules: dict[str, FraudRule] = {}
    denied_countries: tuple[str, ...] = ()
    max_bonus_per_player: PeriodLimit | None = None
    max_bonus_per_ip: PeriodLimit | None = None


class Eligibility(msgspec.Struct, frozen=True):
    """Who a campaign is for; an empty tuple or dict means no restriction."""

    countries_allow: tuple[str, ...] = ()
    countries_deny: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    players: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    min_deposit: Amounts = {}
    levels: tuple[str, ...] = ()


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
    condition: TriggerCondition = TriggerCondition()
    limits: Limits = Limits()
    workflow: str = "standard"
    opt_in: bool = False
    claim_days: int | None = None
    """An initiated grant lapses after so many days; None: with the campaign."""
    points_multiplier_micro: int | None = None


class Privileges(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a level gives (rules §8). `min_rtp_micro`: the lowest return to player of a game variant, in millionths."""

    bonus_multiplier_micro: int = 1_000_000
    cashback_percent_micro: int = 0
    manager: str = "none"
    min_rtp_micro: int | None = None
    withdrawal: str = "standard"
    offers: tuple[str, ...] = ()


class Level(msgspec.Struct, frozen=True):
    """One rung of the ladder: reached with `threshold_micro` micro-EUR of qualifying turnover (rules §8)."""

    level_id: str
    threshold_micro: int
    privileges: Privileges


class PointRules(msgspec.Struct, frozen=True):
    """How bets earn points: `factors` are micro-points per EUR by game type (`per_eur` × the type's multiplier)."""

    factors: dict[str, int]
    expire_after_months: int | None = None
    """Calendar months without a paid bet after which points expire; None: never."""


class RedemptionRules(msgspec.Struct, frozen=True):
    """What points are worth. Confirming one grants `campaign`, which carries its wager terms (rules §8)."""

    points_per_eur: int
    min_points: int
    step: int
    lock_ms: int
    campaign: Campaign


class DowngradeRules(msgspec.Struct, frozen=True):
    """When a level is lost; `window_days` are the days of the rolling turnover (rules §8)."""

    rule: DowngradeRule = "previous_level_threshold"
    window_days: int = 30
    grace_days: int = 30


class CashbackRules(msgspec.Struct, frozen=True):
    """Weekly from Monday 00:00 UTC; granted as `campaign`, which carries its wager terms (rules §8)."""

    min_amount: Amounts
    campaign: Campaign


class LoyaltyRules(msgspec.Struct, frozen=True):
    """`levels.yaml`. `levels` climb from a threshold of 0; `rungs` is each level's place in them."""

    levels: tuple[Level, ...]
    rungs: dict[str, int]
    points: PointRules
    downgrade: DowngradeRules | None = None
    """None: levels are for life."""
    redemption: RedemptionRules | None = None
    cashback: CashbackRules | None = None


class FourEyes(msgspec.Struct, frozen=True):
    """What one person proposes and another one approves (`platform.yaml`); by default nothing.

    `points`: adjustments by more points than these, up or down. `campaign_budget_micro_eur`: campaigns with a larger
    budget, or none, that are new or whose budget is raised.
    """

    points: int | None = None
    forced_level: bool = False
    campaign_budget_micro_eur: int | None = None


class Catalog(msgspec.Struct, frozen=True):
    """Everything the rules read. `version` is the content hash of the files it came from."""

    version: str
    currencies: dict[str, Currency]
    funds_order: FundsOrder
    games: dict[str, Game]
    campaigns: dict[str, Campaign]
    dedicated_players: tuple[str, ...] = ()
    workflows: dict[str, Workflow] = {}
    fraud: FraudRules = FraudRules()
    round_timeout: RoundTimeout | None = None
    flags: dict[str, bool] = {}
    geo_database: str | None = None
    """Path of a MaxMind-format database, from platform.yaml."""
    loyalty: LoyaltyRules | None = None
    """None: no points and no levels."""
    in_force_ms: int = 0
    """Since when the catalog is in force; the shard sets it. A catalog makes nothing due before that time."""
    four_eyes: FourEyes = FourEyes()
