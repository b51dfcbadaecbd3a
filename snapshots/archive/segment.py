"""From archived records to a segment and its index, and back. The same records make the same bytes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import zstandard

from snapshots.archive.format import ArchivedRecord, decode_block, decode_record, encode_block, public_payload
from snapshots.archive.index import End, Head, Span, encode_index, encode_players
from snapshots.archive.naming import day_of, index_name, segment_name
from snapshots.errors import CorruptArchive

BLOCK_BYTES = 256 * 1_024
"""Raw bytes after which a block ends: what is read at least for one entry of a player."""
LEVEL = 3


class Built(NamedTuple):
    """A segment and its index, ready to be stored under their names."""

    segment_name: str
    segment: bytes
    index_name: str
    index_bytes: bytes
    ends: Mapping[str, End]


class _Owner(msgspec.Struct, array_like=True):
    player_id: str


class _Entries(msgspec.Struct, array_like=True):
    format: int
    entries: list[_Owner]


_entries = msgspec.msgpack.Decoder(_Entries)


class _Builder:
    def __init__(self, before: Mapping[str, End]) -> None:
        self.ends = dict(before)
        self.logs: dict[str, Span] = {}
        self.blocks: list[tuple[int, int]] = []
        self.players: dict[str, list[int]] = {}
        self.frames: list[bytes] = []
        self._raw: list[bytes] = []
        self._raw_bytes = self._offset = 0
        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)

    def add(self, encoded: bytes) -> None:
        record = decode_record(encoded)
        block = len(self.blocks)
        known = self.logs.get(record.log_id)
        span = Span(record.shard_id, record.seq, record.seq, block) if known is None else _grown(known, record.seq)
        self.logs[record.log_id] = span
        self.ends[record.shard_id] = End(record.epoch, record.seq, record.log_id, record.hash)
        for player_id in _owners(record):
            blocks = self.players.setdefault(player_id, [])
            if not blocks or blocks[-1] != block:
                blocks.append(block)
        self._raw.append(encoded)
        self._raw_bytes += len(encoded)
        if self._raw_bytes >= BLOCK_BYTES:
            self.end_block()

    def end_block(self) -> None:
        if not self._raw:
            return
        frame = self._compressor.compress(encode_block(self._raw))
        self.frames.append(frame)
        self.blocks.append((self._offset, len(frame)))
        self._offset += len(frame)
        self._raw, self._raw_bytes = [], 0


def _grown(span: Span, seq: int) -> Span:
    return Span(span.shard_id, span.first_seq, seq, span.first_block)


def _owners(record: ArchivedRecord) -> Iterator[str]:
    """A batch that can't be read belongs to nobody who could be looked for."""
    try:
        return (owner.player_id for owner in _entries.decode(public_payload(record)).entries)
    except msgspec.DecodeError:
        return iter(())


def build_segment(number: int, cut_ms: int, before: Mapping[str, End], records: Iterable[bytes]) -> Built:
    """Segment `number`, cut at `cut_ms` (Unix ms), of encoded records; `before` is how far the archive was before it.

    It takes a fraction of a second and no loop: call it in a thread.
    """
    builder = _Builder(before)
    for encoded in records:
        builder.add(encoded)
    builder.end_block()
    partitions = encode_players(builder.players)
    day = day_of(cut_ms)
    name = segment_name(day, number)
    head = Head(
        number=number,
        segment=name,
        cut_ms=cut_ms,
        logs=builder.logs,
        ends=builder.ends,
        blocks=builder.blocks,
        partitions=[len(part) for part in partitions],
    )
    index = encode_index(head, partitions)
    return Built(name, b"".join(builder.frames), index_name(day, number), index, builder.ends)


def read_block(frame: bytes) -> Sequence[ArchivedRecord]:
    """The records of one block. Raises CorruptArchive if it is damaged."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(frame)
    except zstandard.ZstdError as error:
        raise CorruptArchive(f"a block of the archive is damaged: {error}") from None
    return decode_block(raw)
