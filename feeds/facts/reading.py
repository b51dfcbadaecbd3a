"""The archive as facts read it: segment by segment, each record once, without any key."""

from collections.abc import AsyncIterator, Iterator, Mapping
from hashlib import sha256
from typing import Final

from engine.transition import Transition
from feeds.facts.manifest import ShardEnd
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.format import ArchivedRecord, public_payload
from snapshots.archive.index import Head
from snapshots.archive.naming import number_of
from snapshots.archive.place import Bucket
from snapshots.archive.segment import read_block
from snapshots.codec import decode_batch, decode_entry

NOBODY: Final = ShardEnd(0, 0)


async def index_names(bucket: Bucket, after: int) -> list[str]:
    """The indexes of all segments behind number `after`, oldest first. Raises ArchiveUnavailable."""
    catalogue = Catalogue(bucket)
    found: list[str] = []
    for day in await catalogue.days():
        found += [name for name in await catalogue.names(day) if number_of(name) > after]
    return sorted(found, key=number_of)


async def identity(bucket: Bucket, name: str) -> str:
    """What tells this archive from any other: its first index, by name and hash."""
    return f"{name} {sha256(await bucket.get(name)).hexdigest()}"


async def segments(bucket: Bucket, names: list[str]) -> AsyncIterator[tuple[Head, bytes]]:
    """Each segment's head and bytes, in that order. Raises ArchiveUnavailable, CorruptArchive."""
    catalogue = Catalogue(bucket)
    for name in names:
        head = await catalogue.head(name)
        yield head, await bucket.get(head.segment)


class Records:
    """Which records were read already: an archive may hold one twice, if two archivers wrote it."""

    def __init__(self, ends: Mapping[str, ShardEnd]) -> None:
        self.ends = dict(ends)

    def transitions(self, head: Head, segment: bytes) -> Iterator[Transition]:
        """The entries of the segment's new records. Raises CorruptArchive, CorruptLog."""
        for offset, length in head.blocks:
            for record in read_block(segment[offset : offset + length]):
                yield from self._of(record)

    def _of(self, record: ArchivedRecord) -> Iterator[Transition]:
        end = self.ends.get(record.shard_id, NOBODY)
        if (record.epoch, record.seq) <= (end.epoch, end.seq):
            return
        time_ms = end.time_ms
        for entry in decode_batch(public_payload(record)):
            transition = decode_entry(entry)
            time_ms = transition.time_ms
            yield transition
        self.ends[record.shard_id] = ShardEnd(record.epoch, record.seq, time_ms)
