"""A player's state: what `evolve` folds events into. Mutable, owned by one actor, never shared.

The state is kept in two parts, so that a snapshot of an active player stays cheap: `PlayerState` (money, grants,
rounds) and `engine.state.window.Window` (remembered commands). `Player` holds both.

`grants`, `rounds` and `loyalty` are parts of the state: they are imported from here. `window` and `invariants` belong
to it. Every part of the engine except `catalog` may import this package.
"""

from typing import Literal

import msgspec

from engine.catalog import TimeoutAction
from engine.facts import Signals
from engine.state.grants import LIVE_GRANT_STATES, AwardEnd, FreeSpinPackage, Grant, GrantState, GrantTerms
from engine.state.loyalty import Loyalty, Redemption, RedemptionState
from engine.state.rounds import Bet, Flagged, OpenRound
from engine.state.window import Window

__all__ = [
    "LIVE_GRANT_STATES",
    "AwardEnd",
    "Bet",
    "Flagged",
    "FreeSpinPackage",
    "Grant",
    "GrantState",
    "GrantTerms",
    "Loyalty",
    "OpenRound",
    "Player",
    "PlayerState",
    "Redemption",
    "RedemptionState",
    "Withdrawal",
    "WithdrawalState",
]

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

WithdrawalState = Literal["reserved", "confirmed", "cancelled"]


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
