"""What a way to players must offer, and what can come of an attempt."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from actors.routing.breaker import Breaker
from feeds.notifications.words.wording import Wording

Result = Literal["sent", "refused", "later", "failed", "unknown"]
"""`refused`: it never will be taken. `later`: surely not taken now. `failed`: given up. `unknown`: perhaps taken."""


class Sent(msgspec.Struct, frozen=True):
    """What came of an attempt, and why. `why` names neither addresses nor secrets."""

    result: Result
    why: str = ""


class Channel(Protocol):
    """One way to players. Its breaker is asked before each attempt, and told by the channel what came of it."""

    breaker: Breaker
    once: bool
    """Whether an attempt that may have succeeded is never repeated."""

    def usable(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """Those of the addresses that have the channel's form."""

    async def send(self, addresses: Sequence[str], wording: Wording, message_id: str) -> Sent:
        """One attempt to all addresses. Failures are answered, never raised."""

    async def close(self) -> None:
        """Lets go of connections and threads."""
