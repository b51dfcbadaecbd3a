"""How the archive's reader and its keeper are made from their settings."""

import time
from functools import partial

import msgspec
from prometheus_client import CollectorRegistry

from feeds.archive.keys import key_encryption_key, previous_keys
from feeds.archive.metrics import ArchiveMetrics
from feeds.archive.sink import ArchiveSink
from feeds.audit.archived_control import ArchivedControl
from feeds.audit.extending import Extending
from feeds.audit.keeper import Keeper
from feeds.audit.keys import signers
from feeds.audit.metrics import AuditMetrics
from feeds.audit.publishing.carriers import carrier
from feeds.audit.publishing.publisher import Publisher
from feeds.audit.receipts import Receipts
from feeds.audit.settings import AuditedArchiveSettings
from feeds.audit.sink import AuditedArchive
from feeds.reading import ControlLog, Notes, Sink, SinkFailed
from snapshots.archive.bucket import open_bucket
from snapshots.credentials import CredentialMissing
from snapshots.errors import StoreUnsuitable


def _now_ms() -> int:
    return int(time.time() * 1_000)


async def make(settings: bytes, notes: Notes, registry: CollectorRegistry) -> Sink:
    """The archive as the reader `archive` runs it; `settings` is the JSON of AuditedArchiveSettings.

    Raises SinkFailed if the archive's key, the folder or the bucket is not as the settings say. What the proof alone
    needs, its own key and the destinations, is looked for by keeper and publishers, again and again: archiving never
    waits for it.
    """
    wanted = msgspec.json.decode(settings, type=AuditedArchiveSettings)
    try:
        bucket = open_bucket(wanted.place)
    except (StoreUnsuitable, CredentialMissing) as error:
        raise SinkFailed(str(error)) from error
    metrics, archive_metrics = AuditMetrics(registry), ArchiveMetrics(registry)
    control = notes if isinstance(notes, ControlLog) else None
    publishers = [
        Publisher(name, partial(carrier, each), each.daily, bucket, notes, metrics)
        for name, each in wanted.audit.publish.items()
    ]
    keeper = Keeper(
        bucket=bucket,
        signer=signers(wanted),
        extending=Extending(bucket, control),
        metrics=metrics,
        checkpoint_s=wanted.audit.checkpoint_s,
        now_ms=_now_ms,
        published=[publisher.offer for publisher in publishers],
    )
    for breaker in (keeper.breaker, *(publisher.breaker for publisher in publishers)):
        archive_metrics.watch(breaker)
    archive = ArchiveSink(
        settings=wanted,
        bucket=bucket,
        notes=notes,
        kek=key_encryption_key(wanted),
        metrics=archive_metrics,
        previous=previous_keys(wanted),
        stored=keeper.wake,
    )
    receipts = Receipts(bucket, metrics, wanted.audit.checkpoint_s)
    return AuditedArchive(archive, keeper, receipts, ArchivedControl(bucket), publishers)
