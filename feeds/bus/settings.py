"""The section `bus` of integrations.yaml: where public events go."""

from collections.abc import Mapping
from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from feeds.bus.brokers import Brokers, TopicName
from feeds.public.event import Family

MEGABYTE = 1_048_576
RECONNECT_MAX_MS = 2_000
"""How long a broker that does not answer is left alone at most."""


class FamilyTopics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic per family of events; `null` leaves a family out. Two families may share a topic."""

    account: TopicName | None = "croupier.account"
    bets: TopicName | None = "croupier.bets"
    bonus: TopicName | None = "croupier.bonus"
    loyalty: TopicName | None = "croupier.loyalty"
    money: TopicName | None = "croupier.money"

    def __post_init__(self) -> None:
        if not any(self.by_family().values()):
            raise ValueError("must name a topic for at least one family")

    def by_family(self) -> dict[Family, str | None]:
        """The topic of each family, None if its events are not published."""
        return {family: getattr(self, family) for family in get_args(Family)}


class BusSettings(Brokers, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Public events to Kafka, in the order of each player's versions, at least once. Topics must exist."""

    installation: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "croupier"
    """Names this Croupier: the source of its events is `/croupier/<installation>`."""
    topic: TopicName | None = None
    """One topic for all events, in the place of `topics`."""
    topics: FamilyTopics | None = None
    """One topic per family; without `topic` and `topics`: `croupier.bets`, `croupier.money` and so on."""
    partitions_acknowledged: Mapping[TopicName, Annotated[int, Meta(ge=1, le=100_000)]] = msgspec.field(
        default_factory=dict
    )
    """Topic: its new number of partitions. A changed number moves players to other partitions, so that it stops the
    bus until it is acknowledged here.
    """
    schemas_url: Annotated[str, Meta(pattern=r"^https?://[!-~]{1,1000}/$")] | None = None
    """Where the platform serves the folder of schemas, ending in `/`; without it, events name their schema by a URN."""
    linger_ms: Annotated[int, Meta(ge=0, le=1_000)] = 20
    """How long an event may wait for others, so that they travel together."""
    waiting_events_max: Annotated[int, Meta(ge=100, le=1_000_000)] = 50_000
    """Events in memory that the brokers have not acknowledged."""
    waiting_bytes_max: Annotated[int, Meta(ge=4 * MEGABYTE, le=2_048 * MEGABYTE)] = 64 * MEGABYTE
    """Bytes of those events."""
    event_bytes_max: Annotated[int, Meta(ge=16_384, le=16 * MEGABYTE)] = 900_000
    """No event is larger; the brokers' `message.max.bytes` must be above it. A larger event stops the bus."""
    connect_timeout_s: Annotated[float, Meta(ge=0.1, le=120)] = 10.0
    """How long the brokers may take to tell about the topics when the bus starts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.topic is not None and self.topics is not None:
            raise ValueError("names both topic and topics")
        unknown = sorted(set(self.partitions_acknowledged) - {topic for topic in self.by_family().values() if topic})
        if unknown:
            raise ValueError(f"partitions_acknowledged names {', '.join(unknown)}, where no events go")

    def by_family(self) -> dict[Family, str | None]:
        """The topic of each family, None if its events are not published."""
        if self.topic is not None:
            return dict.fromkeys(get_args(Family), self.topic)
        return (self.topics or FamilyTopics()).by_family()

    def producer(self) -> dict[str, str | int | float | bool]:
        """What librdkafka's producer needs to keep what `docs/events.md` promises. Raises CredentialMissing.

        Giving one message up would be a gap: so there is no time-out, and an error that would leave a gap ends the
        producer.
        """
        return self.client("croupier-bus") | {
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "acks": "all",
            "message.timeout.ms": 0,
            "compression.type": "zstd",
            "linger.ms": self.linger_ms,
            "reconnect.backoff.max.ms": RECONNECT_MAX_MS,
            "message.max.bytes": max(1_000_000, self.event_bytes_max + 65_536),
            "queue.buffering.max.messages": self.waiting_events_max + 1_000,
            "queue.buffering.max.kbytes": self.waiting_bytes_max // 1_024 + 1_024,
        }
