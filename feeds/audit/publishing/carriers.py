"""Takes one checkpoint to one destination. What comes twice is known there by its name."""

import asyncio
import time
from typing import Any, Final, Protocol

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from feeds.audit.publishing.settings import Destination, KafkaTopic, MailedTo
from feeds.audit.signed import Signed
from feeds.credentials import CredentialMissing
from feeds.notifications.channels.mail import MailChannel
from feeds.notifications.words.wording import Wording
from feeds.reading import SinkFailed
from feeds.webhooks.sending import Sender
from feeds.webhooks.settings import EndpointSettings
from feeds.webhooks.signing import SecretUnusable, Signer
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.errors import StoreError, StoreUnsuitable

KAFKA_TIMEOUT_S: Final = 15.0


class Undelivered(Exception):
    """The checkpoint did not arrive, as far as is known. The message says why; no secret is in it."""


class Carrier(Protocol):
    """One destination. Belongs to one event loop."""

    async def carry(self, signed: Signed) -> None:
        """The checkpoint has arrived when it returns. Raises Undelivered."""

    async def close(self) -> None:
        """Lets go of connections."""


def carrier(settings: Destination) -> Carrier:
    """Raises SinkFailed if a secret is not where the settings say, or a place is none."""
    try:
        if settings.bucket is not None:
            return BucketCarrier(settings.bucket)
        if settings.webhook is not None:
            return WebhookCarrier(settings.webhook)
        if settings.mail is not None:
            return MailCarrier(settings.mail)
        return TopicCarrier(settings.topic)  # type: ignore[arg-type]  # it is one of the four
    except (CredentialMissing, SecretUnusable, StoreUnsuitable, KafkaException) as problem:
        raise SinkFailed(f"Checkpoints can't be published: {problem}") from problem


class BucketCarrier:
    """Puts the checkpoint under its name."""

    def __init__(self, place: ArchivePlace) -> None:
        self._bucket = open_bucket(place)

    async def carry(self, signed: Signed) -> None:
        """See Carrier."""
        try:
            await self._bucket.put_new(signed.name, signed.note.encode())
        except StoreError as failure:
            raise Undelivered(str(failure)) from failure

    async def close(self) -> None:
        """See Carrier."""


class _Posted(msgspec.Struct, frozen=True):
    """The body of a webhook."""

    id: str
    signed: Signed
    time_ms: int

    def body(self) -> bytes:
        data = {**self.signed._asdict(), "checkpoint": self.signed.note}
        data.pop("note")
        return msgspec.json.encode({"type": "audit.checkpoint", "timestamp": instant(self.time_ms), "data": data})


def instant(time_ms: int) -> str:
    """Unix ms as ISO 8601, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_ms // 1_000))


class WebhookCarrier:
    """A signed POST; its id is the checkpoint's name."""

    def __init__(self, settings: EndpointSettings) -> None:
        signer = Signer([secret.read() for secret in settings.secrets])
        self._sender = Sender(settings, signer, _now_ms)

    async def carry(self, signed: Signed) -> None:
        """See Carrier."""
        attempt = await self._sender.send(_Posted(signed.name, signed, _now_ms()))
        if attempt.outcome != "delivered":
            raise Undelivered(attempt.why)

    async def close(self) -> None:
        """See Carrier."""
        await self._sender.close()


class MailCarrier:
    """One mail to each address."""

    def __init__(self, settings: MailedTo) -> None:
        self._settings = settings
        self._channel = MailChannel(settings.server)
        self._told: set[tuple[str, str]] = set()

    async def carry(self, signed: Signed) -> None:
        """See Carrier. Those who have it already are not told again by a repeat."""
        wording = Wording(subject=f"Checkpoint {signed.name}", text=_letter(signed))
        for number, address in enumerate(self._settings.to):
            if (signed.name, address) in self._told:
                continue
            message_id = f"<{signed.name.replace('/', '.')}.{number}@{self._settings.server.sender.rpartition('@')[2]}>"
            sent = await self._channel.send([address], wording, message_id)
            if sent.result != "sent":
                raise Undelivered(f"mail {number + 1}: {sent.why}")
            self._told.add((signed.name, address))
        self._told.clear()

    async def close(self) -> None:
        """See Carrier."""
        await self._channel.close()


def _letter(signed: Signed) -> str:
    return (
        f"{signed.note}\n"
        "Keep this mail. It is a signed checkpoint of the log of your platform: with it you can check later that\n"
        f"nothing of the first {signed.size} entries was changed. docs/audit.md says how.\n"
    )


class TopicCarrier:
    """A message of a Kafka topic, acknowledged by all replicas that are in sync."""

    def __init__(self, settings: KafkaTopic) -> None:
        self._topic = settings.topic
        more = {"acks": "all", "message.timeout.ms": int(KAFKA_TIMEOUT_S * 1_000), "log_level": 0}
        self._producer = Producer({**settings.client("croupier-audit"), **more})

    async def carry(self, signed: Signed) -> None:
        """See Carrier."""
        await asyncio.to_thread(self._carry, signed)

    def _carry(self, signed: Signed) -> None:
        failures: list[KafkaError | None] = []

        def delivered(error: KafkaError | None, _message: Any) -> None:
            failures.append(error)

        origin = signed.note.partition("\n")[0]
        try:
            self._producer.produce(
                self._topic, signed.note.encode(), origin.encode(), headers={"name": signed.name}, on_delivery=delivered
            )
        except (KafkaException, BufferError) as problem:
            raise Undelivered(f"the producer takes no message: {problem}") from problem
        self._producer.flush(KAFKA_TIMEOUT_S + 1)
        if not failures or failures[0] is not None:
            raise Undelivered(
                f"the brokers did not take it: {failures[0].str() if failures and failures[0] else 'no answer'}"
            )

    async def close(self) -> None:
        """See Carrier."""


def _now_ms() -> int:
    return int(time.time() * 1_000)
