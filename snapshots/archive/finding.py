"""Where the entries of one player are: in which blocks of which segments."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from snapshots.archive.catalogue import Catalogue
from snapshots.archive.folding import decode_fold
from snapshots.archive.index import HEAD_GUESS_BYTES, decode_head, decode_players, head_bytes, partition_of
from snapshots.archive.naming import FOLDS, day_of, number_of
from snapshots.archive.place import Bucket

AT_ONCE_MAX = 32
"""Objects that are read at the same time for one player."""
_Read = TypeVar("_Read")


class Block(NamedTuple):
    """A part of a segment that can be read by itself: the `number`-th, counted from 0."""

    segment: str
    offset: int
    length: int
    number: int = 0


async def blocks_of(bucket: Bucket, player_id: str, since_ms: int) -> list[Block]:
    """All blocks with entries of a player that were archived since the day of `since_ms` (Unix ms), oldest segment
    first.

    Raises ArchiveUnavailable, CorruptArchive.
    """
    first = day_of(since_ms)
    return await _blocks(bucket, player_id, [day for day in await Catalogue(bucket).days() if day >= first])


async def blocks_of_day(bucket: Bucket, player_id: str, day: str) -> list[Block]:
    """All blocks of one day's segments with entries of a player, oldest first. Raises as `blocks_of`."""
    after = [later for later in await Catalogue(bucket).days() if later > day][:1]
    found = await _blocks(bucket, player_id, [day, *after])
    return [block for block in found if f"/{day}/" in block.segment]


async def _blocks(bucket: Bucket, player_id: str, days: Sequence[str]) -> list[Block]:
    """A fold lies on the day of its last segment: the day after may hold what is folded of this one."""
    indexes: list[str] = []
    folds: list[str] = []
    for day in days:
        indexes += await Catalogue(bucket).names(day)
        folds += await bucket.names(f"{FOLDS}/{day}")
    covered: set[int] = set()
    found: list[Block] = []
    for numbers, blocks in await _each(folds, lambda name: _in_fold(bucket, name, player_id)):
        covered |= numbers
        found += blocks
    single = [name for name in indexes if number_of(name) not in covered]
    for blocks in await _each(single, lambda name: _in_index(bucket, name, player_id)):
        found += blocks
    return sorted(found, key=lambda block: (number_of(block.segment), block.offset))


async def _in_fold(bucket: Bucket, name: str, player_id: str) -> tuple[set[int], list[Block]]:
    start = await _start(bucket, name)
    fold = decode_fold(start)
    pairs = await _find(bucket, name, head_bytes(start), fold.partitions, player_id)
    found = [
        Block(fold.segments[place].segment, *fold.segments[place].blocks[block], block)
        for place, block in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    return {segment.number for segment in fold.segments}, found


async def _in_index(bucket: Bucket, name: str, player_id: str) -> list[Block]:
    start = await _start(bucket, name)
    head = decode_head(start)
    blocks = await _find(bucket, name, head_bytes(start), head.partitions, player_id)
    return [Block(head.segment, *head.blocks[block], block) for block in blocks]


async def _start(bucket: Bucket, name: str) -> bytes:
    """At least the head."""
    start = await bucket.get_range(name, 0, HEAD_GUESS_BYTES)
    length = head_bytes(start)
    return start if length <= len(start) else await bucket.get_range(name, 0, length)


async def _find(bucket: Bucket, name: str, begin: int, partitions: Sequence[int], player_id: str) -> list[int]:
    """What the player's partition has of the player; the partitions begin at byte `begin`."""
    wanted = partition_of(player_id, len(partitions))
    begin += sum(partitions[:wanted])
    return decode_players(await bucket.get_range(name, begin, partitions[wanted])).get(player_id, [])


async def _each(names: Sequence[str], read: Callable[[str], Coroutine[Any, Any, _Read]]) -> list[_Read]:
    """What `read` answers for each name, so many at the same time."""
    found: list[_Read] = []
    for begin in range(0, len(names), AT_ONCE_MAX):
        found += await asyncio.gather(*map(read, names[begin : begin + AT_ONCE_MAX]))
    return found
