"""What a leaf of the tree is: one line of text, then bytes as the archive holds them.

```
entry VERSION LENGTH SEALED PLAYER    an entry of a player; LENGTH bytes that all may read, SEALED bytes in a box
control NUMBER LENGTH                 an entry of the control log
batch SEQ LENGTH LOG                  a record whose entries can't be told apart
object LEAVES SHA256 NAME             closes an object: it had so many leaves before this one, and this checksum
```

Erasing a player destroys a key, and no byte of a leaf. The last kind makes the whole object part of the tree, with all
that belongs to no entry: places, hashes, the chain.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import zstandard

from snapshots.archive.format import ArchivedRecord, decode_block, public_payload
from snapshots.codec import KeyedEntry, decode_batch
from snapshots.errors import CorruptArchive, CorruptLog

BLOCK_BYTES_MAX: Final = 512 * 1_048_576
"""Of a block, uncompressed: one that claims more is not read."""


def entry_leaf(player_id: str, version: int, data: bytes, box: bytes = b"") -> bytes:
    """The leaf of a player's entry."""
    return b"entry %d %d %d %b\n%b%b" % (version, len(data), len(box), player_id.encode(), data, box)


def control_leaf(number: int, entry: bytes) -> bytes:
    """The leaf of an entry of the control log."""
    return b"control %d %d\n%b" % (number, len(entry), entry)


def object_leaf(leaves: int, content: bytes, name: str) -> bytes:
    """The leaf that closes an object."""
    return b"object %d %b %b\n" % (leaves, sha256(content).hexdigest().encode(), name.encode())


class EntryLeaf(NamedTuple):
    """A leaf of a player's entry, taken apart."""

    player_id: str
    version: int
    data: bytes
    box: bytes


def read_entry_leaf(leaf: bytes) -> EntryLeaf:
    """Raises CorruptArchive if it is not the leaf of a player's entry."""
    line, _, rest = leaf.partition(b"\n")
    try:
        kind, version, length, sealed, player_id = line.decode().split(" ", 4)
        numbers = int(version), int(length), int(sealed)
    except ValueError:
        raise CorruptArchive("not the leaf of a player's entry") from None
    if kind != "entry" or min(numbers) < 0 or numbers[1] + numbers[2] != len(rest):
        raise CorruptArchive("not the leaf of a player's entry")
    return EntryLeaf(player_id, numbers[0], rest[: numbers[1]], rest[numbers[1] :])


def record_leaves(record: ArchivedRecord) -> list[bytes]:
    """The leaves of a record, in the order of its entries."""
    payload = public_payload(record)
    try:
        entries = decode_batch(payload)
    except CorruptLog:
        return [b"batch %d %d %b\n%b" % (record.seq, len(payload), record.log_id.encode(), payload)]
    if record.sealed:
        return _with_boxes(record, entries)
    return [
        b"entry %d %d 0 %b\n%b" % (entry.version, len(entry.data), entry.player_id.encode(), entry.data)
        for entry in entries
    ]


def _with_boxes(record: ArchivedRecord, entries: Sequence[KeyedEntry]) -> list[bytes]:
    """Sealed parts stand in the order of their entries."""
    leaves, sealed = [], list(record.sealed)
    for entry in entries:
        box = b""
        if sealed and (sealed[0].player_id, sealed[0].version) == (entry.player_id, entry.version):
            box = sealed.pop(0).box
        leaves.append(entry_leaf(entry.player_id, entry.version, entry.data, box))
    if sealed:
        raise CorruptArchive(f"log {record.log_id} record {record.seq} has sealed parts that are none of its entries")
    return leaves


def raw_blocks(segment: bytes) -> Iterator[bytes]:
    """The blocks of a segment, uncompressed, one after the other. Raises CorruptArchive."""
    rest = segment
    while rest:
        one = zstandard.ZstdDecompressor().decompressobj()
        try:
            if zstandard.frame_content_size(rest) > BLOCK_BYTES_MAX:
                raise CorruptArchive(f"a block has more than {BLOCK_BYTES_MAX} bytes")
            raw = one.decompress(rest)
        except zstandard.ZstdError as error:
            raise CorruptArchive(f"a block is damaged: {error}") from None
        if not one.eof:
            raise CorruptArchive("its last block is cut off")
        rest = one.unused_data
        yield raw


def segment_blocks(segment: bytes) -> Iterator[list[ArchivedRecord]]:
    """The records of a segment, block by block. Raises CorruptArchive."""
    return (decode_block(raw) for raw in raw_blocks(segment))
