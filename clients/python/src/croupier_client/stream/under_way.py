"""Which call is where: waiting to be sent, on the wire, or resting before a repeat. It does no I/O and reads no clock.

At most `in_flight_max` calls are on the wire, by the server's word. A call that nobody waits for any more keeps its
place there until its answer comes, because the server counts it too.
"""

from asyncio import Future
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from croupier_client.calls import Call
from croupier_client.errors import Refused
from croupier_client.stream.wire import ARRAY_HEAD_BYTES, Hello, array

WAITING_MAX: Final = 65_536
"""Calls that may wait to be sent, unless the caller says otherwise."""


class Pending:
    """A call without an answer. `ends_at`, `not_before`: seconds of the loop's clock."""

    __slots__ = ("attempts", "call", "encoded", "ends_at", "future", "last", "not_before")

    def __init__(self, call: Call[Any], encoded: bytes, future: "Future[Any]", ends_at: float) -> None:
        self.call = call
        self.encoded = encoded
        self.future = future
        self.ends_at = ends_at
        self.not_before = 0.0
        self.attempts = 0
        self.last: Refused | None = None


class UnderWay:
    """All calls of a stream that have no answer yet."""

    def __init__(self) -> None:
        self._waiting: deque[Pending] = deque()
        self._on_wire: dict[int, Pending] = {}
        self._resting: list[Pending] = []
        self._hello = Hello(1, 1)

    def add(self, pending: Pending) -> None:
        """A new call; it waits to be sent."""
        self._waiting.append(pending)

    @property
    def unsent(self) -> int:
        """Calls that wait to be sent, now or after a rest."""
        return len(self._waiting) + len(self._resting)

    def welcomed(self, hello: Hello) -> None:
        """A new connection, with its limits."""
        self._hello = hello

    def take(self) -> tuple[bytes, list[Pending]]:
        """The next message, b"" if there is nothing to be sent now; and calls too long for any message."""
        encoded: list[bytes] = []
        too_long: list[Pending] = []
        left = self._hello.message_bytes_max - ARRAY_HEAD_BYTES
        while self._waiting and len(self._on_wire) < self._hello.in_flight_max:
            pending = self._waiting[0]
            size = len(pending.encoded)
            if size > left and encoded:
                break
            self._waiting.popleft()
            if pending.future.done():
                continue
            if size > left:
                too_long.append(pending)
                continue
            left -= size
            pending.attempts += 1
            self._on_wire[pending.call.id] = pending
            encoded.append(pending.encoded)
        return (array(encoded) if encoded else b""), too_long

    def answered(self, call_id: int) -> Pending | None:
        """The call of an answer, off the wire now; None if there is no such call."""
        return self._on_wire.pop(call_id, None)

    def rest(self, pending: Pending, not_before: float) -> None:
        """Puts a call aside that is to be repeated, but not yet."""
        pending.not_before = not_before
        self._resting.append(pending)

    def lost(self) -> None:
        """The connection ended: what was on the wire waits again, before all else and in the order it was sent."""
        self._waiting.extendleft(reversed(self._on_wire.values()))
        self._on_wire.clear()

    def wake(self, now: float) -> bool:
        """Calls that have rested wait to be sent again; whether there were any."""
        rested = [pending for pending in self._resting if pending.not_before <= now]
        if rested:
            self._resting = [pending for pending in self._resting if pending.not_before > now]
            self._waiting.extend(rested)
        return bool(rested)

    def overdue(self, now: float) -> list[Pending]:
        """Calls whose deadline has passed. Whoever ends them sets their future, and says `forget_done` then."""
        return [pending for pending in self if pending.ends_at <= now]

    def forget_done(self) -> None:
        """Drops what nobody waits for any more and what is not on the wire."""
        if any(pending.future.done() for pending in chain(self._waiting, self._resting)):
            self._waiting = deque(pending for pending in self._waiting if not pending.future.done())
            self._resting = [pending for pending in self._resting if not pending.future.done()]

    def __iter__(self) -> Iterator[Pending]:
        """All calls that somebody waits for."""
        everywhere = chain(self._on_wire.values(), self._waiting, self._resting)
        return (pending for pending in everywhere if not pending.future.done())

    def clear(self) -> None:
        """Forgets all calls."""
        self._waiting.clear()
        self._on_wire.clear()
        self._resting.clear()
