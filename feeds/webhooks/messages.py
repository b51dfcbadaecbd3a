"""What is posted: one public event as JSON, with all that is needed to send it again later."""

from typing import Final

import msgspec

from feeds.public.event import PublicEvent, ce_type, instant

BODY_BYTES_MAX: Final = 20_000
"""The standard wants payloads below 20 kB."""
AROUND_BYTES_MAX: Final = 200
"""Type, timestamp and `superseded`, which stand around the data of an event."""

STATES: Final = {"LevelChanged": "level", "PlayerBlocked": "status", "PlayerUnblocked": "status"}
"""Events that tell of one and the same state of a player: a later one makes an earlier one worthless."""

Place = tuple[int, int]
"""Of an event among those of its player: (version, n)."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """One event for one endpoint. `data` is JSON; `superseded` earlier ones were left out for it.

    `time_ms`: when it happened (Unix ms).
    """

    player_id: str
    version: int
    n: int
    type: str
    time_ms: int
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
        return len(self.data) + AROUND_BYTES_MAX > BODY_BYTES_MAX

    def body(self) -> bytes:
        """`{"type", "timestamp", "data"}`; `data` has `superseded` if anything was left out."""
        data = self.data
        if self.superseded:
            data = b'%s,"superseded":%d}' % (data[:-1], self.superseded)
        return msgspec.json.encode(_Body(ce_type(self.type), instant(self.time_ms), msgspec.Raw(data)))

    def instead_of(self, earlier: "Message") -> "Message":
        """This message, with what it makes worthless counted."""
        return msgspec.structs.replace(self, superseded=self.superseded + earlier.superseded + 1)


class _Body(msgspec.Struct, frozen=True):
    type: str
    timestamp: str
    data: msgspec.Raw


def message_of(event: PublicEvent) -> Message:
    """The message that tells `event`."""
    return Message(
        player_id=event.player_id,
        version=event.version,
        n=event.n,
        type=event.type,
        time_ms=event.time_ms,
        data=msgspec.json.encode(event.data),
    )
