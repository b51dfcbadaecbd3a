"""Reads an archive's objects in the order of its tree, a few ahead of who looks at them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

from snapshots.archive.naming import INDEX, number_of, segment_name
from snapshots.archive.place import Bucket
from snapshots.audit import checkpoints
from snapshots.audit.checkpoints import Stored
from snapshots.audit.extents import EXTENTS, Extent, newest_in, read_extent
from snapshots.errors import ArchiveUnavailable, CorruptArchive

AHEAD: Final = 4
AT_ONCE: Final = 32
RESTS_S: Final = (0.2, 1.0, 5.0)
_Read = TypeVar("_Read")


class Walked(NamedTuple):
    """An extent and its object; what could not be had is None, and `failure` says why."""

    number: int
    extent: Extent | None
    content: bytes | None
    failure: str = ""

    @property
    def name(self) -> str:
        """The object's name; empty if it is not known."""
        return "" if self.extent is None else self.extent.object


async def walk(bucket: Bucket, end: int) -> AsyncIterator[Walked]:
    """Extents 0 to `end - 1` with their objects."""
    ahead: list[asyncio.Task[Walked]] = []
    for number in range(end):
        ahead.append(asyncio.create_task(_read(bucket, number)))
        if len(ahead) > AHEAD:
            yield await ahead.pop(0)
    for task in ahead:
        yield await task


async def _read(bucket: Bucket, number: int) -> Walked:
    try:
        extent = await patiently(lambda: read_extent(bucket, number))
    except (ArchiveUnavailable, CorruptArchive) as failure:
        return Walked(number, None, None, str(failure))
    try:
        return Walked(number, extent, await patiently(lambda: bucket.get(extent.object)))
    except ArchiveUnavailable as failure:
        return Walked(number, extent, None, str(failure))


async def patiently(read: Callable[[], Awaitable[_Read]]) -> _Read:
    """Tries again what was not answered; what is not there is not there. Raises ArchiveUnavailable."""
    for rest_s in RESTS_S:
        try:
            return await read()
        except ArchiveUnavailable as failure:
            if "not found" in str(failure).lower():
                raise
            await asyncio.sleep(rest_s)
    return await read()


async def many(names: Sequence[str], read: Callable[[str], Awaitable[_Read]]) -> list[_Read]:
    """What `read` answers for each name, so many at the same time. Raises ArchiveUnavailable."""
    found: list[_Read] = []
    for begin in range(0, len(names), AT_ONCE):
        some = names[begin : begin + AT_ONCE]
        found += await asyncio.gather(*(patiently(partial(read, name)) for name in some))
    return found


async def extent_count(bucket: Bucket) -> int:
    """How many extents there are. Raises ArchiveUnavailable."""
    newest = await newest_in(bucket, EXTENTS)
    return 0 if newest is None else newest + 1


async def all_checkpoints(bucket: Bucket) -> list[Stored]:
    """Every checkpoint, by size. Raises ArchiveUnavailable."""
    found: list[Stored] = []
    for day in await checkpoints.days(bucket):
        found += await checkpoints.of_day(bucket, day)
    return sorted(found, key=lambda stored: (stored.size, stored.name))


async def all_segments(bucket: Bucket) -> list[str]:
    """Every segment that has an index, by number. Raises ArchiveUnavailable."""
    found: list[str] = []
    for year in await bucket.folders(INDEX):
        for month in await bucket.folders(f"{INDEX}/{year}"):
            for day in await bucket.folders(f"{INDEX}/{year}/{month}"):
                names = await bucket.names(f"{INDEX}/{year}/{month}/{day}")
                found += [segment_name(f"{year}/{month}/{day}", number_of(name)) for name in names]
    return sorted(found, key=number_of)
