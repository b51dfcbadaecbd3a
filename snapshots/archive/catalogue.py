"""Which segments there are, by the names and heads of their indexes; a place is found by halving."""

from collections import OrderedDict
from collections.abc import Callable

from snapshots.archive.index import HEAD_GUESS_BYTES, Head, decode_head, head_bytes
from snapshots.archive.naming import INDEX, day_of, number_of
from snapshots.archive.place import Bucket

HEADS_CACHED_MAX = 512


class Catalogue:
    """The indexes of one archive. Heads never change, so the last ones are kept; listings are always new."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._heads: OrderedDict[str, Head] = OrderedDict()

    async def days(self) -> list[str]:
        """All days that have segments, oldest first: `2026/11/28`. Raises ArchiveUnavailable."""
        days: list[str] = []
        for year in await self._bucket.folders(INDEX):
            for month in await self._bucket.folders(f"{INDEX}/{year}"):
                days += [f"{year}/{month}/{day}" for day in await self._bucket.folders(f"{INDEX}/{year}/{month}")]
        return days

    async def names(self, day: str) -> list[str]:
        """The indexes of a day, oldest first. Raises ArchiveUnavailable."""
        return await self._bucket.names(f"{INDEX}/{day}")

    async def newest(self) -> Head | None:
        """The head of the newest index; None if there is none yet. Raises ArchiveUnavailable, CorruptArchive."""
        for day in reversed(await self.days()):
            if names := await self.names(day):
                return await self.head(names[-1])
        return None

    async def first(self, holds: Callable[[Head], bool]) -> Head | None:
        """The oldest head of which `holds` is true, if it stays true for all newer ones; None if it is true of none."""
        days = await self.days()
        low, high = 0, len(days)
        while low < high:
            middle = (low + high) // 2
            names = await self.names(days[middle])
            if names and holds(await self.head(names[-1])):
                high = middle
            else:
                low = middle + 1
        return await self._first_of(await self.names(days[low]), holds) if low < len(days) else None

    async def _first_of(self, names: list[str], holds: Callable[[Head], bool]) -> Head | None:
        low, high = 0, len(names)
        while low < high:
            middle = (low + high) // 2
            if holds(await self.head(names[middle])):
                high = middle
            else:
                low = middle + 1
        return await self.head(names[low]) if low < len(names) else None

    async def before(self, head: Head) -> Head | None:
        """The head of the index before; None if there is none. Raises ArchiveUnavailable, CorruptArchive."""
        day = day_of(head.cut_ms)
        names = [name for name in await self.names(day) if number_of(name) < head.number]
        if not names:
            earlier = [other for other in await self.days() if other < day]
            names = await self.names(earlier[-1]) if earlier else []
        return await self.head(names[-1]) if names else None

    async def head(self, name: str) -> Head:
        """The head of an index. Raises ArchiveUnavailable, CorruptArchive."""
        known = self._heads.get(name)
        if known is not None:
            self._heads.move_to_end(name)
            return known
        start = await self._bucket.get_range(name, 0, HEAD_GUESS_BYTES)
        length = head_bytes(start)
        if length > len(start):
            start = await self._bucket.get_range(name, 0, length)
        self._heads[name] = decode_head(start)
        if len(self._heads) > HEADS_CACHED_MAX:
            self._heads.popitem(last=False)
        return self._heads[name]
