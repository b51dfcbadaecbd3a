"""The archive as facts read it: segment by segment, each record once, without any key."""

from collections.abc import AsyncIterator, Container, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

from engine.transition import Transition
from feeds.facts.manifest import LogRead, ShardEnd
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.format import ArchivedRecord, public_payload
from snapshots.archive.index import Head
from snapshots.archive.naming import number_of
from snapshots.archive.place import Bucket
from snapshots.archive.segment import read_block
from snapshots.codec import decode_batch, decode_entry

LATE_MAX: Final = 64
"""By how many numbers a segment may come late: an archiver that was replaced may store one after its successor's."""
LOGS_MAX: Final = 1_024
"""Logs of which it is known what was read of them. Nobody archives records of older ones any more."""
GAPS_MAX: Final = 256
NOBODY: Final = ShardEnd(0, 0)
UNREAD: Final = LogRead()


async def index_names(bucket: Bucket, after: int, but: Container[int] = ()) -> list[str]:
    """The indexes of all segments behind number `after` but for some, oldest first. Raises ArchiveUnavailable."""
    catalogue = Catalogue(bucket)
    found: list[str] = []
    for day in await catalogue.days():
        names = await catalogue.names(day)
        found += [name for name in names if number_of(name) > after and number_of(name) not in but]
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

    def __init__(self, ends: Mapping[str, ShardEnd], logs: Mapping[str, LogRead]) -> None:
        self.ends, self.logs = dict(ends), dict(logs)

    def transitions(self, head: Head, segment: bytes) -> Iterator[Transition]:
        """The entries of the segment's new records. Raises CorruptArchive, CorruptLog."""
        for offset, length in head.blocks:
            for record in read_block(segment[offset : offset + length]):
                yield from self._of(record)
        for oldest in [*self.logs][:-LOGS_MAX]:
            del self.logs[oldest]

    def _of(self, record: ArchivedRecord) -> Iterator[Transition]:
        end = self.ends.get(record.shard_id, NOBODY)
        known = self.logs.pop(record.log_id, None)
        if known is None and record.epoch < end.epoch and len(self.logs) >= LOGS_MAX:
            return
        after = with_record(known or UNREAD, record.seq)
        self.logs[record.log_id] = after or known or UNREAD
        if after is None:
            return
        time_ms = end.time_ms
        for entry in decode_batch(public_payload(record)):
            transition = decode_entry(entry)
            time_ms = max(time_ms, transition.time_ms)
            yield transition
        epoch, seq = max((record.epoch, record.seq), (end.epoch, end.seq))
        self.ends[record.shard_id] = ShardEnd(epoch, seq, time_ms)


def with_record(log: LogRead, seq: int) -> LogRead | None:
    """The log with this record read; None if it was read before."""
    if seq == log.last + 1:
        return LogRead(seq, log.gaps)
    if seq > log.last:
        return LogRead(seq, (*log.gaps, (log.last + 1, seq - 1))[-GAPS_MAX:])
    for first, last in log.gaps:
        if first <= seq <= last:
            return LogRead(log.last, _without(log.gaps, (first, last), seq))
    return None


def _without(gaps: Sequence[tuple[int, int]], gap: tuple[int, int], seq: int) -> tuple[tuple[int, int], ...]:
    first, last = gap
    split = ((first, seq - 1), (seq + 1, last))
    return tuple(part for each in gaps for part in (split if each == gap else (each,)) if part[0] <= part[1])
