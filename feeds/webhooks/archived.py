"""Looks into the archive for events that are to be sent again."""

from collections.abc import AsyncIterator, Sequence

from snapshots.archive.bucket import open_bucket
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.format import public_payload
from snapshots.archive.naming import day_of
from snapshots.archive.place import ArchivePlace
from snapshots.archive.reading import ArchivedRecords
from snapshots.archive.segment import read_block
from snapshots.codec import KeyedEntry, decode_batch


class ArchiveLookup:
    """Implements `feeds.webhooks.replaying.Lookup`. Entries come without personal fields: public events have none."""

    def __init__(self, place: ArchivePlace) -> None:
        """Raises StoreUnsuitable, CredentialMissing."""
        self._bucket = open_bucket(place)
        self._catalogue = Catalogue(self._bucket)
        self._records = ArchivedRecords(self._bucket)

    async def player_entries(self, player_id: str, since_ms: int) -> Sequence[KeyedEntry]:
        """See Lookup. Raises ArchiveUnavailable, CorruptArchive."""
        return await self._records.player_entries(player_id, since_ms)

    async def entries_since(self, from_ms: int) -> AsyncIterator[KeyedEntry]:
        """See Lookup. Reads one block at a time. Raises ArchiveUnavailable, CorruptArchive."""
        for day in await self._catalogue.days():
            if day >= day_of(from_ms):
                for name in await self._catalogue.names(day):
                    async for entry in self._entries_of(name):
                        yield entry

    async def _entries_of(self, name: str) -> AsyncIterator[KeyedEntry]:
        head = await self._catalogue.head(name)
        for offset, length in head.blocks:
            for record in read_block(await self._bucket.get_range(head.segment, offset, length)):
                for entry in decode_batch(public_payload(record)):
                    yield entry
