"""Makes the sink of the reader `notices`."""

import msgspec
from prometheus_client import CollectorRegistry

from feeds.notifications.metrics import NoticeMetrics
from feeds.notifications.settings import NoticesSettings
from feeds.notifications.sink import NoticesSink
from feeds.reading import Notes, Sink


async def make(settings: bytes, notes: Notes, registry: CollectorRegistry) -> Sink:
    """`settings` is a NoticesSettings as JSON. Its `open` raises SinkFailed for texts, secrets and channels."""
    return NoticesSink(msgspec.json.decode(settings, type=NoticesSettings), notes, NoticeMetrics(registry))
