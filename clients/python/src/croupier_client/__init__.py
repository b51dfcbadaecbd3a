"""Spins on Croupier, for game servers: `Croupier` and `AsyncCroupier` over HTTP, their `stream()` for the most speed.

All four have the same methods (`croupier_client.commands`), answers (`croupier_client.answers`) and errors
(`croupier_client.errors`). A call is repeated with the same key until it is answered or its deadline has passed.
"""

from croupier_client.answers import Balance, Funds, Loyalty, Mode, RollbackAnswer, RoundState, SpinAnswer, Wagering
from croupier_client.errors import (
    CroupierError,
    NotSent,
    OutcomeUnknown,
    Refused,
    StreamClosed,
    StreamFull,
    Unanswered,
    Unauthenticated,
)
from croupier_client.http import AsyncCroupier, Croupier
from croupier_client.retrying import RetryPolicy
from croupier_client.stream.blocking import SyncSpinStream
from croupier_client.stream.stream import SpinStream

__all__ = [
    "AsyncCroupier",
    "Balance",
    "Croupier",
    "CroupierError",
    "Funds",
    "Loyalty",
    "Mode",
    "NotSent",
    "OutcomeUnknown",
    "Refused",
    "RetryPolicy",
    "RollbackAnswer",
    "RoundState",
    "SpinAnswer",
    "SpinStream",
    "StreamClosed",
    "StreamFull",
    "SyncSpinStream",
    "Unanswered",
    "Unauthenticated",
    "Wagering",
]
