"""A player's state: what `evolve` folds events into. Mutable, owned by one actor, never shared.

It is kept in two parts so that a snapshot of an active player stays cheap: `PlayerState` (money, grants, rounds)
and `engine.window.Window` (remembered commands). `Player` holds both.
"""

from typing import Literal

import msgspec

from engine.catalog import ExcludedPolicy, FundsOrder, OverMaxBet
from engine.commands import Mode
from engine.window import Window

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


class Grant(msgspec.Struct, array_like=True):
    """One bonus bucket. `amount` was awarded, `balance` is in the bonus wallet, `wager_total` was required at first.

    `package_id` is set for the winnings of a free spin package, `deposit_id` for what a deposit triggered.
    `void_after_round`: a bet over `max_bet` under the policy `cancel`; ends once its rounds are settled.
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
    """How many bets stand that void it; `void_after_round` is whether there are any."""


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


class Bet(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One stake in an open round: `amount` = `real` + `bonus` (both 0 for a free spin).

    `grant_id` is the grant in wager that paid `bonus` and whose wagering fell by `counted`; `voids`: it was over
    the grant's `max_bet` under the policy `cancel`.
    """

    command_id: str
    amount: int
    real: int
    bonus: int
    grant_id: str | None
    counted: int
    voids: bool = False


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

    def ties(self, grant_id: str) -> bool:
        """Whether the round staked the grant's money, counted for it or voids it: it can't end meanwhile (rules §4)."""
        return any(bet.grant_id == grant_id and (bet.bonus or bet.counted or bet.voids) for bet in self.bets)


class PlayerState(msgspec.Struct, array_like=True):
    """All of a player but the remembered commands. `currency` is empty until the player is registered.

    `grants` are live ones in queue order (first in, first out by grant time); `ended_grants` newest last.
    `awarded` counts awards per campaign, for `limits.per_player`.
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
