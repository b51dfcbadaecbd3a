"""Events: what happened to one player, as facts with exact deltas. Applying one can never fail.

An event has the platform's name where there is one. Events stay in the journal for years: fields are only added at the
end, with a default; tags never change. Amounts are minor units.

Some are defined in `base`, `grants` and `loyalty`; everybody may import all of them from here.
"""

import msgspec

from engine.catalog import TimeoutAction
from engine.commands import Mode
from engine.events.base import Event as Event
from engine.events.grants import BonusGranted as BonusGranted
from engine.events.grants import BonusRedeemed as BonusRedeemed
from engine.events.grants import FreeSpinsCancelled as FreeSpinsCancelled
from engine.events.grants import FreeSpinsExpired as FreeSpinsExpired
from engine.events.grants import FreeSpinsGranted as FreeSpinsGranted
from engine.events.grants import GrantActivated as GrantActivated
from engine.events.grants import GrantApproved as GrantApproved
from engine.events.grants import GrantCancelled as GrantCancelled
from engine.events.grants import GrantClaimed as GrantClaimed
from engine.events.grants import GrantCreated as GrantCreated
from engine.events.grants import GrantDeclined as GrantDeclined
from engine.events.grants import GrantExhausted as GrantExhausted
from engine.events.grants import GrantExpired as GrantExpired
from engine.events.grants import GrantHeld as GrantHeld
from engine.events.grants import GrantHoldLifted as GrantHoldLifted
from engine.events.grants import GrantMoved as GrantMoved
from engine.events.grants import GrantReleased as GrantReleased
from engine.events.grants import GrantReopened as GrantReopened
from engine.events.grants import PlayerNotified as PlayerNotified
from engine.events.grants import SilenceNoticed as SilenceNoticed
from engine.events.loyalty import CashbackSettled as CashbackSettled
from engine.events.loyalty import LevelChanged as LevelChanged
from engine.events.loyalty import LevelUpDue as LevelUpDue
from engine.events.loyalty import PointsAdjusted as PointsAdjusted
from engine.events.loyalty import PointsExpired as PointsExpired
from engine.events.loyalty import PointsReturned as PointsReturned
from engine.events.loyalty import RedemptionConfirmed as RedemptionConfirmed
from engine.events.loyalty import RedemptionEnded as RedemptionEnded
from engine.events.loyalty import RedemptionRequested as RedemptionRequested


class PlayerRegistered(Event, tag="PlayerRegistered", frozen=True):
    """`level` is the lowest one, empty without a ladder. `exponent` is the currency's; None: it was not recorded."""

    currency: str
    country: str | None
    language: str | None
    segments: tuple[str, ...]
    level: str = ""
    exponent: int | None = None


class PlayerUpdated(Event, tag="PlayerUpdated", frozen=True):
    """The full profile after the update."""

    country: str | None
    language: str | None
    segments: tuple[str, ...]


class PlayerBlocked(Event, tag="PlayerBlocked", frozen=True):
    reason: str


class PlayerUnblocked(Event, tag="PlayerUnblocked", frozen=True):
    reason: str


class PlayerErased(Event, tag="PlayerErased", frozen=True):
    """Whatever tells who the player is was erased: the account is closed for good (rules §3)."""

    reason: str


class DepositMade(Event, tag="DepositMade", frozen=True):
    """The player's `nth` deposit."""

    deposit_id: str
    amount: int
    nth: int
    payment_instrument: str | None = None
    ip: str | None = None
    device: str | None = None
    ip_country: str | None = None
    micro_eur: int = 0


class BetPlaced(Event, tag="BetPlaced", frozen=True):
    """A stake, split into `real` and `bonus` (rules §2). `opens`: the first bet of its round.

    A free spin has `package_id`, its stake as `amount`, and takes nothing. `voids_grant`: the stake is over `max_bet`
    under the policy `cancel`. `turnover_micro`: the stake in micro-EUR, 0 for a free spin (rules §2.7, §8). The first
    bet of a round that stays open fixes its time-out.
    """

    session_id: str
    game_id: str
    mode: Mode
    amount: int
    real: int
    bonus: int
    grant_id: str | None
    counted: int
    opens: bool
    round_id: str | None = None
    package_id: str | None = None
    voids_grant: bool = False
    turnover_micro: int = 0
    timeout_ms: int | None = None
    timeout_action: TimeoutAction = "hold"
    points_micro: int = 0


class WinCredited(Event, tag="WinCredited", frozen=True):
    """`reported` is what the game said; `real` + `bonus` is what was credited (rules §2.4, §5).

    `grant_id` took `bonus`; for free spin winnings its amount grows by `bonus` and its wagering by `wager_added`.
    `closes`: the round ends with this. `settles` is the bet that the win belongs to; None: it counts for the whole
    round.
    """

    session_id: str
    reported: int
    real: int
    bonus: int
    grant_id: str | None
    wager_added: int
    closes: bool
    settles: str | None = None


class GrantDelta(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Signed changes to one grant. `void_bets`: bets over `max_bet` that were to cancel it.

    `counted_stakes` is the sum of the stakes that counted; their mean is this sum divided by `counted_bets`. `released`
    and `removed` are corrected for a grant that stays ended: what it paid out, and what it lost. `wagered_beyond`: by
    how much the bets that stand have wagered more than is due.
    """

    grant_id: str
    balance: int
    remaining_wager: int
    amount: int = 0
    wager_total: int = 0
    void_bets: int = 0
    counted_stakes: int = 0
    counted_bets: int = 0
    released: int = 0
    removed: int = 0
    wagered_beyond: int = 0


class DayDelta(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Signed changes to one UTC day: turnover in micro-EUR, real money staked and won in minor units (rules §8).

    The real money matters only if the round had been counted for the cashback of a week. A round that was still open
    had not been counted.
    """

    day: int
    turnover_micro: int
    staked: int = 0
    won: int = 0


class RoundReversed(Event, tag="RoundReversed", frozen=True):
    """Bets of a round undone (cancel or rollback), and in a one-call round the win with them.

    `real` and `grants` are signed deltas; `spins` go back to `package_id`, whose total win falls by `package_won`;
    `tombstones` are the command ids that from now on answer `rolled_back`; `turnover_micro`, `points_micro` and
    `qualifying_micro` are signed deltas too, and `days` those of the days the bets were made on. `kept_grants` and
    packages had been triggered by the bet and stay (rules §3). `stays_open`: only the bets in `tombstones` are undone,
    and the round goes on with the others.
    """

    session_id: str
    game_id: str
    real: int
    grants: tuple[GrantDelta, ...]
    package_id: str | None
    spins: int
    package_won: int
    tombstones: tuple[str, ...]
    turnover_micro: int = 0
    kept_grants: tuple[str, ...] = ()
    points_micro: int = 0
    qualifying_micro: int = 0
    days: tuple[DayDelta, ...] = ()
    stays_open: bool = False


class BetTombstoned(Event, tag="BetTombstoned", frozen=True):
    """A rollback came before its bet: a bet arriving later under `command_id` is refused.

    `session_id` is set if the bet had come before and its round was cancelled.
    """

    command_id: str
    session_id: str | None = None


class SessionStarted(Event, tag="SessionStarted", frozen=True):
    """`country` is where the player claims to be, `ip_country` where the IP belongs to (rules §7).

    `min_rtp_micro`: the return to player that the level asks of games launched from the session (rules §8).
    """

    ip: str | None = None
    device: str | None = None
    country: str | None = None
    ip_country: str | None = None
    min_rtp_micro: int | None = None


class CustomEventPosted(Event, tag="CustomEventPosted", frozen=True):
    name: str


class BetReported(Event, tag="BetReported", frozen=True):
    """A bet on another vertical: it counts for turnover and points only (rules §8)."""

    game_type: str
    amount: int
    turnover_micro: int
    points_micro: int = 0


class ReportedBetReversed(Event, tag="ReportedBetReversed", frozen=True):
    """The deltas are signed as in `RoundReversed`; what the bet had triggered stays as `kept_grants`."""

    command_id: str
    turnover_micro: int
    kept_grants: tuple[str, ...] = ()
    points_micro: int = 0
    qualifying_micro: int = 0
    days: tuple[DayDelta, ...] = ()


class RoundFlagged(Event, tag="RoundFlagged", frozen=True):
    """The round has been open for longer than its time-out: it stays open, for an operator to see (rules §3)."""

    session_id: str


class RoundTimedOut(Event, tag="RoundTimedOut", frozen=True):
    """The time-out ended the round (rules §3).

    `refund`: its bets were reversed before this event. `close`: it ended as it stood.
    """

    session_id: str
    game_id: str
    action: TimeoutAction


class FlaggedForOperator(Event, tag="FlaggedForOperator", frozen=True):
    """A result or rollback was refused with `code`; its `amount`, minor units, waits for an operator (rules §3).

    `transaction_id` is the bet that a rollback named.
    """

    command_id: str
    code: str
    session_id: str
    amount: int
    transaction_id: str = ""


class FlagCleared(Event, tag="FlagCleared", frozen=True):
    """An operator has dealt with a flagged refusal, and says how in `reason` (rules §3)."""

    flag_id: str
    code: str
    session_id: str
    amount: int
    reason: str


class WithdrawalRequested(Event, tag="WithdrawalRequested", frozen=True):
    """`amount` of real money is reserved; `grants` and `packages` are frozen (rules §9).

    `privilege`: how the player's level is served (rules §8, `withdrawal`).
    """

    withdrawal_id: str
    amount: int
    grants: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    privilege: str = "standard"


class WithdrawalConfirmed(Event, tag="WithdrawalConfirmed", frozen=True):
    """The money has left.

    What the withdrawal takes away is told by `GrantCancelled` and `FreeSpinsCancelled` before this event.
    """

    withdrawal_id: str
    amount: int


class WithdrawalCancelled(Event, tag="WithdrawalCancelled", frozen=True):
    """The money, and what was frozen for it alone, is usable again."""

    withdrawal_id: str
    amount: int


AnyEvent = (
    PlayerRegistered
    | PlayerUpdated
    | PlayerBlocked
    | PlayerUnblocked
    | DepositMade
    | BetPlaced
    | WinCredited
    | RoundReversed
    | BetTombstoned
    | GrantCreated
    | GrantActivated
    | BonusRedeemed
    | GrantExhausted
    | GrantExpired
    | GrantCancelled
    | GrantReopened
    | FreeSpinsGranted
    | FreeSpinsExpired
    | SessionStarted
    | CustomEventPosted
    | BetReported
    | ReportedBetReversed
    | RoundFlagged
    | RoundTimedOut
    | FlaggedForOperator
    | FlagCleared
    | WithdrawalRequested
    | WithdrawalConfirmed
    | WithdrawalCancelled
    | FreeSpinsCancelled
    | GrantClaimed
    | GrantApproved
    | GrantDeclined
    | BonusGranted
    | GrantHeld
    | GrantHoldLifted
    | GrantReleased
    | PlayerNotified
    | GrantMoved
    | SilenceNoticed
    | LevelChanged
    | LevelUpDue
    | PointsAdjusted
    | PointsExpired
    | PointsReturned
    | RedemptionRequested
    | RedemptionConfirmed
    | RedemptionEnded
    | CashbackSettled
    | PlayerErased
)
