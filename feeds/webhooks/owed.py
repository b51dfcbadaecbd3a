"""What is noted in the store: messages that are owed, when a lane is tried again, how an endpoint stands.

endpoint/<endpoint>                     Standing
owed/<endpoint>/<player>/<place>        Owed: in the order of keys, a lane's messages in their order
lane/<endpoint>/<player>                Rest: after failed attempts
sent/<endpoint>/<player>                Sent: in mode `latest`, until the reader's cursor has passed it
dead/<endpoint>/<player>/<place>        Owed: given up, kept for a replay
"""

from typing import Final

import msgspec

from feeds.webhooks.messages import Message, Place
from snapshots.contract import Position

DEAD_MAX: Final = 500
"""Per endpoint; beyond it, what is given up is only counted and logged."""


KINDS: Final = ("owed", "lane", "sent", "dead")


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """Where in the journal something was read."""

    shard_id: str
    position: Position


class Owed(msgspec.Struct, frozen=True, array_like=True):
    """A message that could not be delivered yet."""

    message: Message
    origin: Origin


class Rest(msgspec.Struct, frozen=True, array_like=True):
    """So many attempts at a lane's first message have failed; the next one is at `next_ms` (Unix ms)."""

    attempts: int
    next_ms: int


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """The newest place that a player's endpoint was told, at `at_ms` (Unix ms), and where it was read."""

    place: Place
    origin: Origin
    at_ms: int


class Standing(msgspec.Struct, frozen=True):
    """How an endpoint stands; times in Unix ms, 0: never.

    `begin_ms`: it gets what happened from then on. `failing_since_ms`: nothing has succeeded since. `disabled`: why,
    empty if it is not.
    """

    begin_ms: int = 0
    last_success_ms: int = 0
    failing_since_ms: int = 0
    disabled: str = ""
    disabled_ms: int = 0


owed_decoder = msgspec.msgpack.Decoder(Owed)
rest_decoder = msgspec.msgpack.Decoder(Rest)
sent_decoder = msgspec.msgpack.Decoder(Sent)
standing_decoder = msgspec.json.Decoder(Standing)
encode = msgspec.msgpack.encode


def place_key(kind: str, endpoint: str, message: Message) -> str:
    """The key of a message's note; `kind` is `owed` or `dead`."""
    return f"{kind}/{endpoint}/{message.player_id}/{message.version:016d}.{message.n:08d}"


def player_key(kind: str, endpoint: str, player_id: str) -> str:
    """The key of a lane's note; `kind` is `lane` or `sent`."""
    return f"{kind}/{endpoint}/{player_id}"


def endpoint_key(endpoint: str) -> str:
    """The key of an endpoint's standing."""
    return f"endpoint/{endpoint}"
