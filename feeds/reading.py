"""What a reader gets of the journal, and what it owes: the vocabulary between following the logs and using them."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from snapshots.codec import KeyedEntry
from snapshots.contract import LogRecord, Position


class Followed(msgspec.Struct, frozen=True):
    """One record that the store can't lose any more, with the entries of its batch, still encoded.

    `entries` lacks those that this reader has passed on already, and those of players who are stopped because a version
    is missing (see `feeds.following.versions`). `record` is always the whole.
    """

    shard_id: str
    log_id: str
    position: Position
    record: LogRecord
    entries: Sequence[KeyedEntry]


class Sink(Protocol):
    """What a reader does with what it reads. One object per reader, on one event loop."""

    async def open(self) -> None:
        """Connects and prepares. Raises SinkFailed if it can't be used."""

    async def take(self, followed: Followed) -> None:
        """Takes one record; waits while there is no room for more.

        Records of a shard come in their order, entries of a player in the order of their versions, both from the last
        committed position on: so some may come again after a restart. Records of several shards are given at the same
        time, those of one shard one after the other. Raises SinkFailed if the reader must begin again at its cursors.
        """

    def settled(self) -> Mapping[str, Position]:
        """By shard: all that was taken up to there has left for good, and the cursor may move."""

    async def ask(self, request: bytes) -> bytes:
        """A question or order from outside, both JSON: what an operator asks of this reader."""

    async def close(self) -> None:
        """Lets go of what it holds. What is not settled is read again."""


class Notes(Protocol):
    """What a reader remembers in the store beside its cursors, under its own name and fenced like them."""

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Mapping[str, bytes]:
        """Notes whose key begins with `prefix` and is above `after`, in the order of their keys. Raises StoreError."""

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        """Writes all or none, durable when it returns; None removes. Raises StoreError, Fenced."""


@runtime_checkable
class ControlLog(Protocol):
    """The store's control log, which the archive's reader takes along. The notes of a reader of the store have it."""

    async def control_entries(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Entries with numbers above `after`, in their order, at most `limit`. Raises StoreError."""

    async def trim_control(self, through: int) -> None:
        """Entries up to `through` are archived: the store need not keep old ones. Raises StoreError, Fenced."""


class SinkFailed(Exception):
    """A sink can't go on as it is. The message is for the operator; the reader opens a new one and begins again at its
    cursors.
    """
