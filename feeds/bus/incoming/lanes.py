"""64 lanes, by player: what is in one lane is finished in its order, and no lane waits for another."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final
from zlib import crc32

from feeds.bus.incoming.progress import Taken
from feeds.bus.incoming.reading import Incoming
from feeds.bus.incoming.record import Partition

LANES: Final = 64
Handle = Callable[[Taken], Awaitable[None]]
"""Finishes one message; must not raise."""


class Lane:
    """Messages that wait for each other."""

    def __init__(self, handle: Handle, full_at: int) -> None:
        self._handle, self._full_at = handle, full_at
        self._waiting: deque[Taken] = deque()
        self._some = asyncio.Event()

    def put(self, taken: Taken) -> None:
        """Comes after all that is in the lane."""
        self._waiting.append(taken)
        self._some.set()

    async def run(self) -> None:
        """Works for ever."""
        while True:
            await self._some.wait()
            await self._handle(self._waiting[0])
            self._waiting.popleft()
            if not self._waiting:
                self._some.clear()

    def crowded_by(self) -> set[Partition]:
        """The partitions that have messages here, if the lane is full."""
        if len(self._waiting) < self._full_at:
            return set()
        return {taken.record.place for taken in self._waiting}


class Lanes:
    """All lanes. `full_at` messages in a lane are as many as it should hold."""

    def __init__(self, handle: Handle, full_at: int) -> None:
        self._lanes = [Lane(handle, full_at) for _ in range(LANES)]
        self._tasks = [asyncio.create_task(lane.run(), name="bus-in lane") for lane in self._lanes]

    def put(self, taken: Taken) -> None:
        """Into the lane of its player, or of its key if it tells no player."""
        self._lanes[lane_of(taken)].put(taken)

    def crowding(self) -> set[Partition]:
        """Partitions that have messages in a full lane: nothing more should come from there now."""
        return set().union(*(lane.crowded_by() for lane in self._lanes))

    def stop(self) -> None:
        """What is not finished stays unfinished."""
        for task in self._tasks:
            task.cancel()


def lane_of(taken: Taken) -> int:
    """The number of its lane."""
    content, record = taken.content, taken.record
    name = content.player_id.encode() if isinstance(content, Incoming) else record.key or b"%d" % record.offset
    return crc32(name) % LANES
