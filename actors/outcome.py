"""What a caller gets back from a player: an answer, a refusal of the rules, or "not now"."""

from asyncio import Future
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


class Players(Protocol):
    """All players of the platform, wherever they live."""

    def ask(self, player_id: str, command_id: str, body: CommandBody | QueryBody) -> "Future[Outcome]":
        """Sends a command or query to the player's shard; never raises, always resolves within the client's deadline.

        `command_id` is `<caller>:<idempotency key>`, empty for queries.
        """
