"""Which messages of a partition are finished: what may be committed is the lowest offset that is not."""

import asyncio
from collections import deque

from feeds.bus.incoming.cloud_events import EventRefused
from feeds.bus.incoming.reading import Incoming
from feeds.bus.incoming.record import Partition, Record


class Taken:
    """A message in hand: read already, into a command or the reason why it is none."""

    __slots__ = ("content", "done", "progress", "record")

    def __init__(self, record: Record, content: Incoming | EventRefused, progress: "Progress") -> None:
        self.record, self.content, self.progress = record, content, progress
        self.done = False


class Progress:
    """One partition, from its assignment to its revocation. Offsets begin at `next_offset`."""

    def __init__(self, place: Partition, next_offset: int) -> None:
        self.place = place
        self.holds = 0
        """Messages that want nothing more to come from this partition while they wait for a repetition."""
        self.gone = asyncio.Event()
        """The partition is somebody else's: what is not under way is not begun."""
        self._next = next_offset
        self._open: deque[Taken] = deque()

    def take(self, record: Record, content: Incoming | EventRefused) -> Taken:
        """The next message. The broker may leave offsets out, but never goes back."""
        taken = Taken(record, content, self)
        self._open.append(taken)
        self._next = record.offset + 1
        return taken

    @property
    def committable(self) -> int:
        """The offset to begin at after a restart: all below it are finished."""
        while self._open and self._open[0].done:
            self._open.popleft()
        return self._open[0].record.offset if self._open else self._next

    @property
    def open(self) -> int:
        """Messages since the lowest one that is not finished."""
        return len(self._open)

    async def gone_within(self, seconds: float) -> bool:
        """Waits so long, unless the partition goes meanwhile; whether it has gone."""
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            return False
        return True
