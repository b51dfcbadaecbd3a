"""What is posted: one public event as JSON, with all that is needed to send it again later."""

from typing import Final

import msgspec

from feeds.public.event import PublicEvent, instant

BODY_BYTES_MAX: Final = 20_000
"""The standard wants payloads below 20 kB."""
SUPERSEDED_BYTES: Final = 40
"""What `superseded` may add to a body."""

STATES: Final = {"LevelChanged": "level", "PlayerBlocked": "status", "PlayerUnblocked": "status"}
"""Events that tell of one and the same state of a player: a later one makes an earlier one worthless."""

Place = tuple[int, int]
"""Of an event among those of its player: (version, n)."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """One event for one endpoint. `head` and `data` are JSON; `superseded` earlier ones were left out for it."""

    player_id: str
    version: int
    n: int
    type: str
    head: bytes
    data: bytes
    superseded: int = 0

    @property
    def id(self) -> str:
        """The event's id: `<player>-<version>-<n>`."""
        return f"{self.player_id}-{self.version}-{self.n}"

    @property
    def place(self) -> Place:
        """Where it stands among the events of its player."""
        return self.version, self.n

    @property
    def state(self) -> str:
        """What of the player it tells: of two messages with the same state, the later one says it all."""
        return STATES.get(self.type, self.type)

    @property
    def too_large(self) -> bool:
        """Whether the standard forbids to send it."""
        return len(self.head) + len(self.data) + SUPERSEDED_BYTES >= BODY_BYTES_MAX

    def body(self) -> bytes:
        """`{"type", "timestamp", "data"}`; `data` has `superseded` if anything was left out."""
        data = self.data
        if self.superseded:
            data = b'%s,"superseded":%d}' % (data[:-1], self.superseded)
        return b'%s,"data":%s}' % (self.head, data)

    def instead_of(self, earlier: "Message") -> "Message":
        """This message, with what it makes worthless counted."""
        return msgspec.structs.replace(self, superseded=self.superseded + earlier.superseded + 1)


def message_of(event: PublicEvent) -> Message:
    """The message that tells `event`."""
    head = msgspec.json.encode({"type": event.ce_type, "timestamp": instant(event.time_ms)})[:-1]
    return Message(
        player_id=event.player_id,
        version=event.version,
        n=event.n,
        type=event.type,
        head=head,
        data=msgspec.json.encode(event.data),
    )
