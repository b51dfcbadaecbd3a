"""Where checkpoints are published."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from feeds.bus.brokers import Brokers, TopicName
from feeds.notifications.settings import MailSettings
from feeds.webhooks.settings import EndpointSettings
from snapshots.archive.place import ArchivePlace

DESTINATIONS_MAX = 16
Address = Annotated[str, Meta(pattern=r"^[^@\s<>,;\"]+@[^@\s<>,;\"]+$", max_length=254)]


class MailedTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail to people who keep it."""

    server: MailSettings
    to: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=16)]


class KafkaTopic(Brokers, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A topic of a Kafka cluster. The key of a message is the log's origin."""

    topic: TopicName


class Destination(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One place; exactly one of `bucket`, `webhook`, `mail` and `topic` says what it is."""

    bucket: ArchivePlace | None = None
    """A folder, or a bucket: best one of another account, with an object lock. Checkpoints keep their names."""
    webhook: EndpointSettings | None = None
    """An endpoint that gets a signed POST (Standard Webhooks) with the checkpoint; `events` and `mode` are unused."""
    mail: MailedTo | None = None
    topic: KafkaTopic | None = None
    every: Literal["checkpoint", "day"] | None = None
    """`checkpoint`: the newest checkpoint, and each day's last one; `day`: each day's last one only, which is the
    default for mail.
    """

    def __post_init__(self) -> None:
        given = [name for name in ("bucket", "webhook", "mail", "topic") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("must have exactly one of bucket, webhook, mail and topic")

    @property
    def daily(self) -> bool:
        """Whether it gets each day's last checkpoint only."""
        return (self.every or ("day" if self.mail is not None else "checkpoint")) == "day"
