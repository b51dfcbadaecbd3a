"""What is remembered of a schedule: one note beside the archive's cursors, fenced by the archive's claim."""

from collections.abc import Sequence

import msgspec

from feeds.reading import Notes
from feeds.reports.schedules.agenda import Period

PREFIX = "reports/"
UNSEALED_MAX = 62
"""Periods delivered as provisional that are still owed in their final form, oldest forgotten first."""


class Standing(msgspec.Struct, frozen=True):
    """`through_ms`: whatever was due up to then is done. `last`: the label of the period delivered last.

    `unsealed` was delivered as provisional, and is owed once more. `sending` is a file that was on its way by mail when
    this was written: whoever reads it in a later life can't know whether it left.
    """

    through_ms: int
    last: str = ""
    unsealed: tuple[Period, ...] = ()
    sending: str = ""


class Standings:
    """The notes of all schedules. Raises StoreError, Fenced, as `Notes` does."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    async def read(self, schedule: str, now_ms: int) -> Standing:
        """A schedule that is new begins now: nobody asked for what was before."""
        key = PREFIX + schedule
        found = (await self._notes.read(key, limit=1)).get(key)
        if found is not None:
            return msgspec.json.decode(found, type=Standing)
        fresh = Standing(now_ms)
        await self.write(schedule, fresh)
        return fresh

    async def write(self, schedule: str, standing: Standing) -> None:
        """Durable when it returns."""
        await self._notes.write({PREFIX + schedule: msgspec.json.encode(standing)})

    async def forget_others(self, schedules: Sequence[str]) -> None:
        """Drops the notes of schedules that are no longer configured."""
        kept = {PREFIX + name for name in schedules}
        found = await self._notes.read(PREFIX)
        if gone := [key for key in found if key not in kept]:
            await self._notes.write(dict.fromkeys(gone))
