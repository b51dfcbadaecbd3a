"""Which messages of a partition are finished: what may be committed is the lowest offset that is not."""

import asyncio
from collections import deque

from feeds.bus.incoming.cloud_events import EventRefused
from feeds.bus.incoming.reading import Incoming
from feeds.bus.incoming.record import Partition, Record


class Mark:
    """The place of one message among the others of its partition; it holds nothing of the message itself."""

    __slots__ = ("done", "offset")

    def __init__(self, offset: int) -> None:
        self.offset, self.done = offset, False


class Taken:
    """A message in hand: read already, into a command or the reason why it is none."""

    __slots__ = ("content", "mark", "progress", "record")

    def __init__(self, record: Record, content: Incoming | EventRefused, progress: "Progress", mark: Mark) -> None:
        self.record, self.content, self.progress, self.mark = record, content, progress, mark


class Progress:
    """One partition, from its assignment to its revocation. Offsets begin at `next_offset`."""

    def __init__(self, place: Partition, next_offset: int) -> None:
        self.place = place
        self.holds = 0
        """Messages that want nothing more to come from this partition while they wait for a repetition."""
        self.under_way = 0
        """Messages that are being tried or kept."""
        self.gone = asyncio.Event()
        """The partition is somebody else's: what is not under way is not begun."""
        self._next = next_offset
        self._open: deque[Mark] = deque()

    def take(self, record: Record, content: Incoming | EventRefused) -> Taken:
        """The next message. The broker may leave offsets out, but never goes back."""
        mark = Mark(record.offset)
        self._open.append(mark)
        self._next = record.offset + 1
        return Taken(record, content, self, mark)

    @property
    def committable(self) -> int:
        """The offset to begin at after a restart: all below it are finished."""
        while self._open and self._open[0].done:
            self._open.popleft()
        return self._open[0].offset if self._open else self._next

    @property
    def open(self) -> int:
        """Messages from the lowest one on that is not finished."""
        return len(self._open)

    async def gone_within(self, seconds: float) -> bool:
        """Waits so long, unless the partition goes meanwhile; whether it has gone."""
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            return False
        return True
