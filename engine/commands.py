"""Commands: what a caller asks of one player.

A body says what is asked; `Command` adds the caller's idempotency key and the time the shard accepted it.
Bodies travel as MessagePack arrays tagged with a short name; fields are only ever added at the end.
Amounts are integers in minor units of the player's currency.
"""

from typing import Literal

import msgspec

Mode = Literal["real", "freespin"]


class Body(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all command bodies."""


class Register(Body, tag="register", frozen=True):
    """Registers the player, or updates what is not None. Another currency: `player_exists`."""

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
    """Credits `win` (>= 0) to an open round; closes it when `final`."""

    session_id: str
    win: int
    final: bool = True


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
    """Refuses bets, deposits and grants from now on; settlements still work."""

    reason: str


class Unblock(Body, tag="unblock", frozen=True):
    """Lifts a block."""

    reason: str


class Expire(Body, tag="expire", frozen=True):
    """Due work: `subject_id` (a grant or package) has reached its `valid_to`. Issued by the shard only."""

    subject_id: str


CommandBody = (
    Register | Deposit | Spin | AddBet | Result | CancelRound | Rollback | GrantCampaign | Block | Unblock | Expire
)


class Command(msgspec.Struct, frozen=True, gc=False):
    """A body with its identity and time.

    `id` is `<caller>:<idempotency key>`; `time_ms` is Unix milliseconds, stamped by the shard.
    """

    id: str
    time_ms: int
    body: CommandBody


BETS = (Spin, AddBet)
"""Bodies that take a stake: refused for blocked players, and reversible by a rollback."""
