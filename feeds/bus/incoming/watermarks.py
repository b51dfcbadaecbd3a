"""How far each partition was finished, in our own store: a consumer group that is reset replays nothing below it.

A watermark is a note under a name of its own, since only the name's latest claim may write.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

from feeds.bus.incoming.record import Partition
from snapshots.contract import Position, Reader

_NEXT: Final = "next"
"""The note with the offset to begin at."""
_BEGAN: Final = "began"
"""The note of a topic's partition 0 that says when the topic was read first (Unix ms)."""
TOPIC_IN_NAME_MAX: Final = 60
FIRST_START_MS: Final = 600_000


class ReaderStore(Protocol):
    """What the bus in needs of the store (see `snapshots.contract.Store`)."""

    async def claim_notes(self, name: str, nonce: str) -> Reader: ...

    async def commit_reader(
        self, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]
    ) -> None: ...

    async def reader_notes(
        self, name: str, prefix: str = "", after: str = "", limit: int = 1_000
    ) -> Mapping[str, bytes]: ...


class Left(NamedTuple):
    """How a partition was left: where it goes on, None if it was never read; whether its topic was read before."""

    next_offset: int | None
    known_topic: bool


def unix_ms() -> int:
    """Now."""
    return int(time.time() * 1_000)


class Watermarks:
    """Those of the partitions that are this process's. Only the latest claim of a partition may write."""

    def __init__(self, store: ReaderStore, clock_ms: Callable[[], int] = unix_ms) -> None:
        self._store, self._clock_ms = store, clock_ms
        self._readers: dict[Partition, Reader] = {}
        self._written: dict[Partition, int] = {}

    async def claim(self, place: Partition) -> Left:
        """Takes a partition over; how it was left. Raises StoreError."""
        name = reader_name(place)
        self._written.pop(place, None)
        self._readers[place] = await self._store.claim_notes(name, secrets.token_hex(8))
        notes = await self._store.reader_notes(name)
        first = place[1] == 0 and _BEGAN not in notes
        began = {_BEGAN: b"%d" % self._clock_ms()} if first else {}
        if began:
            await self._store.commit_reader(self._readers[place], {}, began)
        if _NEXT in notes:
            self._written[place] = int(notes[_NEXT])
        return Left(self._written.get(place), await self._known(place[0]))

    async def _known(self, topic: str) -> bool:
        """Whether the topic was read before. Processes that start together begin its partitions one by one."""
        began = (await self._store.reader_notes(reader_name((topic, 0)), _BEGAN)).get(_BEGAN)
        return began is not None and self._clock_ms() - int(began) > FIRST_START_MS

    async def write(self, place: Partition, next_offset: int) -> None:
        """All below `next_offset` is finished; never goes back. Raises StoreError, Fenced."""
        if next_offset > self._written.get(place, -1):
            await self.set(place, next_offset)

    async def set(self, place: Partition, next_offset: int) -> None:
        """The partition goes on there, even if that is behind. Raises StoreError, Fenced."""
        await self._store.commit_reader(self._readers[place], {}, {_NEXT: b"%d" % next_offset})
        self._written[place] = next_offset

    def forget(self, place: Partition) -> None:
        """The partition is somebody else's."""
        self._readers.pop(place, None)
        self._written.pop(place, None)


def reader_name(place: Partition) -> str:
    """Where a partition's notes are. A long topic is cut, and told apart by its digest."""
    topic, partition = place
    if len(topic) > TOPIC_IN_NAME_MAX:
        topic = f"{topic[:40]}-{blake2b(topic.encode(), digest_size=8).hexdigest()}"
    return f"bus-in.{topic}.{partition}"
