"""Bonuses and free spins as a player holds them, and how parts of an award have ended."""

from typing import Literal

import msgspec

from engine.catalog import (
    ExcludedPolicy,
    FundsOrder,
    MaxBetCounts,
    OverMaxBet,
    Verdict,
    WorkflowTransition,
)

GrantState = Literal["initiated", "granted", "in_wager", "completed", "expired", "cancelled", "declined"]
LIVE_GRANT_STATES = frozenset({"initiated", "granted", "in_wager"})


class GrantTerms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A campaign's wager terms resolved to the player's currency and frozen with the grant (rules §4)."""

    multiplier_micro: int
    min_bet: int | None = None
    max_bet: int | None = None
    over_max_bet: OverMaxBet = "reject"
    excluded_games: tuple[str, ...] = ()
    excluded_policy: ExcludedPolicy = "no_progress"
    contribution_games: dict[str, int] = {}
    contribution_types: dict[str, int] = {}
    max_cashout: int | None = None
    funds_order: FundsOrder | None = None
    cancel_on_withdrawal: bool = True
    min_average_bet: int | None = None
    max_bet_counts: MaxBetCounts = "stake"
    """Whether `max_bet` and `min_average_bet` look at a round's stakes together or at each alone. Grants that were
    created before there was a choice look at each alone.
    """


class Grant(msgspec.Struct, array_like=True):
    """One bonus bucket. `amount` was awarded, `balance` is in the bonus wallet, `wager_total` was required at first.

    `package_id` is set for the winnings of a free spin package, `deposit_id` for what a deposit triggered.
    `void_after_round`: a bet was over `max_bet` under the policy `cancel`; the grant ends once its rounds are settled.
    """

    grant_id: str
    campaign_id: str
    state: GrantState
    amount: int
    balance: int
    remaining_wager: int
    wager_total: int
    terms: GrantTerms
    granted_ms: int
    valid_to_ms: int
    source: str
    deposit_id: str | None = None
    package_id: str | None = None
    exhausted: bool = False
    void_after_round: bool = False
    ended_ms: int | None = None
    released: int = 0
    """Money moved to the real wallet at completion."""
    removed: int = 0
    """Money taken away at the end (cash-out cap, expiry, cancellation)."""
    reasons: tuple[str, ...] = ()
    void_bets: int = 0
    """How many bets stand that void the grant; `void_after_round` is whether there are any."""
    frozen: int = 0
    """How many open withdrawals would take the grant: meanwhile it can neither be staked nor complete (rules §9)."""
    created_ms: int = 0
    verdict: Verdict = "allow"
    """The gate's verdict, with its `reasons` (rules §7)."""
    awaits_claim: bool = False
    awaits_approval: bool = False
    workflow: tuple[WorkflowTransition, ...] = ()
    """The grant's path, copied when it was created; empty: the standard one. It is shared with the catalog, never
    changed.
    """
    reservation: str | None = None
    """The id under which the shared limits hold the award."""
    bonus_micro_eur: int = 0
    """The award's bonus money in micro-EUR, for the limits per period."""
    counted_stakes: int = 0
    counted_bets: int = 0
    """Sum and number of the stakes that counted, for `min_average_bet`."""
    held: str | None = None
    """Why the grant is set aside for an operator: `min_average_bet`."""
    pending: "FreeSpinPackage | None" = None
    """The free spins that come with it, while it is not granted; their dates count from 0."""
    valid_ms: int | None = None
    """How long the grant lives once it is granted; None: until `campaign_valid_to_ms`. Before, `valid_to_ms` says when
    it lapses.
    """
    campaign_valid_to_ms: int = 0
    queued_version: int = 0
    """The grant's place in the queue, if it was granted at a later version than the one in its id."""
    level: str | None = None
    """The level whose climbing triggered the award, which is given once per level (rules §6)."""
    redemption_id: str | None = None
    redeemed_points: int = 0
    """The redemption that paid for the grant, and its whole points: they come back if the grant is never granted."""
    beside_bonus: bool = False
    """The grant is winnings of free spins that came beside a bonus. The award is counted by that bonus."""
    wagered_beyond: int = 0
    """By how much standing bets have wagered more than is due, because winnings they wagered for were rolled back."""


class FreeSpinPackage(msgspec.Struct, array_like=True):
    """`remaining` of `count` spins at stake `bet` on `games`; usable while valid_from ≤ t < valid_to (rules §5).

    `won` is the total credited so far, capped by `max_win`; `winnings_grant_id` is where wins go now.
    """

    package_id: str
    campaign_id: str
    count: int
    remaining: int
    bet: int
    games: tuple[str, ...]
    valid_from_ms: int
    valid_to_ms: int
    wager_multiplier_micro: int
    max_win: int | None
    won: int
    winnings_grant_id: str | None
    winnings_terms: GrantTerms
    winnings_valid_ms: int | None
    """How long a winnings grant lives, in ms from its creation; None: until `campaign_valid_to_ms`."""
    campaign_valid_to_ms: int
    frozen: int = 0
    """How many open withdrawals would take the package: meanwhile its spins can't be used (rules §9)."""
    level: str | None = None
    """See `Grant.level`."""
    beside_bonus: bool = False
    """The package came beside a bonus. The award is counted by that bonus (rules §6)."""


class AwardEnd(msgspec.Struct, array_like=True):
    """How parts of an award of free spins alone have ended so far: unused spins, or a grant of winnings (rules §6)."""

    campaign_id: str
    expired: bool = False
    """At least one part ended by its date."""
    otherwise: int = 0
    """How many parts paid money out or were given up. A reversal that reopens such a part lowers the number."""
