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
    """Changes of shards. `positions` says how far each shard has been read."""

    def __init__(self, store: Store, positions: Mapping[str, Position]) -> None:
        self._store, self._positions = store, positions
        self._last = 0
        self._open: list[Handover] = []
        """Those whose loser is not read far enough, in the order of their numbers."""
        self._gained: dict[str, list[Handover]] = {}
        """By gainer, those that an open one may stand before. A player may have gone through a shard that wrote nothing
        of the player, so it is not enough to wait for the shard that the player came from last.
        """

    async def refresh(self) -> None:
        """Call it after records were read: their handovers were written before them. Raises StoreError."""
        for row in await self._store.handovers(self._last):
            self._last = row.number
            self._open.append(row)
            self._gained.setdefault(row.gainer, []).append(row)

    def hold(self, shard_id: str, at: Position, entries: Sequence[KeyedEntry]) -> bool:
        """Whether entries at that position of the shard's logs must wait."""
        self._open = [row for row in self._open if not self._passed(row)]
        if not self._open:
            self._gained.clear()
            return False
        first = self._open[0].number
        gained = self._gained[shard_id] = [row for row in self._gained.get(shard_id, ()) if row.number >= first]
        gained = [row for row in gained if row.gained < at]
        return bool(gained) and any(self._holds(gained, entry.player_id) for entry in entries)

    def _holds(self, gained: Sequence[Handover], player_id: str) -> bool:
        """Whether the player came here, and any shard where the player was before is not read far enough."""
        slot = slot_of(player_id)
        came = max((row.number for row in gained if _concerns(row, slot, player_id)), default=0)
        return any(row.number <= came and _concerns(row, slot, player_id) for row in self._open)

    def _passed(self, row: Handover) -> bool:
        return self._positions.get(row.loser, NOWHERE) >= row.left


def _concerns(row: Handover, slot: int, player_id: str) -> bool:
    return slot in row.slots or player_id in row.players
