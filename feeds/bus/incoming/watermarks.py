"""How far each partition was finished, in our own store: a consumer group that is reset replays nothing below it.

A watermark is a note of a reader of its own, since only its latest claim may write. Such a reader follows no shard, so
its cursors are moved out of the way: nothing of the journal is kept for it.
"""

import secrets
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Protocol

from feeds.bus.incoming.record import Partition
from snapshots.contract import Position, Reader, Routing

_NEXT: Final = "next"
"""The note with the offset to begin at."""
_BEYOND: Final = Position(2**52, 0)
"""Behind every log that a shard will ever have."""
TOPIC_IN_NAME_MAX: Final = 60


class ReaderStore(Protocol):
    """What the bus in needs of the store (see `snapshots.contract.Store`)."""

    async def claim_reader(self, name: str, nonce: str) -> Reader: ...

    async def commit_reader(
        self, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]
    ) -> None: ...

    async def reader_notes(
        self, name: str, prefix: str = "", after: str = "", limit: int = 1_000
    ) -> Mapping[str, bytes]: ...

    async def routing(self) -> Routing: ...


class Watermarks:
    """Those of the partitions that are this process's. Only the latest claim of a partition may write."""

    def __init__(self, store: ReaderStore) -> None:
        self._store = store
        self._readers: dict[Partition, Reader] = {}
        self._written: dict[Partition, int] = {}

    async def claim(self, place: Partition) -> int | None:
        """Takes a partition over; where it goes on, None if it was never read. Raises StoreError."""
        name = reader_name(place)
        self._written.pop(place, None)
        self._readers[place] = await self._store.claim_reader(name, secrets.token_hex(8))
        await self._store.commit_reader(self._readers[place], await self._out_of_the_way(), {})
        note = (await self._store.reader_notes(name, _NEXT)).get(_NEXT)
        if note is None:
            return None
        self._written[place] = int(note)
        return int(note)

    async def write(self, place: Partition, next_offset: int) -> None:
        """All below `next_offset` is finished; never goes back. Raises StoreError, Fenced."""
        if next_offset > self._written.get(place, -1):
            await self.set(place, next_offset)

    async def set(self, place: Partition, next_offset: int) -> None:
        """The partition goes on there, even if that is behind. Raises StoreError, Fenced."""
        await self._store.commit_reader(self._readers[place], {}, {_NEXT: b"%d" % next_offset})
        self._written[place] = next_offset

    async def keep_out_of_the_way(self) -> None:
        """Passes shards that are new since the claims; to be called now and then. Raises StoreError, Fenced."""
        positions = await self._out_of_the_way()
        for reader in list(self._readers.values()):
            await self._store.commit_reader(reader, positions, {})

    async def _out_of_the_way(self) -> Mapping[str, Position]:
        return dict.fromkeys((await self._store.routing()).shards, _BEYOND)

    def forget(self, place: Partition) -> None:
        """The partition is somebody else's."""
        self._readers.pop(place, None)
        self._written.pop(place, None)


def reader_name(place: Partition) -> str:
    """The reader of a partition. A long topic is cut, and told apart by its digest."""
    topic, partition = place
    if len(topic) > TOPIC_IN_NAME_MAX:
        topic = f"{topic[:40]}-{blake2b(topic.encode(), digest_size=8).hexdigest()}"
    return f"bus-in.{topic}.{partition}"
