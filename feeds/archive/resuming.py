"""How far the archive has come, at the start of a life: what the spool says, and what the archive itself says."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from feeds.archive.spool import CutFile, Spool, advanced
from feeds.archive.uploading import build
from feeds.reading import SinkFailed
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.index import End
from snapshots.archive.naming import SEGMENTS, day_of, number_of, segment_name
from snapshots.archive.place import Bucket
from snapshots.errors import ArchiveUnavailable, CorruptArchive, StoreError

log = logging.getLogger("croupier.archive")

LOOK_S = 8.0
"""How long the archive may take to say how far it has come."""

OnDisk = Callable[..., Awaitable[Any]]
"""Has a call made by the thread of the spool."""


class Standing(NamedTuple):
    """The last number that was given to a segment, when the last one was cut (Unix ms), and how far each shard is."""

    number: int
    cut_ms: int
    ends: Mapping[str, End]


async def resume(bucket: Bucket, spool: Spool, on_disk: OnDisk, now_ms: int) -> Standing:
    """Opens the spool, and says where to go on.

    Raises SinkFailed if the spool is not to be had, or if neither the spool nor the archive can tell.
    """
    try:
        ends, waiting = await on_disk(spool.open, now_ms)
        last = await on_disk(spool.last)
    except (OSError, CorruptArchive) as error:
        raise SinkFailed(f"The archive's spool can't be used: {error}") from error
    number, known = last or (0, {})
    numbers, cuts = [file.number for file in waiting], [file.cut_ms for file in waiting]
    standing = Standing(max(number, *numbers, 0), max([0, *cuts]), advanced(ends, known))
    try:
        async with asyncio.timeout(LOOK_S):
            return await _look(bucket, spool, on_disk, standing)
    except (ArchiveUnavailable, TimeoutError) as failure:
        if last is None and not waiting:
            raise SinkFailed(f"The archive can't begin: {failure}") from failure
        log.warning("the archive does not answer; records stay in the spool meanwhile: %s", failure)
        return standing
    except StoreError as error:
        raise SinkFailed(f"The archive can't be read: {error}") from error


async def _look(bucket: Bucket, spool: Spool, on_disk: OnDisk, standing: Standing) -> Standing:
    """What the archive itself says; files whose numbers somebody else has used get new ones."""
    newest = await Catalogue(bucket).newest()
    stored = await newest_number(bucket)
    waiting = spool.waiting()
    taken = await first_taken(bucket, waiting, stored)
    number = max(standing.number, stored)
    if taken is not None:
        log.warning("segment %d is another archiver's: what waits here gets new numbers", taken.number)
        for file in [file for file in waiting if file.number >= taken.number]:
            number += 1
            await on_disk(spool.renumber, file, number)
    if newest is None:
        return standing._replace(number=number)
    return Standing(number, max(standing.cut_ms, newest.cut_ms), advanced(standing.ends, newest.ends))


async def newest_number(bucket: Bucket) -> int:
    """The number of the newest segment, with an index or without; 0 if there is none. Raises ArchiveUnavailable."""
    for year in reversed(await bucket.folders(SEGMENTS)):
        for month in reversed(await bucket.folders(f"{SEGMENTS}/{year}")):
            for day in reversed(await bucket.folders(f"{SEGMENTS}/{year}/{month}")):
                if names := await bucket.names(f"{SEGMENTS}/{year}/{month}/{day}"):
                    return number_of(names[-1])
    return 0


async def first_taken(bucket: Bucket, files: list[CutFile], newest: int) -> CutFile | None:
    """The first of the waiting files whose number another segment has; None if none has. Raises ArchiveUnavailable."""
    for file in files:
        if file.number <= newest and not await _is_stored(bucket, file):
            return file
    return None


async def _is_stored(bucket: Bucket, file: CutFile) -> bool:
    day = day_of(file.cut_ms)
    name = segment_name(day, file.number)
    if name not in await bucket.names(f"{SEGMENTS}/{day}"):
        return False
    return await bucket.get(name) == (await build(file)).segment
