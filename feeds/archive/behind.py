"""How other readers read what the store has trimmed: from the archive, with the keys of players."""

from collections.abc import Sequence

import msgspec
from prometheus_client import CollectorRegistry

from feeds.archive.keys import key_ring
from feeds.archive.settings import ArchiveSettings
from snapshots.archive.opening import open_archive
from snapshots.archive.reading import ArchivedRecords
from snapshots.contract import LogRecord, Store
from snapshots.opening import open_store


class BehindTrimPoint(msgspec.Struct, frozen=True):
    """Where the archive is, and the url of the store that has the keys of players."""

    archive: ArchiveSettings
    store: str


async def make(settings: bytes, _registry: CollectorRegistry) -> "Behind":
    """`settings` is the JSON of BehindTrimPoint. What `ReaderPlan.archive` names."""
    return Behind(msgspec.json.decode(settings, type=BehindTrimPoint))


class Behind:
    """Implements `feeds.following.shard_reading.Archived`. The archive is opened when it is first needed."""

    def __init__(self, wanted: BehindTrimPoint) -> None:
        self._wanted = wanted
        self._opened: ArchivedRecords | None = None

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """See Archived. Raises StoreError, SinkFailed."""
        if self._opened is None:
            store: Store = open_store(self._wanted.store)
            await store.open()
            self._opened = open_archive(self._wanted.archive.place, key_ring(self._wanted.archive, store))
        return await self._opened.read_log(log_id, after_seq, limit)
