"""Commands: what a caller asks of one player.

A body says what is asked; `Command` adds the caller's idempotency key and the time the shard accepted it.
Bodies travel as MessagePack arrays tagged with a short name; fields are only ever added at the end.
Amounts are integers in minor units of the player's currency.
"""

from typing import Literal

import msgspec

from engine.facts import NO_FACTS, Facts

Mode = Literal["real", "freespin"]


class Body(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all command bodies."""


class Register(Body, tag="register", frozen=True):
    """Registers the player, or updates what is not None. Another currency is refused with `player_exists`."""

    currency: str
    country: str | None = None
    language: str | None = None
    segments: tuple[str, ...] | None = None


class Deposit(Body, tag="deposit", frozen=True):
    """Credits `amount` (minor units, > 0) of real money, then fires deposit triggers."""

    amount: int
    payment_instrument: str | None = None
    ip: str | None = None
    device: str | None = None


class Spin(Body, tag="spin", frozen=True):
    """Opens a round. With `win` (>= 0) the bet and the win are one step and the round is closed.

    `bet` is required in mode `real`; in mode `freespin` it selects among packages.
    """

    game_id: str
    mode: Mode
    bet: int | None = None
    win: int | None = None
    round_id: str | None = None


class AddBet(Body, tag="add_bet", frozen=True):
    """Adds a stake of `amount` (> 0) to an open round."""

    session_id: str
    amount: int


class Result(Body, tag="result", frozen=True):
    """Credits `win` (>= 0) to an open round; closes it when `final`.

    `settles` is the full command id of the bet that the win belongs to; None: it counts for the whole round (rules §3).
    """

    session_id: str
    win: int
    final: bool = True
    settles: str | None = None


class CancelRound(Body, tag="cancel_round", frozen=True):
    """Reverses all bets of an open round to which nothing has been credited."""

    session_id: str


class Rollback(Body, tag="rollback", frozen=True):
    """Reverses the bet made under `transaction_id` (a full command id: caller and key)."""

    transaction_id: str


class GrantCampaign(Body, tag="grant_campaign", frozen=True):
    """An operator's manual grant of a campaign's award."""

    campaign_id: str
    reason: str


class Block(Body, tag="block", frozen=True):
    """Refuses bets, deposits and grants from now on; results, cancels and rollbacks still work."""

    reason: str


class Unblock(Body, tag="unblock", frozen=True):
    """Lifts a block."""

    reason: str


class ErasePlayer(Body, frozen=True, tag="erase_player"):
    """The player's personal data is to go for good; ledger facts stay (rules §3). Final: it can't be taken back."""

    reason: str


class Expire(Body, tag="expire", frozen=True):
    """Due work: `subject_id` (a grant or package) has reached its `valid_to`. Issued by the shard only."""

    subject_id: str


class ExpireRound(Body, frozen=True, tag="expire_round"):
    """Due work: an open round has reached its time-out (rules §3)."""

    session_id: str


class Inactive(Body, frozen=True, tag="inactive"):
    """Due work: the player has been silent for more than the campaign's days. Done once per silence (rules §6)."""

    campaign_id: str


class FlagForOperator(Body, frozen=True, tag="flag_for_operator"):
    """Follows the refusal, with `code`, of a result or rollback whose `amount` an operator must look at (rules §3).

    `transaction_id` is the bet that a refused rollback names. Issued by the shard only.
    """

    command_id: str
    code: str
    session_id: str
    amount: int
    transaction_id: str = ""


class ClearFlag(Body, frozen=True, tag="clear_flag"):
    """An operator has dealt with a flagged refusal; it is listed no more (rules §3). Unknown: `flag_not_found`."""

    flag_id: str
    reason: str


class ClaimGrant(Body, frozen=True, tag="claim_grant"):
    """The player opts in to an initiated grant."""

    grant_id: str


class CancelGrant(Body, frozen=True, tag="cancel_grant"):
    """The player, or an operator, gives a grant up: what is left of its money is removed."""

    grant_id: str
    reason: str = ""


class ApproveGrant(Body, frozen=True, tag="approve_grant"):
    """An operator approves a grant that waits for a verdict."""

    grant_id: str
    reason: str


class DeclineGrant(Body, frozen=True, tag="decline_grant"):
    """An operator declines a grant that waits for a verdict: the grant ends as declined."""

    grant_id: str
    reason: str


class ReleaseGrant(Body, frozen=True, tag="release_grant"):
    """An operator releases a grant that is held (`min_average_bet`): the grant completes."""

    grant_id: str
    reason: str


class StartSession(Body, frozen=True, tag="start_session"):
    """The player opens a session, which fires `session_start`. A denied country is refused with `geo_blocked`."""

    ip: str | None = None
    device: str | None = None
    country: str | None = None


class PostEvent(Body, frozen=True, tag="post_event"):
    """The platform posts a custom event, which fires `custom_event`.

    `payload` is the event's JSON in one canonical form, or "". It is never interpreted, but a key that is repeated with
    another payload is a conflict.
    """

    name: str
    payload: str = ""


class EnterCode(Body, frozen=True, tag="enter_code"):
    """The player enters a bonus code. A code of no campaign is refused with `code_not_found`."""

    code: str


class ReportBet(Body, frozen=True, tag="report_bet"):
    """A bet on another vertical: it counts for turnover and points, and no money moves here (rules §8)."""

    amount: int
    game_type: str


class RollbackReportedBet(Body, frozen=True, tag="rollback_reported_bet"):
    """Reverses the reported bet made under `transaction_id` (a full command id), or leaves a tombstone."""

    transaction_id: str


class Withdraw(Body, frozen=True, tag="withdraw"):
    """Reserves `amount` of real money (rules §9). Bonuses that would be lost need `forfeit_bonuses`."""

    amount: int
    forfeit_bonuses: bool = False


class ConfirmWithdrawal(Body, frozen=True, tag="confirm_withdrawal"):
    """The reserved money leaves; frozen bonuses are removed."""

    withdrawal_id: str


class CancelWithdrawal(Body, frozen=True, tag="cancel_withdrawal"):
    """The reserved money and the frozen bonuses come back."""

    withdrawal_id: str


class AdjustPoints(Body, frozen=True, tag="adjust_points"):
    """An operator adds whole `points`, or takes them if the number is negative, down to 0 available ones (rules §8)."""

    points: int
    reason: str


class ForceLevel(Body, frozen=True, tag="force_level"):
    """An operator sets the level by hand (rules §8). Unknown: `level_not_found`."""

    level: str
    reason: str


class RequestRedemption(Body, frozen=True, tag="request_redemption"):
    """Locks whole `points` until the redemption is confirmed, cancelled, or lapses (rules §8)."""

    points: int


class ConfirmRedemption(Body, frozen=True, tag="confirm_redemption"):
    """Debits the locked points and grants their worth as free play."""

    redemption_id: str


class CancelRedemption(Body, frozen=True, tag="cancel_redemption"):
    """Unlocks the points."""

    redemption_id: str


class LapseRedemption(Body, frozen=True, tag="lapse_redemption"):
    """Due work: nobody confirmed the redemption in time; its points are unlocked."""

    redemption_id: str


class SweepLevel(Body, frozen=True, tag="sweep_level"):
    """Due work of the UTC day `day` (days since 1970): the player's level falls by one (rules §8)."""

    day: int


class ExpirePoints(Body, frozen=True, tag="expire_points"):
    """Due work of the UTC day `day`: the available points have been idle for too long (rules §8)."""

    day: int


class PayCashback(Body, frozen=True, tag="pay_cashback"):
    """Due work: the week `week` is over and left a loss of real money (rules §8, `engine.loyalty.turnover.week_of`)."""

    week: int


CommandBody = (
    Register
    | Deposit
    | Spin
    | AddBet
    | Result
    | CancelRound
    | Rollback
    | GrantCampaign
    | Block
    | Unblock
    | Expire
    | ExpireRound
    | Inactive
    | FlagForOperator
    | ClearFlag
    | ClaimGrant
    | CancelGrant
    | ApproveGrant
    | DeclineGrant
    | ReleaseGrant
    | StartSession
    | PostEvent
    | EnterCode
    | ReportBet
    | RollbackReportedBet
    | Withdraw
    | ConfirmWithdrawal
    | CancelWithdrawal
    | AdjustPoints
    | ForceLevel
    | RequestRedemption
    | ConfirmRedemption
    | CancelRedemption
    | LapseRedemption
    | SweepLevel
    | ExpirePoints
    | PayCashback
    | ErasePlayer
)


class Command(msgspec.Struct, frozen=True, gc=False):
    """A body with its identity and time.

    `id` is `<caller>:<idempotency key>`; `time_ms` is Unix milliseconds, stamped by the shard.
    """

    id: str
    time_ms: int
    body: CommandBody
    facts: Facts = NO_FACTS
    """What the shard looked up or reserved for it beforehand."""
    real_ms: int = 0
    """Real time (Unix ms) while a sandbox clock runs ahead; 0: `time_ms` is real. Ids age by real time (rules §3)."""


BETS = (Spin, AddBet, ReportBet)
"""Bodies that place a bet. A bet is refused for a blocked player, and a rollback can reverse it."""
ROLLBACKS = (Rollback, RollbackReportedBet)
