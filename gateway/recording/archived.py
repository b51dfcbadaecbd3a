"""Entries of the control log that the store no longer has: the archive's reader tells them."""

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.ports import ControlUnavailable, LogUnavailable, ReadersPort

READER: Final = "archive"


class _Said(msgspec.Struct):
    outcome: str
    entries: Sequence[tuple[int, bytes]] = ()
    detail: str = ""


class ArchivedEntries:
    """Reads on where the store's entries end, through at most `most` entries (None: through all).

    `stopped_before` is the number at which it stopped for that.
    """

    def __init__(self, readers: ReadersPort, most: int | None) -> None:
        self._readers, self._left = readers, most
        self.stopped_before: int | None = None

    async def before(self, number: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """At most `limit` encoded entries with numbers below `number`, newest first; none at the end.

        Raises LogUnavailable.
        """
        if number <= 1:
            return ()
        if self._left is not None and self._left <= 0:
            self.stopped_before = number
            return ()
        found = await self._asked(number, limit)
        if self._left is not None:
            self._left -= len(found)
        return found

    async def _asked(self, number: int, limit: int) -> Sequence[tuple[int, bytes]]:
        asked = msgspec.json.encode({"do": "control", "before": number, "limit": limit})
        try:
            said = msgspec.json.decode(await self._readers.ask_reader(READER, asked), type=_Said)
        except (ControlUnavailable, msgspec.DecodeError) as failure:
            raise LogUnavailable(f"entries before number {number} are in the archive: {failure}") from failure
        if said.outcome != "found":
            raise LogUnavailable(f"entries before number {number} are in the archive: {said.detail}")
        return said.entries
