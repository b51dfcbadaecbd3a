"""Extents: which leaves of the tree come from which object of the archive.

They are numbered from 0 and lie under their numbers, each put once: so of two archivers that would go on differently,
one is refused, and there is one order.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from snapshots.archive.format import ArchivedRecord
from snapshots.archive.naming import number_of
from snapshots.archive.place import Bucket
from snapshots.audit.control import read_control
from snapshots.audit.leaves import control_leaf, object_leaf, record_leaves, segment_blocks
from snapshots.errors import CorruptArchive

EXTENTS: Final = "extents"
FORMAT: Final = 1
Name = Annotated[str, Meta(pattern=r"^(segments/\d{4}/\d\d/\d\d/\d{12}|control/\d{6}/\d{3}/\d{3})\.msgpack\.zst$")]
Count = Annotated[int, Meta(ge=0)]


class Extent(msgspec.Struct, frozen=True):
    """Leaves `first` to `first + leaves - 1` are those of `object`: of its entries, and the last one closes it.

    `blocks` has the number of entries in each block of a segment. `segments` and `controls` say how far the tree has
    come with this extent: the highest number of a segment, and the last number of the control log.
    """

    format: int
    number: int
    kind: Literal["segment", "control"]
    object: Name
    sha256: str
    first: Count
    leaves: Count
    blocks: Sequence[int]
    segments: Count
    controls: Count

    @property
    def end(self) -> int:
        """How many leaves the tree has with it."""
        return self.first + self.leaves


def counted(extent: Extent, segments: int, controls: int) -> tuple[int, int]:
    """What an extent must say in `segments` and `controls`, after one that says these."""
    if extent.kind == "segment":
        return max(segments, number_of(extent.object)), controls
    return segments, controls + extent.leaves - 1


class Leaves(NamedTuple):
    """The leaves of an object, the closing one included, and the number of entries per block."""

    leaves: Sequence[bytes]
    blocks: Sequence[int]


_decoder = msgspec.json.Decoder(Extent)


def extent_name(number: int) -> str:
    """Where an extent lies."""
    return f"{EXTENTS}/{grouped(number)}.json"


def grouped(number: int) -> str:
    """`000000/000/057`: names in ascending order, at most 1 000 to a folder."""
    digits = f"{number:012d}"
    return f"{digits[:6]}/{digits[6:9]}/{digits[9:]}"


def number_in(name: str) -> int:
    """The number in a name that `grouped` made."""
    return int("".join(part.partition(".")[0] for part in name.split("/")[-3:]))


def encode_extent(extent: Extent) -> bytes:
    """As it lies in the archive."""
    return msgspec.json.encode(extent) + b"\n"


def decode_extent(content: bytes) -> Extent:
    """Raises CorruptArchive."""
    try:
        extent = _decoder.decode(content)
    except msgspec.DecodeError as error:
        raise CorruptArchive(f"an extent can't be read: {error}") from None
    if extent.format != FORMAT:
        raise CorruptArchive(f"an extent of format {extent.format}; this version of Croupier reads {FORMAT} only")
    return extent


def segment_leaves(name: str, content: bytes) -> Leaves:
    """All leaves of a segment. It takes a fraction of a second and no loop. Raises CorruptArchive."""
    return block_leaves(name, content, segment_blocks(content))


def block_leaves(name: str, content: bytes, blocks: Iterable[Sequence[ArchivedRecord]]) -> Leaves:
    """As `segment_leaves`, if the segment's blocks are read already."""
    leaves: list[bytes] = []
    counts: list[int] = []
    for records in blocks:
        before = len(leaves)
        for record in records:
            leaves += record_leaves(record)
        counts.append(len(leaves) - before)
    leaves.append(object_leaf(len(leaves), content, name))
    return Leaves(leaves, counts)


def control_leaves(name: str, content: bytes) -> Leaves:
    """All leaves of a control segment. Raises CorruptArchive."""
    leaves = [control_leaf(number, entry) for number, entry in read_control(content)]
    leaves.append(object_leaf(len(leaves), content, name))
    return Leaves(leaves, ())


def leaves_of(extent: Extent, content: bytes) -> Leaves:
    """The leaves that an extent stands for. Raises CorruptArchive if its object is not as it was."""
    if sha256(content).hexdigest() != extent.sha256:
        raise CorruptArchive(f"{extent.object} has other bytes than extent {extent.number} says")
    found = (
        segment_leaves(extent.object, content) if extent.kind == "segment" else control_leaves(extent.object, content)
    )
    if len(found.leaves) != extent.leaves:
        raise CorruptArchive(f"{extent.object} has {len(found.leaves)} leaves, not {extent.leaves}")
    return found


async def newest_in(bucket: Bucket, prefix: str) -> int | None:
    """The highest number under `prefix`, whose names `grouped` made; None if there is none.

    Raises ArchiveUnavailable.
    """
    for high in reversed(await bucket.folders(prefix)):
        for middle in reversed(await bucket.folders(f"{prefix}/{high}")):
            if names := await bucket.names(f"{prefix}/{high}/{middle}"):
                return number_in(names[-1])
    return None


async def read_extent(bucket: Bucket, number: int) -> Extent:
    """Raises ArchiveUnavailable, CorruptArchive."""
    extent = decode_extent(await bucket.get(extent_name(number)))
    if extent.number != number:
        raise CorruptArchive(f"{extent_name(number)} says that it is extent {extent.number}")
    return extent
