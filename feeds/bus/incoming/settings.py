"""The section `bus_in` of integrations.yaml: which topics are read, and what of them is accepted."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from feeds.credentials import Credential

EventType = Literal[
    "com.croupier.Deposit.v1",
    "com.croupier.ReportBet.v1",
    "com.croupier.RollBackBet.v1",
    "com.croupier.StartSession.v1",
    "com.croupier.PostEvent.v1",
]
TopicName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,220}\Z", description="1 to 220 of A-Z a-z 0-9 . _ -")]
Server = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:\[\]_-]{1,255}:[0-9]{1,5}\Z", description="HOST:PORT")]
MEGABYTE = 1_048_576


class BusInTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic that is read. A message of another type than `types` goes to the dead letters as `unknown_type`."""

    name: TopicName
    types: Annotated[tuple[EventType, ...], Meta(min_length=1, max_length=16)]


class BusInLogin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this client proves to the broker who it is (SASL)."""

    user: Annotated[str, Meta(min_length=1, max_length=256)]
    password: Credential
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"


class BusInSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events of other systems that become commands. `first_start` says where a topic begins that was never read."""

    brokers: Annotated[tuple[Server, ...], Meta(min_length=1, max_length=32)]
    topics: Annotated[tuple[BusInTopic, ...], Meta(min_length=1, max_length=64)]
    first_start: Literal["earliest", "latest"]
    """`earliest` takes what the topic holds already; `latest` only what comes from then on."""
    group: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,128}\Z")] = "croupier"
    """The consumer group. Processes with the same group share the partitions."""
    tls: bool = False
    ca_file: str | None = None
    """Certificates (PEM) by which the broker is checked; without it, those of the operating system."""
    login: BusInLogin | None = None
    group_protocol: Literal["classic", "consumer"] = "classic"
    """`consumer` (KIP-848) needs brokers of version 4; `classic` rebalances cooperatively, too."""
    dead_letter_suffix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,29}\Z")] = ".dead-letters"
    """A dead letter of topic T goes to the topic T + this."""
    event_bytes_max: Annotated[int, Meta(ge=1_024, le=16 * MEGABYTE)] = 64 * 1_024
    """A larger message goes to the dead letters as `too_large`."""
    waiting_events_max: Annotated[int, Meta(ge=100, le=100_000)] = 5_000
    """Messages in memory that are not finished."""
    waiting_bytes_max: Annotated[int, Meta(ge=MEGABYTE, le=1_024 * MEGABYTE)] = 32 * MEGABYTE
    """Bytes of those messages; one message more may come in."""

    def __post_init__(self) -> None:
        names = [topic.name for topic in self.topics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"topics name {', '.join(twice)} more than once")
        dead = sorted(name for name in names if name.endswith(self.dead_letter_suffix))
        if dead:
            raise ValueError(f"topics name {', '.join(dead)}, which is a topic of dead letters")
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file is given, but tls is off")

    def dead_letters_of(self, topic: str) -> str:
        """The topic of the dead letters of `topic`."""
        return topic + self.dead_letter_suffix

    def client(self) -> dict[str, str | int]:
        """What every client of librdkafka needs to reach the brokers. Raises CredentialMissing."""
        chosen: dict[str, str | int] = {"bootstrap.servers": ",".join(self.brokers), "client.id": "croupier-bus-in"}
        if self.ca_file is not None:
            chosen["ssl.ca.location"] = self.ca_file
        if self.login is not None:
            chosen |= {
                "sasl.mechanism": self.login.mechanism,
                "sasl.username": self.login.user,
                "sasl.password": self.login.password.read(),
            }
        chosen["security.protocol"] = _PROTOCOLS[self.login is not None, self.tls]
        return chosen


_PROTOCOLS = {
    (False, False): "plaintext",
    (False, True): "ssl",
    (True, False): "sasl_plaintext",
    (True, True): "sasl_ssl",
}
"""By (with a login, with TLS)."""
