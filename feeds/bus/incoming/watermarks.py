"""How far each partition was finished, in our own store: a consumer group that is reset replays nothing below it."""

import secrets
from collections.abc import Mapping
from typing import Final, Protocol

from feeds.bus.incoming.record import Partition
from snapshots.contract import Position, Reader

_NEXT: Final = "next"
"""The note with the offset to begin at."""


class ReaderStore(Protocol):
    """What the bus in needs of the store (see `snapshots.contract.Store`)."""

    async def claim_reader(self, name: str, nonce: str) -> Reader: ...

    async def commit_reader(
        self, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]
    ) -> None: ...

    async def reader_notes(
        self, name: str, prefix: str = "", after: str = "", limit: int = 1_000
    ) -> Mapping[str, bytes]: ...


class Watermarks:
    """Those of the partitions that are this process's. Only the latest claim of a partition may write."""

    def __init__(self, store: ReaderStore) -> None:
        self._store = store
        self._readers: dict[Partition, Reader] = {}
        self._written: dict[Partition, int] = {}

    async def claim(self, place: Partition) -> int | None:
        """Takes a partition over; where it goes on, None if it was never read. Raises StoreError."""
        name = f"bus-in:{place[0]}:{place[1]}"
        self._readers[place] = await self._store.claim_reader(name, secrets.token_hex(8))
        note = (await self._store.reader_notes(name, _NEXT)).get(_NEXT)
        if note is None:
            return None
        self._written[place] = int(note)
        return int(note)

    async def write(self, place: Partition, next_offset: int) -> None:
        """All below `next_offset` is finished. Raises StoreError, Fenced."""
        if next_offset <= self._written.get(place, -1):
            return
        await self._store.commit_reader(self._readers[place], {}, {_NEXT: b"%d" % next_offset})
        self._written[place] = next_offset

    def forget(self, place: Partition) -> None:
        """The partition is somebody else's."""
        self._readers.pop(place, None)
        self._written.pop(place, None)
