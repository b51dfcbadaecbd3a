"""Which entries must wait because their players came from another shard whose log is not read far enough.

Waiting can't end in a circle. An entry waits for records that were appended before the handover, and itself was
appended after it. So of all tasks that wait, the one whose entry was appended first waits for a shard whose task is at
a record appended before that, and therefore doesn't wait.
"""

import asyncio
from collections.abc import Mapping, Sequence

from snapshots.codec import KeyedEntry
from snapshots.contract import NOWHERE, Handover, Position, Store
from snapshots.slots import slot_of


class Progress:
    """Wakes those who wait for any shard to have been read further."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Returns when `made` is called next."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def made(self) -> None:
        """Something has been read."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Handovers:
    """Changes of shards that are not passed yet. `positions` says how far each shard has been read."""

    def __init__(self, store: Store, positions: Mapping[str, Position]) -> None:
        self._store, self._positions = store, positions
        self._last = 0
        self._open: dict[str, list[Handover]] = {}
        """By gainer."""

    async def refresh(self) -> None:
        """Call it after records were read: their handovers were written before them. Raises StoreError."""
        for row in await self._store.handovers(self._last):
            self._last = row.number
            if not self._passed(row):
                self._open.setdefault(row.gainer, []).append(row)

    def hold(self, shard_id: str, at: Position, entries: Sequence[KeyedEntry]) -> bool:
        """Whether entries at that position of the shard's logs must wait."""
        rows = self._open.get(shard_id)
        if not rows:
            return False
        rows[:] = [row for row in rows if not self._passed(row)]
        return any(row.gained < at and _concerns(row, entries) for row in rows)

    def _passed(self, row: Handover) -> bool:
        return self._positions.get(row.loser, NOWHERE) >= row.left


def _concerns(row: Handover, entries: Sequence[KeyedEntry]) -> bool:
    return any(slot_of(entry.player_id) in row.slots or entry.player_id in row.players for entry in entries)
