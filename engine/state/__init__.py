"""A player's state: what `evolve` folds events into. Mutable, owned by one actor, never shared.

The state is kept in two parts, so that a snapshot of an active player stays cheap: `PlayerState` (money, grants,
rounds) and `engine.state.window.Window` (remembered commands). `Player` holds both.

`window` and `invariants` belong to it. Every part of the engine except `catalog` may import this package.
"""

from typing import Literal

import msgspec

from engine.catalog import (
    ExcludedPolicy,
    FundsOrder,
    MaxBetCounts,
    OverMaxBet,
    TimeoutAction,
    Verdict,
    WorkflowTransition,
)
from engine.commands import Mode
from engine.facts import Signals
from engine.state.window import Window, id_digest

GrantState = Literal["initiated", "granted", "in_wager", "completed", "expired", "cancelled", "declined"]
LIVE_GRANT_STATES = frozenset({"initiated", "granted", "in_wager"})

ENDED_GRANTS_MAX = 32
"""Ended grants kept for display and reversal, oldest dropped first."""
ENDED_PACKAGES_MAX = 16
"""Used up packages kept so that a rollback can give a spin back, oldest dropped first."""
OPEN_ROUNDS_MAX = 64
"""Open rounds per player; one more is refused as `overloaded`."""
BETS_PER_ROUND_MAX = 64
RESULTS_PER_ROUND_MAX = 1_024
"""Results that leave a round open; from then on only a final one is taken."""
LIVE_GRANTS_MAX = 64
GRANTED_RESERVATIONS_MAX = 64
"""Granted reservations remembered, so that the store can be told again after a crash, oldest dropped first."""
BONUS_DAYS_MAX = 400
"""UTC days for which the granted bonus money is kept. No period of a limit is longer."""
OPEN_WITHDRAWALS_MAX = 16
ENDED_WITHDRAWALS_MAX = 16
"""Confirmed and cancelled withdrawals that are still told from unknown ones, oldest dropped first."""
TURNOVER_MAX = 2**62
"""Micro-EUR that are counted of an account's turnover, and of its deposits."""
STORABLE_MAX = 2**64 - 1
"""The largest number that a snapshot can hold."""
TIMED_OUT_ROUNDS_MAX = 64
"""Rounds ended by their time-out that are remembered, oldest dropped first."""
FLAGGED_MAX = 64
"""Refused results and rollbacks kept for an operator, oldest dropped first."""

TURNOVER_DAYS_MAX = 92
"""UTC days of turnover kept: no window is longer."""
POINTS_MAX = 2**53
"""Micro-points a player may have earned: bets earn no more from there on. A thousand such players can be tallied."""
OPEN_REDEMPTIONS_MAX = 16
PAID_WEEKS_MAX = 8
"""Weeks that cashback was paid for and that reversals can still correct, oldest forgotten first."""
ENDED_REDEMPTIONS_MAX = 16
"""Ended redemptions that are still told from unknown ones, oldest dropped first."""

RedemptionState = Literal["locked", "confirmed", "cancelled", "lapsed"]
WithdrawalState = Literal["reserved", "confirmed", "cancelled"]


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


class Bet(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One stake in an open round: `amount` = `real` + `bonus` (both 0 for a free spin).

    `grant_id` is the grant in wager that paid `bonus` and whose wagering fell by `counted`. `voids`: the bet was over
    the grant's `max_bet` under the policy `cancel`.
    """

    command_id: str
    amount: int
    real: int
    bonus: int
    grant_id: str | None
    counted: int
    voids: bool = False
    turnover_micro: int = 0
    """The stake in micro-EUR, converted once when it was placed (rules §2.7)."""
    points_micro: int = 0
    version: int = 0
    """The player's version at which the bet was placed, and when: a reversal takes its turnover off that day."""
    time_ms: int = 0


class OpenRound(msgspec.Struct, array_like=True):
    """A round that is not settled yet. `results` counts credited results."""

    session_id: str
    round_id: str | None
    game_id: str
    mode: Mode
    opened_ms: int
    bets: list[Bet]
    package_id: str | None = None
    results: int = 0
    won_real: int = 0
    won_bonus: int = 0
    reported: int = 0
    result_digests: list[int] = []
    """Ids of the results credited so far, as digests: never forgotten while the round is open (rules §3)."""
    timeout_ms: int | None = None
    """How long the round may stay open, as fixed when it was opened; None: for ever."""
    timeout_action: TimeoutAction = "hold"
    flagged: bool = False
    """The round has passed its time-out and waits for an operator or its result (rules §3)."""
    settled_bets: tuple[str, ...] = ()
    """Ids of the bets that a result has named: they can't be rolled back any more."""
    named_results: int = 0
    """How many of `results` named a bet; the others counted for the whole round."""
    undone_digests: tuple[int, ...] = ()
    """Ids of the bets that were rolled back while the round stayed open, as digests: never forgotten until it ends."""
    counts_when_over: bool = False
    """The round's stakes and wins count for the week in which it ends (rules §8, cashback). In a round that an earlier
    version opened, each stake and win counts at once.
    """

    @property
    def has_whole_result(self) -> bool:
        """Whether a result counted for the whole round: none of its bets can be rolled back any more (rules §3)."""
        return self.results > self.named_results

    def find_bet(self, command_id: str) -> Bet | None:
        """The bet made under that id, if it stands."""
        for bet in self.bets:
            if bet.command_id == command_id:
                return bet
        return None

    def ties(self, grant_id: str) -> bool:
        """Whether the round staked the grant's money, counted for it or voids it: meanwhile the grant can't end
        (rules §4).
        """
        return any(bet.grant_id == grant_id and (bet.bonus or bet.counted or bet.voids) for bet in self.bets)


class Withdrawal(msgspec.Struct, frozen=True, array_like=True):
    """`amount` of real money on its way out (rules §9). `grants` and `packages` are what its confirmation removes."""

    withdrawal_id: str
    amount: int
    state: WithdrawalState
    requested_ms: int
    grants: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    ended_ms: int | None = None
    privilege: str = "standard"
    """How the player's level is served (rules §8, `withdrawal`)."""


class Redemption(msgspec.Struct, frozen=True, array_like=True):
    """Whole `points` on their way to become `amount` minor units of free play (rules §8)."""

    redemption_id: str
    points: int
    amount: int
    state: RedemptionState
    requested_ms: int
    expires_ms: int
    ended_ms: int | None = None


class Loyalty(msgspec.Struct, array_like=True):
    """Level, points and turnover (rules §8). Points are micro-points, turnover is micro-EUR, days count from 1970.

    available + locked + spent + expired = lifetime, always. Points leave `available` as whole points only. No other
    bucket has fractions, so the buckets add up also as they are shown.
    """

    level: str = ""
    """Empty if there was no ladder when the level was last set."""
    level_since_ms: int = 0
    forced: bool = False
    """An operator set the level: no reversal lowers it."""
    qualifying: int = 0
    """The turnover that counts for climbing. Bets up to the player's version `reset_version` no longer count
    (rules §8).
    """
    reset_version: int = 0
    climbed: tuple[str, ...] = ()
    """Levels climbed by bets of rounds still open: their `level_up` campaigns wait (rules §3). A level that is forced
    or lost meanwhile forgets them.
    """
    available: int = 0
    locked: int = 0
    spent: int = 0
    expired: int = 0
    lifetime: int = 0
    """All points that were accrued or added by hand, less what reversals or operators took."""
    idle_since_ms: int = 0
    """The last paid bet, the last points added by hand, or the registration: the months until points expire count from
    here (rules §8).
    """
    unlocked_ms: int = 0
    """When points last came back from a redemption."""
    first_day: int = 0
    days: list[int] = []
    """Turnover by UTC day from `first_day` on, without gaps; at most TURNOVER_DAYS_MAX."""
    week: int = 0
    week_staked: int = 0
    week_won: int = 0
    """Real money staked and won in the rounds that ended in that week, minor units (see `loyalty.turnover.week_of`)."""
    redemptions: dict[str, Redemption] = {}
    """Locked redemptions, and the last ones that ended: each kind oldest first."""
    paid_weeks: dict[int, int] = {}
    """Weeks that cashback was paid for, oldest first, each with the loss it was paid for, less what was reversed since.
    """
    to_take_off: int = 0
    """Losses of those weeks that were reversed since, minor units: the next reckonings count that much less."""


class Flagged(msgspec.Struct, frozen=True, array_like=True):
    """A refused result or rollback that an operator must look at: `code` says why, `amount` is its win (rules §3).

    `transaction_id` is the bet that a rollback named; `session_id` is "" and `amount` 0 if nothing is known of that
    bet.
    """

    command_id: str
    code: str
    session_id: str
    amount: int
    flagged_ms: int
    transaction_id: str = ""

    @property
    def flag_id(self) -> str:
        """The id by which an operator names it.

        The same refusal has the same id, on every shard and after every restart.
        """
        return f"f{id_digest(f'{self.command_id}:{self.amount}'):016x}"


class PlayerState(msgspec.Struct, array_like=True):
    """All of a player except the remembered commands. `currency` is empty until the player is registered.

    `grants` are live ones in queue order (first in, first out by grant time); `ended_grants` newest last.
    `awarded` counts awards per campaign, for `limits.per_player`: what was granted, and what may still be.
    """

    player_id: str
    version: int = 0
    time_ms: int = 0
    currency: str = ""
    country: str | None = None
    language: str | None = None
    segments: tuple[str, ...] = ()
    blocked: str | None = None
    """The reason, while blocked."""
    real: int = 0
    deposits: int = 0
    grants: list[Grant] = []
    ended_grants: list[Grant] = []
    packages: list[FreeSpinPackage] = []
    rounds: dict[str, OpenRound] = {}
    """Open rounds by session id, oldest first."""
    awarded: dict[str, int] = {}
    reserved: int = 0
    """Real money of open withdrawals: part of `real`, but neither stakeable nor withdrawable (rules §9)."""
    withdrawals: dict[str, Withdrawal] = {}
    """Open withdrawals and the last ones that ended: each kind oldest first."""
    turnover_micro: int = 0
    """Stakes of the account's whole life in micro-EUR, those of open rounds included (rules §8)."""
    timed_out: dict[str, TimeoutAction] = {}
    """Rounds ended by their time-out: session id → `refund` or `close`, oldest first (rules §3)."""
    loyalty: Loyalty = msgspec.field(default_factory=Loyalty)
    signals: Signals = Signals()
    """The last signal of each kind, for awards that come without signals (rules §7)."""
    ip_country: str | None = None
    """The country of the last IP."""
    deposited_micro: int = 0
    """All deposits in micro-EUR, each converted when it was made."""
    bonus_days: dict[int, int] = {}
    """Bonus money granted per UTC day (days since 1970), in micro-EUR, oldest first (rules §7)."""
    granted_reservations: list[int] = []
    """The last reservations that were granted, as digests of their ids, oldest first (rule 11)."""
    silence_fired: dict[str, int] = {}
    """`inactive` campaigns that have fired, each with the `active_ms` since which the player was silent then
    (rules §6).
    """
    active_ms: int = 0
    """When the player last registered, deposited, opened a session or bet: silence counts from here (rules §6,
    `inactive`).
    """
    flagged: list[Flagged] = []
    """The last refusals an operator must look at, oldest first (rules §3)."""
    award_ends: dict[str, AwardEnd] = {}
    """By package: how the parts of an award of free spins alone have ended, as long as a reversal could bring one back.
    """
    erased_ms: int | None = None
    """When the player's personal data was erased (rules §3); such a player stays blocked."""


class Player:
    """A live player: state and window. The only mutable thing an actor owns."""

    __slots__ = ("state", "window")

    def __init__(self, state: PlayerState, window: Window | None = None) -> None:
        self.state = state
        self.window = window if window is not None else Window()

    @classmethod
    def new(cls, player_id: str) -> "Player":
        """A player nobody has registered yet, at version 0."""
        return cls(PlayerState(player_id))
