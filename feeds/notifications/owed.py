"""A notice that is owed to a player by one channel, as it is noted in the store."""

from hashlib import sha256
from typing import Literal

import msgspec

from feeds.notifications.kinds import Kind
from snapshots.contract import Position

PREFIX = "owed:"

Stage = Literal["waiting", "sending", "done"]
"""`sending` is noted before a channel gets it; `done` when it has left or was dropped, until its record can't come
again.
"""


class Owed(msgspec.Struct):
    """One notice by one channel. `due_ms`: when it was first to be sent (Unix ms); `not_before_ms`: not before then.

    `counted`: it is in the player's count of the day. `again`: a mail that a crash interrupted is sent once more.
    `shard_id` and `position` are of the record that gave the reason; a timer's has none.
    """

    id: str
    kind: Kind
    channel: str
    category: str
    player_id: str
    values: dict[str, str | int]
    due_ms: int
    not_before_ms: int
    shard_id: str = ""
    position: Position | None = None
    stage: Stage = "waiting"
    attempts: int = 0
    counted: bool = False
    again: bool = False

    @property
    def key(self) -> str:
        """Of its note."""
        return owed_key(self.id, self.channel)

    def message_id(self, domain: str) -> str:
        """The Message-ID of a mail: the same however often it is sent. It tells nothing of the player."""
        return f"<{sha256(self.key.encode()).hexdigest()[:40]}@{domain}>"


def owed_key(notice_id: str, channel: str) -> str:
    """Of the note of that notice by that channel."""
    return f"{PREFIX}{notice_id}:{channel}"


encode_owed = msgspec.json.Encoder().encode
decode_owed = msgspec.json.Decoder(Owed).decode
