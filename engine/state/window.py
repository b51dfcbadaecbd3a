"""The window of remembered commands: exactly-once for callers who repeat (rules §3, idempotency).

The last 128 commands are kept with their answers; ids beyond those, of the last 24 hours, are kept as 8-byte digests,
and so are tombstones of rolled back bets. All this is compact, because a full window must fit 40 KB of memory.
"""

import sys
from array import array
from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

REMEMBERED_MAX = 128
DIGESTS_MAX = 65_536
HOUR_MS = 3_600_000
DIGEST_HOURS = 24

_HEAD = Struct(">8sI")
_DIGEST_BYTES = 8
_HOUR_BYTES = 4


def id_digest(command_id: str) -> int:
    """The 8-byte digest of a command id, as an unsigned integer."""
    return int.from_bytes(blake2b(command_id.encode(), digest_size=8).digest())


class Remembered(NamedTuple):
    """A remembered command: digest of its content, the hour it was accepted in, its encoded answer."""

    content: bytes
    hour: int
    answer: bytes


class Window:
    """Remembered commands of one player.

    `older` and `tombstones` map a digest to the hour (Unix time / 3 600 s) in which it was accepted, oldest first.
    `dropped` counts digests lost to the bound before their 24 hours were over. `real_ms` is the real time of the
    command being applied (Unix ms): ids age by it, never by a sandbox clock; it is set anew for each and not stored.
    """

    __slots__ = ("dropped", "older", "real_ms", "recent", "tombstones")

    def __init__(self) -> None:
        self.recent: dict[int, bytes] = {}
        self.older: dict[int, int] = {}
        self.tombstones: dict[int, int] = {}
        self.dropped = 0
        self.real_ms = 0

    def find(self, digest: int) -> Remembered | None:
        """The remembered command, if it is among the last 128."""
        packed = self.recent.get(digest)
        if packed is None:
            return None
        content, hour = _HEAD.unpack_from(packed)
        return Remembered(content, hour, packed[_HEAD.size :])

    def remember(self, digest: int, content: bytes, time_ms: int, answer: bytes) -> None:
        """Adds an accepted command; the oldest beyond 128 becomes a digest, digests beyond 24 h go."""
        recent = self.recent
        hour = time_ms // HOUR_MS
        recent[digest] = _HEAD.pack(content, hour) + answer
        if len(recent) > REMEMBERED_MAX:
            oldest = next(iter(recent))
            self._age(self.older, oldest, _HEAD.unpack_from(recent.pop(oldest))[1], hour)

    def tombstone(self, command_id: str, time_ms: int) -> None:
        """From now on the id answers `rolled_back`."""
        hour = time_ms // HOUR_MS
        self._age(self.tombstones, id_digest(command_id), hour, hour)

    def forget_answers(self, digests: Iterable[int], time_ms: int) -> None:
        """Of these commands only the ids are known from now on: a repeat is `already_processed`."""
        for digest in digests:
            self._age(self.older, digest, _HEAD.unpack_from(self.recent.pop(digest))[1], time_ms // HOUR_MS)

    def _age(self, digests: dict[int, int], digest: int, hour: int, now_hour: int) -> None:
        digests[digest] = hour
        while digests:
            oldest = next(iter(digests))
            expired = digests[oldest] < now_hour - DIGEST_HOURS
            if not expired and len(digests) <= DIGESTS_MAX:
                break
            del digests[oldest]
            if oldest in self.recent:
                # A tombstone outlives its bet's answer: else a bet that is still remembered could be rolled back twice.
                digests[oldest] = now_hour
            elif not expired:
                self.dropped += 1

    def parts(self) -> tuple[list[tuple[int, bytes]], bytes, bytes, int]:
        """What a snapshot stores; `from_parts` is the inverse."""
        return list(self.recent.items()), _pack(self.older), _pack(self.tombstones), self.dropped

    @classmethod
    def from_parts(cls, recent: list[tuple[int, bytes]], older: bytes, tombstones: bytes, dropped: int) -> "Window":
        """Rebuilds a window from `parts`."""
        window = cls()
        window.recent = dict(recent)
        window.older = _unpack(older)
        window.tombstones = _unpack(tombstones)
        window.dropped = dropped
        return window


def _pack(digests: dict[int, int]) -> bytes:
    """All digests (8 bytes each), then all hours (4 bytes each), big-endian: packing tens of thousands must be fast."""
    if not digests:
        return b""
    columns = array("Q", digests.keys()), array("I", digests.values())
    if sys.byteorder == "little":
        for column in columns:
            column.byteswap()
    return b"".join(column.tobytes() for column in columns)


def _unpack(packed: bytes) -> dict[int, int]:
    count = len(packed) // (_DIGEST_BYTES + _HOUR_BYTES)
    digests, hours = array("Q"), array("I")
    digests.frombytes(packed[: count * _DIGEST_BYTES])
    hours.frombytes(packed[count * _DIGEST_BYTES :])
    if sys.byteorder == "little":
        digests.byteswap()
        hours.byteswap()
    return dict(zip(digests, hours, strict=True))
