"""Makes the sink of the reader `webhooks`."""

import msgspec
from prometheus_client import CollectorRegistry

from feeds.credentials import CredentialMissing
from feeds.reading import Notes, Sink, SinkFailed
from feeds.webhooks.archived import ArchiveLookup
from feeds.webhooks.metrics import metrics_of
from feeds.webhooks.settings import EndpointSettings, WebhooksSettings
from feeds.webhooks.signing import SecretUnusable, Signer
from feeds.webhooks.sink import WebhooksSink
from snapshots.archive.place import ArchivePlace
from snapshots.errors import StoreUnsuitable


async def make(settings: bytes, notes: Notes, registry: CollectorRegistry) -> Sink:
    """`settings` is a WebhooksSettings as JSON. Raises SinkFailed if a secret is missing or has the wrong form."""
    read = msgspec.json.decode(settings, type=WebhooksSettings)
    signers = {name: _signer(name, endpoint) for name, endpoint in read.endpoints.items()}
    lookup = None if read.archive is None else _lookup(read.archive)
    return WebhooksSink(read, signers, notes, metrics_of(registry), lookup=lookup)


def _lookup(place: ArchivePlace) -> ArchiveLookup:
    try:
        return ArchiveLookup(place)
    except (CredentialMissing, StoreUnsuitable) as problem:
        raise SinkFailed(f"webhooks can't use the archive for replays: {problem}") from problem


def _signer(name: str, settings: EndpointSettings) -> Signer:
    try:
        return Signer([secret.read() for secret in settings.secrets])
    except (CredentialMissing, SecretUnusable) as problem:
        raise SinkFailed(f"webhook {name}: {problem}") from problem
