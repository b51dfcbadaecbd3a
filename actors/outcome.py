"""What a caller gets back from a player: an answer, a refusal of the rules, or "not now"."""

import asyncio
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from engine.commands import CommandBody
from engine.queries import QueryBody
from engine.rejections import Rejection
from engine.views import AnyReply

UnavailableCode = Literal["shard_unavailable", "journal_unavailable", "outcome_unknown", "overloaded"]


class Answered(msgspec.Struct, frozen=True, gc=False):
    """`replayed`: the command was accepted before, and this is its first answer again."""

    answer: AnyReply
    replayed: bool = False


class Unavailable(msgspec.Struct, frozen=True, gc=False):
    """The shard can't answer now. It is safe to repeat the request with the same id after `retry_after_s` seconds."""

    code: UnavailableCode
    detail: str
    retry_after_s: int = 1


Outcome = Answered | Rejection | Unavailable

NEVER_SENT = Unavailable("shard_unavailable", "The player's shard can't be reached now.")
NO_ANSWER = Unavailable("outcome_unknown", "The player's shard did not answer in time; repeat with the same key.")
OUT_OF_REACH = (NEVER_SENT, NO_ANSWER)
"""What is said for a shard that does not speak for itself."""

OnOutcome = Callable[[Outcome], None]
"""Called exactly once with what became of a request; must not raise."""


class Players(Protocol):
    """All players of the platform, wherever they live."""

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        """Sends a command or query to the player's shard.

        `on_outcome` is called within the client's deadline, in the worst case before `submit` returns. `command_id` is
        `<caller>:<idempotency key>`, empty for queries.
        """


def ask(players: Players, player_id: str, command_id: str, body: CommandBody | QueryBody) -> "asyncio.Future[Outcome]":
    """As `Players.submit`, for those who would rather await the outcome. The future never raises."""
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def resolve(outcome: Outcome) -> None:
        if not future.done():  # as it is if whoever waited was cancelled
            future.set_result(outcome)

    players.submit(player_id, command_id, body, resolve)
    return future
