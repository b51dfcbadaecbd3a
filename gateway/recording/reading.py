"""The control log read backwards, newest first, by whoever may see it.

A gateway serves spins beside it, so entries are looked at in slices that take less than a millisecond each.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from engine.control_entries import ControlEntry, decode_control_entry
from gateway.ports import ControlLogPort
from gateway.recording.archived import ArchivedEntries

FETCHED: Final = 1_000
"""Entries that the store is asked for at once."""
SLICE: Final = 200
"""Entries that are looked at before others have their turn."""
CLOCK_SLACK_MS: Final = 600_000
"""Entries are in the order in which they were stored; the clocks of those who wrote them may differ by so much."""

Numbered = tuple[int, ControlEntry]


class Wanted(msgspec.Struct, frozen=True):
    """Which entries are asked for; a field that is empty restricts nothing. `from_ms` ≤ time < `to_ms`, Unix ms."""

    player_id: str = ""
    operation: str = ""
    """A part of the operation: `/loyalty/points/add`, or `croupier bus`."""
    actor: str = ""
    """Who did it, or approved it."""
    outcome: str = ""
    from_ms: int | None = None
    to_ms: int | None = None

    def takes(self, entry: ControlEntry) -> bool:
        """Whether the entry is one of them."""
        return (
            (not self.player_id or entry.player_id == self.player_id)
            and self.operation.lower() in entry.operation.lower()
            and (not self.actor or self.actor in (entry.who, entry.approved_by))
            and (not self.outcome or self.outcome == entry.outcome)
            and (self.from_ms is None or entry.time_ms >= self.from_ms)
            and (self.to_ms is None or entry.time_ms < self.to_ms)
        )

    def may_take(self, encoded: bytes) -> bool:
        """False for encoded entries that need no further look: MessagePack holds texts as they are."""
        return self.player_id.encode() in encoded and self.actor.encode() in encoded


async def newest_first(
    port: ControlLogPort, wanted: Wanted, before: int | None, archived: ArchivedEntries | None = None
) -> AsyncIterator[Numbered]:
    """The wanted entries with numbers below `before` (None: all); from the archive those that the store no longer has.

    Raises LogUnavailable.
    """
    while found := await _fetched(port, before, archived):
        for begin in range(0, len(found), SLICE):
            for number, encoded in found[begin : begin + SLICE]:
                if wanted.may_take(encoded):
                    entry = decode_control_entry(encoded)
                    if wanted.takes(entry):
                        yield number, entry
            await asyncio.sleep(0)
        before, oldest = found[-1]
        if wanted.from_ms is not None and decode_control_entry(oldest).time_ms < wanted.from_ms - CLOCK_SLACK_MS:
            return


async def _fetched(
    port: ControlLogPort, before: int | None, archived: ArchivedEntries | None
) -> Sequence[tuple[int, bytes]]:
    found = await port.before(before, FETCHED)
    if found or archived is None or before is None:
        return found
    return await archived.before(before, FETCHED)


async def begins_later(port: ControlLogPort, wanted: Wanted) -> Numbered | None:
    """The oldest entry that is here, if older ones may be wanted, too, and are in the archive only.

    None: all that is wanted is here. Raises LogUnavailable.
    """
    oldest = await port.oldest()
    if oldest is None or oldest[0] == 1:
        return None
    entry = decode_control_entry(oldest[1])
    if wanted.from_ms is not None and entry.time_ms < wanted.from_ms - CLOCK_SLACK_MS:
        return None
    return oldest[0], entry
