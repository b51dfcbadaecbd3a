"""A reader's notes, fenced by its claim."""

from collections.abc import Mapping, Sequence

from snapshots.contract import Reader, Store


class StoreNotes:
    """Implements `feeds.reading.Notes` and `feeds.reading.ControlLog`."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store, self._reader = store, reader

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Mapping[str, bytes]:
        """See Notes."""
        return await self._store.reader_notes(self._reader.name, prefix, after, limit)

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        """See Notes."""
        await self._store.commit_reader(self._reader, {}, notes)

    async def control_entries(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """See ControlLog."""
        return await self._store.control_entries(after, limit)

    async def trim_control(self, through: int) -> None:
        """See ControlLog."""
        await self._store.trim_control(self._reader, through)
