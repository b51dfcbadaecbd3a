"""Answers to accepted commands: compact, stored with the command so that a repeat gets the very same one.

They travel and rest as MessagePack arrays; the gateway turns them into JSON. Fields are only added at the end.
All amounts are integers in minor units.
"""

from typing import Final, Literal

import msgspec

from engine.commands import Mode
from engine.state import GrantState, RedemptionState, WithdrawalState

RoundState = Literal["open", "closed", "cancelled"]
OPEN, CLOSED, CANCELLED = range(3)
"""A round's state as answers keep it: as a number, because answers are remembered by the hundred."""
_STATES: Final[tuple[RoundState, ...]] = ("open", "closed", "cancelled")


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all answers."""


class Balance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`bonus` is the money of all grants, `bonus_usable` that of the grant in wager (rules §2).

    `real` is all of the player's own money; `withdrawable` is the part of it that no withdrawal has reserved; only this
    part can be staked (rules §9).
    """

    real: int
    bonus: int
    bonus_usable: int
    withdrawable: int


class Wagering(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The grant in wager after this step: what remains, what this step counted, its bet limit."""

    grant_id: str | None = None
    remaining: int = 0
    counted: int = 0
    max_bet: int | None = None


class Reversal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a one-call round did, exactly, so that a rollback recomputes nothing (rules §2.5).

    The answer's `funds_real` and `funds_bonus` were staked, `won_real` and `won_bonus` were credited. `grant_id` paid
    the bonus part, and its wagering fell by `counted`. `package_id` gave the free spin. `won_grant_id` took the bonus
    win, and its wagering grew by `wager_added`. `voids`: the bet was over `max_bet` and was to cancel `grant_id`.
    """

    grant_id: str | None = None
    counted: int = 0
    package_id: str | None = None
    won_real: int = 0
    won_bonus: int = 0
    won_grant_id: str | None = None
    wager_added: int = 0
    voids: bool = False
    turnover_micro: int = 0
    points_micro: int = 0


class RoundAnswer(Answer, tag="r", frozen=True):
    """Answer to spin, bet, result and cancel, and the picture of a round.

    `funds_real` + `funds_bonus` is the split of the stake; `remaining_spins` is what is left for this game after this
    step; `reversal` is set for one-call rounds only. `staked`: this step took a stake, so that a rollback can name it.
    `flagged`: the round is open beyond its time-out, for an operator to see (rules §3).
    """

    session_id: str
    round_id: str | None
    game_id: str
    mode: Mode
    stage: int
    """OPEN, CLOSED or CANCELLED."""
    bet_amount: int
    win_amount: int
    win_reported: int
    remaining_spins: int
    currency: str
    funds_real: int
    funds_bonus: int
    balance: Balance
    wagering: Wagering
    time_ms: int
    reversal: Reversal | None = None
    staked: bool = False
    flagged: bool = False
    level: str = ""
    points: int = 0
    """Whole points available after this step, rounded down; negative if a reversal took back spent ones (rules §8)."""

    @property
    def state(self) -> RoundState:
        """Its stage by name."""
        return _STATES[self.stage]


class Granted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One award: a grant (`grant_id`), a free spin package (`package_id`), or both.

    `state` is that of the grant when it was created: `granted`, `initiated` (waiting for opt-in or approval) or
    `declined`, with the gate's `reasons` (rules §7).
    """

    campaign_id: str
    grant_id: str | None = None
    amount: int = 0
    package_id: str | None = None
    free_spins: int = 0
    state: GrantState = "granted"
    reasons: tuple[str, ...] = ()


class RegisteredAnswer(Answer, tag="registered", frozen=True):
    """`created`: the player was registered by this command; else the profile was updated."""

    created: bool
    currency: str
    country: str | None
    language: str | None
    segments: tuple[str, ...]


class DepositAnswer(Answer, tag="deposit", frozen=True):
    """The `nth` deposit, the balance after it, and what it triggered."""

    deposit_id: str
    amount: int
    nth: int
    currency: str
    balance: Balance
    granted: tuple[Granted, ...] = ()
    declined: tuple[Granted, ...] = ()


class GrantAnswer(Answer, tag="grant", frozen=True):
    """A manual grant's outcome; its `state` says whether it was granted, waits, or was declined."""

    granted: Granted
    balance: Balance


class RollbackAnswer(Answer, tag="rollback", frozen=True):
    """`kept_grants` are grants the reversed bet had triggered; they stay (rules §3)."""

    status: Literal["rolled_back", "tombstoned"]
    kept_grants: tuple[str, ...] = ()
    session_id: str | None = None
    balance: Balance | None = None


class BlockAnswer(Answer, tag="block", frozen=True):
    """The player's standing after block or unblock."""

    blocked: bool
    reason: str


class ErasedAnswer(Answer, tag="erased", frozen=True):
    """The player's personal data was erased at `erased_ms` (Unix ms)."""

    erased_ms: int


class DueAnswer(Answer, tag="due", frozen=True):
    """The work that was due on `subject_id` is done."""

    subject_id: str


class SessionAnswer(Answer, tag="session", frozen=True):
    """The newest open rounds, to be resumed (`GET /players/{id}` shows all), and what the session triggered."""

    open_rounds: tuple[RoundAnswer, ...]
    granted: tuple[Granted, ...] = ()
    declined: tuple[Granted, ...] = ()
    min_rtp_micro: int | None = None


class AwardsAnswer(Answer, tag="awards", frozen=True):
    """What an event from outside triggered, and the balance after it."""

    balance: Balance
    granted: tuple[Granted, ...] = ()
    declined: tuple[Granted, ...] = ()


class ReportedBetAnswer(Answer, tag="reported_bet", frozen=True):
    """A bet on another vertical, `turnover_micro` micro-EUR of turnover (rules §8), and what it triggered."""

    bet_id: str
    amount: int
    game_type: str
    turnover_micro: int
    granted: tuple[Granted, ...] = ()
    declined: tuple[Granted, ...] = ()
    points_micro: int = 0
    time_ms: int = 0
    level: str = ""


class WithdrawalAnswer(Answer, tag="withdrawal", frozen=True):
    """A withdrawal after this step. `grants` and `packages` are the ids of what its confirmation removes (rules §9)."""

    withdrawal_id: str
    amount: int
    state: WithdrawalState
    currency: str
    balance: Balance
    grants: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    privilege: str = "standard"


class GrantStateAnswer(Answer, tag="grant_state", frozen=True):
    """A grant, or package, after an opt-in, verdict, release or cancellation, and the balance."""

    grant_id: str
    campaign_id: str
    state: GrantState
    reasons: tuple[str, ...]
    balance: Balance


class Points(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The buckets in whole points, each rounded down (rules §8)."""

    available: int
    locked: int
    spent: int
    expired: int
    lifetime: int


class FlagClearedAnswer(Answer, tag="flag_cleared", frozen=True):
    """What an operator has dealt with: the refusal's `code`, its round, and the amount that it could not move."""

    flag_id: str
    code: str
    session_id: str
    amount: int
    reason: str


class PointsAnswer(Answer, tag="points", frozen=True):
    """The buckets after an operator's adjustment."""

    points: Points


class LevelAnswer(Answer, tag="level", frozen=True):
    """The level before and after an operator set it."""

    old: str
    level: str


class RedemptionAnswer(Answer, tag="redemption", frozen=True):
    """A redemption after this step, the buckets, and what its confirmation granted, which may wait for approval."""

    redemption_id: str
    state: RedemptionState
    redeemed: int
    """Whole points."""
    amount: int
    currency: str
    expires_ms: int
    points: Points
    balance: Balance
    granted: tuple[Granted, ...] = ()


AnyAnswer = (
    RoundAnswer
    | RegisteredAnswer
    | DepositAnswer
    | GrantAnswer
    | RollbackAnswer
    | BlockAnswer
    | DueAnswer
    | SessionAnswer
    | AwardsAnswer
    | ReportedBetAnswer
    | WithdrawalAnswer
    | GrantStateAnswer
    | FlagClearedAnswer
    | PointsAnswer
    | LevelAnswer
    | RedemptionAnswer
    | ErasedAnswer
)
