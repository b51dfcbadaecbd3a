"""Which signed checkpoint of the archive vouches for a period: the first one that covers its last entry."""

import base64
import logging
from collections.abc import Mapping
from typing import Final, NamedTuple

from feeds.facts.manifest import ShardEnd
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.format import public_payload
from snapshots.archive.index import Head
from snapshots.archive.naming import SEGMENTS, day_of
from snapshots.archive.place import Bucket
from snapshots.archive.segment import read_block
from snapshots.audit.checkpoints import Stored, days, newest, of_day, stored_keys
from snapshots.audit.locating import extent_of
from snapshots.audit.notes import NoteInvalid, VerifierKey, verified_checkpoint
from snapshots.codec import decode_batch, decode_entry
from snapshots.errors import ArchiveUnavailable, CorruptArchive, CorruptLog

log = logging.getLogger("croupier.reports")

DAYS_SEARCHED_MAX: Final = 31
SEGMENTS_MAX: Final = 2_000
"""Of which it is looked, behind the period's end, whether they have entries of the period."""


class Vouched(NamedTuple):
    """A checkpoint in words, empty without any; `covers`: whether all entries of the period are under it."""

    words: str
    covers: bool


NOTHING: Final = Vouched("", covers=False)


async def vouching(bucket: Bucket, until_ms: int, ends: Mapping[str, ShardEnd]) -> Vouched:
    """The first checkpoint over the last segment with entries before `until_ms` (Unix ms), else the newest one.

    `ends` are how far the facts are with every shard. The same sealed period always has the same checkpoint.
    """
    try:
        segment = await _last_segment(bucket, until_ms, ends)
        covering = None if segment is None else await _first_over(bucket, segment)
        stored = covering or await newest(bucket)
        if stored is None:
            return NOTHING
        keys = [VerifierKey.parsed(key) for key in await stored_keys(bucket)]
        found = verified_checkpoint((await bucket.get(stored.name)).decode(), keys)
        if found.size != stored.size:
            raise NoteInvalid(f"it is of {found.size} entries, and its name says {stored.size}")
    except ArchiveUnavailable:
        return NOTHING
    except (NoteInvalid, CorruptArchive, CorruptLog, UnicodeDecodeError) as problem:
        log.error("no checkpoint can vouch for the report: %s", problem)
        return NOTHING
    words = f"{found.origin}, {found.size} entries, root {base64.b64encode(found.root).decode()}"
    return Vouched(words, covering is not None)


async def _last_segment(bucket: Bucket, until_ms: int, ends: Mapping[str, ShardEnd]) -> str | None:
    """The last one with entries of the period, or the last one that was cut before its end; None without any.

    A segment that is cut before the end has nothing that comes after it. Behind it are read those segments that have
    logs of shards of which nothing later was seen: a shard's entries are in the order of their times.
    """
    catalogue = Catalogue(bucket)
    before, names = await _around(catalogue, until_ms)
    last = None if before is None else (await catalogue.head(before)).segment
    waiting = set(ends)
    for looked, name in enumerate(names):
        head = await catalogue.head(name)
        if waiting & {span.shard_id for span in head.logs.values()}:
            found = _times(head, await bucket.get(head.segment))
            if any(earliest < until_ms for earliest, _ in found.values()):
                last = head.segment
            waiting -= {shard_id for shard_id, (_, latest) in found.items() if latest >= until_ms}
        waiting -= {shard_id for shard_id in waiting if _through(head, shard_id, ends[shard_id])}
        if not waiting:
            return last
        if looked == SEGMENTS_MAX:
            return head.segment
    return last


async def _around(catalogue: Catalogue, until_ms: int) -> tuple[str | None, list[str]]:
    """The index of the last segment that was cut before the period's end, and all after it, oldest first."""
    end = day_of(until_ms)
    before: str | None = None
    after: list[str] = []
    all_days = sorted(await catalogue.days())
    earlier = [day for day in all_days if day < end]
    if earlier:
        before = (await catalogue.names(earlier[-1]))[-1]
    for day in [day for day in all_days if day >= end]:
        after += await catalogue.names(day)
        if len(after) > 2 * SEGMENTS_MAX and day > end:
            break
    low, high = 0, len(after)
    while low < high:
        middle = (low + high) // 2
        if (await catalogue.head(after[middle])).cut_ms < until_ms:
            low = middle + 1
        else:
            high = middle
    return (after[low - 1] if low else before), after[low:]


def _times(head: Head, segment: bytes) -> dict[str, tuple[int, int]]:
    """When the earliest and the latest entry of each shard was (Unix ms)."""
    found: dict[str, tuple[int, int]] = {}
    for offset, length in head.blocks:
        for record in read_block(segment[offset : offset + length]):
            for entry in decode_batch(public_payload(record)):
                time_ms = decode_entry(entry).time_ms
                earliest, latest = found.get(record.shard_id, (time_ms, time_ms))
                found[record.shard_id] = min(earliest, time_ms), max(latest, time_ms)
    return found


def _through(head: Head, shard_id: str, end: ShardEnd) -> bool:
    """Whether the archive has with this segment all that the facts have of the shard."""
    come = head.ends.get(shard_id)
    return come is not None and come.place >= (end.epoch, end.seq)


async def _first_over(bucket: Bucket, segment: str) -> Stored | None:
    """The first checkpoint of a tree that has the segment: it is signed on the day on which that was cut, or later."""
    extent = await extent_of(bucket, segment)
    if extent is None:
        return None
    cut_on = segment.removeprefix(f"{SEGMENTS}/").rpartition("/")[0]
    for day in [day for day in await days(bucket) if day >= cut_on][:DAYS_SEARCHED_MAX]:
        for stored in await of_day(bucket, day):
            if stored.size >= extent.end:
                return stored
    return None
