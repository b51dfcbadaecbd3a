"""Makes the bus's sink: what the reader `bus` is started with."""

import msgspec
from prometheus_client import CollectorRegistry

from feeds.bus.kafka_out import KafkaOut
from feeds.bus.settings import BusSettings
from feeds.reading import Notes, Sink


async def make(settings: bytes, notes: Notes, registry: CollectorRegistry) -> Sink:
    """`settings` is a `BusSettings` as JSON. Raises msgspec.ValidationError if it isn't."""
    return KafkaOut(msgspec.json.decode(settings, type=BusSettings), notes, registry)
