"""The section `bus_in` of integrations.yaml: which topics are read, and what of them is accepted."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from feeds.bus.brokers import Brokers, TopicName

EventType = Literal[
    "com.croupier.Deposit.v1",
    "com.croupier.ReportBet.v1",
    "com.croupier.RollBackBet.v1",
    "com.croupier.StartSession.v1",
    "com.croupier.PostEvent.v1",
]
MEGABYTE = 1_048_576
CLIENT_ID = "croupier-bus-in"
"""What brokers see of this client."""


Source = Annotated[str, Meta(pattern=r"^[!-~]{1,128}\Z", description="1 to 128 visible ASCII characters")]


class BusInTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One topic that is read. A message of another type than `types` goes to the dead letters as `unknown_type`."""

    name: TopicName
    types: Annotated[tuple[EventType, ...], Meta(min_length=1, max_length=16)]
    sources: Annotated[tuple[Source, ...], Meta(min_length=1, max_length=64)] | None = None
    """Who may tell it: another source goes to the dead letters as `unknown_source`. Without it, anybody who may write
    to the topic.
    """


class BusInSettings(Brokers, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Events of other systems that become commands. `first_start` says where a topic begins that was never read."""

    topics: Annotated[tuple[BusInTopic, ...], Meta(min_length=1, max_length=64)]
    first_start: Literal["earliest", "latest"]
    """`earliest` takes what the topic holds already; `latest` only what comes from then on."""
    group: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,128}\Z")] = "croupier"
    """The consumer group. Processes with the same group share the partitions."""
    group_protocol: Literal["classic", "consumer"] = "classic"
    """`consumer` (KIP-848) needs brokers of version 4; `classic` rebalances cooperatively, too."""
    session_timeout_s: Annotated[int, Meta(ge=6, le=300)] = 15
    """A process that was killed keeps its partitions for so long. With `consumer`, the brokers say how long."""
    dead_letter_suffix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,29}\Z")] = ".dead-letters"
    """A dead letter of topic T goes to the topic T + this."""
    event_bytes_max: Annotated[int, Meta(ge=1_024, le=16 * MEGABYTE)] = 64 * 1_024
    """A larger message goes to the dead letters as `too_large`."""
    waiting_events_max: Annotated[int, Meta(ge=100, le=100_000)] = 5_000
    """Messages in memory that are not finished."""
    waiting_bytes_max: Annotated[int, Meta(ge=MEGABYTE, le=1_024 * MEGABYTE)] = 32 * MEGABYTE
    """Bytes of those messages; one message more may come in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [topic.name for topic in self.topics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"topics name {', '.join(twice)} more than once")
        dead = sorted(name for name in names if name.endswith(self.dead_letter_suffix))
        if dead:
            raise ValueError(f"topics name {', '.join(dead)}, which is a topic of dead letters")

    def dead_letters_of(self, topic: str) -> str:
        """The topic of the dead letters of `topic`."""
        return topic + self.dead_letter_suffix
