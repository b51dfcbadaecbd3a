"""How the archive's sink is made from its settings."""

import msgspec
from prometheus_client import CollectorRegistry

from feeds.archive.keys import key_encryption_key, previous_keys
from feeds.archive.metrics import ArchiveMetrics
from feeds.archive.settings import ArchiveSettings
from feeds.archive.sink import ArchiveSink
from feeds.reading import Notes, Sink, SinkFailed
from snapshots.archive.bucket import open_bucket
from snapshots.credentials import CredentialMissing
from snapshots.errors import StoreUnsuitable


async def make(settings: bytes, notes: Notes, registry: CollectorRegistry) -> Sink:
    """The archive as the reader `archive` runs it; `settings` is the JSON of ArchiveSettings.

    Raises SinkFailed if a key, the folder or the bucket is not as the settings say.
    """
    wanted = msgspec.json.decode(settings, type=ArchiveSettings)
    try:
        bucket = open_bucket(wanted.place)
    except (StoreUnsuitable, CredentialMissing) as error:
        raise SinkFailed(str(error)) from error
    kek, previous = key_encryption_key(wanted), previous_keys(wanted)
    return ArchiveSink(wanted, bucket, notes, kek, ArchiveMetrics(registry), previous=previous)
