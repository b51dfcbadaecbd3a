"""The index of one segment: small pieces that can be read each for itself.

The bytes: a mark, the head's length, the head, then the players in `partitions` by the hash of their ids. The head says
how far the archive had come with every shard, so that a place in a log is found by halving the archive.
"""

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Final, TypeVar
from zlib import crc32

import msgspec
import zstandard

from snapshots.errors import CorruptArchive

HEAD_GUESS_BYTES = 8_192
"""Most heads are no longer: so much of an index is read at first."""
PARTITION_PLAYERS = 256
PARTITIONS_MAX = 4_096
_PREFIX: Final = Struct(">4sI")
INDEX_MARK = b"CRI1"
FOLD_MARK = b"CRF1"
"""With which an object begins: what it is, and of which format."""
_Head = TypeVar("_Head")


class End(msgspec.Struct, frozen=True, array_like=True):
    """How far the archive has come with a shard: its logs below `epoch`, and this one up to `seq`, whose hash it is."""

    epoch: int
    seq: int
    log_id: str
    hash: bytes

    @property
    def place(self) -> tuple[int, int]:
        """Epoch and sequence number: they only grow."""
        return self.epoch, self.seq


class Span(msgspec.Struct, frozen=True, array_like=True):
    """What a segment holds of one log."""

    shard_id: str
    first_seq: int
    last_seq: int
    first_block: int


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The segment, what it holds of each log, and where its blocks begin (offset, length, both in bytes).

    `ends` are by shard and cumulative: all that was archived up to the end of this segment.
    """

    number: int
    segment: str
    cut_ms: int
    logs: Mapping[str, Span]
    ends: Mapping[str, End]
    blocks: Sequence[tuple[int, int]]
    partitions: Sequence[int]


_head = msgspec.msgpack.Decoder(Head)
_players = msgspec.msgpack.Decoder(dict[str, list[int]])
_encoder = msgspec.msgpack.Encoder()


def partitions_for(players: int) -> int:
    """Into how many partitions so many players go."""
    return max(1, min(PARTITIONS_MAX, players // PARTITION_PLAYERS))


def encode_players(players: Mapping[str, Sequence[int]]) -> list[bytes]:
    """By player, the numbers of the blocks with their entries; as partitions."""
    count = partitions_for(len(players))
    parts: list[dict[str, Sequence[int]]] = [{} for _ in range(count)]
    for player_id, blocks in players.items():
        parts[partition_of(player_id, count)][player_id] = blocks
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
    return [compressor.compress(_encoder.encode(part)) for part in parts]


def partition_of(player_id: str, count: int) -> int:
    """In which of `count` partitions a player is."""
    return crc32(player_id.encode()) % count


def encode_index(head: Head, partitions: Sequence[bytes]) -> bytes:
    """The whole index."""
    return encode_object(INDEX_MARK, head, partitions)


def encode_object(mark: bytes, head: msgspec.Struct, partitions: Sequence[bytes]) -> bytes:
    """A head, and partitions behind it."""
    encoded = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(_encoder.encode(head))
    return b"".join((_PREFIX.pack(mark, len(encoded)), encoded, *partitions))


def head_bytes(start: bytes) -> int:
    """How many bytes of the object the head takes, its prefix included. Raises CorruptArchive."""
    if len(start) < _PREFIX.size:
        raise CorruptArchive("an index of the archive is cut off")
    _, length = _PREFIX.unpack_from(start)
    return _PREFIX.size + int(length)


def decode_head(start: bytes) -> Head:
    """The head, from at least the first `head_bytes` of the object. Raises CorruptArchive."""
    return decode_object(start, INDEX_MARK, _head)


def decode_object(start: bytes, mark: bytes, decoder: "msgspec.msgpack.Decoder[_Head]") -> _Head:
    """The head of an object that must begin with `mark`. Raises CorruptArchive."""
    length = head_bytes(start)
    if start[: len(mark)] != mark:
        raise CorruptArchive(f"an index begins with {start[:4]!r}; this version of Croupier reads {mark!r}")
    return _decoded(start[_PREFIX.size : length], decoder)


def read_index(content: bytes) -> tuple[Head, dict[str, list[int]]]:
    """A whole index: its head, and by player the numbers of the blocks. Raises CorruptArchive."""
    head, begin = decode_head(content), head_bytes(content)
    players: dict[str, list[int]] = {}
    for length in head.partitions:
        players |= decode_players(content[begin : begin + length])
        begin += length
    return head, players


def decode_players(partition: bytes) -> dict[str, list[int]]:
    """One partition. Raises CorruptArchive."""
    return _decoded(partition, _players)


def _decoded(frame: bytes, decoder: "msgspec.msgpack.Decoder[_Head]") -> _Head:
    try:
        return decoder.decode(zstandard.ZstdDecompressor().decompress(frame))
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise CorruptArchive(f"an index of the archive is damaged: {error}") from None
