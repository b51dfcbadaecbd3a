"""Which leaf of the tree an entry of the archive is."""

from collections.abc import Sequence
from typing import NamedTuple

from snapshots.archive.finding import blocks_of_day
from snapshots.archive.naming import number_of
from snapshots.archive.place import Bucket
from snapshots.audit.extents import EXTENTS, Extent, newest_in, read_extent
from snapshots.audit.leaves import read_entry_leaf, record_leaves, segment_blocks

LATE_MAX = 64
"""Extents that are looked at one after the other for a segment that came late."""


class Found(NamedTuple):
    """A leaf of a player, the `number`-th of the tree; None while the tree does not have it."""

    leaf: bytes
    version: int
    number: int | None


async def leaves_of_player(bucket: Bucket, player_id: str, day: str) -> list[Found]:
    """A player's leaves in the segments of one day, newest first. Raises ArchiveUnavailable, CorruptArchive."""
    found: list[Found] = []
    extents: dict[str, Extent | None] = {}
    for place in reversed(await blocks_of_day(bucket, player_id, day)):
        if place.segment not in extents:
            extents[place.segment] = await extent_of(bucket, place.segment)
        extent = extents[place.segment]
        content = await bucket.get_range(place.segment, place.offset, place.length)
        first = None if extent is None else extent.first + sum(extent.blocks[: place.number])
        found += reversed(_in_block(content, player_id, first))
    return found


def _in_block(content: bytes, player_id: str, first: int | None) -> list[Found]:
    """What the block has of the player; `first`: the number of its first leaf."""
    found: list[Found] = []
    ending = b" " + player_id.encode()
    leaves = (leaf for records in segment_blocks(content) for record in records for leaf in record_leaves(record))
    for at, leaf in enumerate(leaves):
        if leaf.startswith(b"entry ") and leaf.partition(b"\n")[0].endswith(ending):
            found.append(Found(leaf, read_entry_leaf(leaf).version, None if first is None else first + at))
    return found


async def extent_of(bucket: Bucket, segment: str) -> Extent | None:
    """The extent of a segment, found by halving; None if the tree does not have the segment yet.

    Raises ArchiveUnavailable, CorruptArchive.
    """
    newest = await newest_in(bucket, EXTENTS)
    if newest is None:
        return None
    low, high, wanted = 0, newest + 1, number_of(segment)
    while low < high:
        middle = (low + high) // 2
        if (await read_extent(bucket, middle)).segments >= wanted:
            high = middle
        else:
            low = middle + 1
    return await _from(bucket, segment, range(low, min(low + LATE_MAX, newest + 1)))


async def _from(bucket: Bucket, segment: str, numbers: Sequence[int]) -> Extent | None:
    for number in numbers:
        extent = await read_extent(bucket, number)
        if extent.object == segment:
            return extent
    return None
