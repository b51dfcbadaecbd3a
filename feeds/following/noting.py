"""A reader's notes, fenced by its claim."""

from collections.abc import Mapping

from snapshots.contract import Reader, Store


class StoreNotes:
    """Implements `feeds.reading.Notes`."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store, self._reader = store, reader

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Mapping[str, bytes]:
        """See Notes."""
        return await self._store.reader_notes(self._reader.name, prefix, after, limit)

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        """See Notes."""
        await self._store.commit_reader(self._reader, {}, notes)
