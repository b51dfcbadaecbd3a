"""How far the audit tree has come, told by the objects of the archive alone."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from snapshots.archive.catalogue import Catalogue
from snapshots.archive.naming import INDEX, number_of
from snapshots.archive.place import Bucket
from snapshots.audit import checkpoints
from snapshots.audit.control import CONTROL, read_control
from snapshots.audit.extents import EXTENTS, Extent, counted, grouped, leaves_of, newest_in, read_extent
from snapshots.audit.merkle import Growing, leaf_hash
from snapshots.audit.notes import NoteInvalid, read_checkpoint
from snapshots.audit.tiles import TileReader
from snapshots.errors import CorruptArchive

LATE_MAX: Final = 64
"""By how many numbers a segment may come late: an archiver that was replaced may store one after its successor's."""
RECENT_MAX: Final = 2 * LATE_MAX
"""So many segments are remembered. What came before them has numbers that are too low to come late."""
Hashes = list[bytes]


class Standing:
    """The tree so far. `extents` is the number that the next extent gets."""

    def __init__(self, tree: Growing) -> None:
        self.tree = tree
        self.extents = 0
        self.segments = self.controls = 0
        """The highest number of a segment, and the last number of the control log, that the tree has."""
        self.recent: dict[int, str] = {}
        """The last segments of the tree, and the days they are of."""
        self.covered = 0
        """How many leaves a stored checkpoint covers."""
        self.origin = ""
        """Of the newest checkpoint; empty if there is none."""
        self.ended: str | None = None
        """The last day that has its checkpoint of the day's end; None: none has."""

    def advance(self, extent: Extent, hashes: Hashes) -> None:
        """The extent is stored, and its leaves are the tree's next."""
        self.tree.extend(hashes)
        self.note(extent)

    def note(self, extent: Extent) -> None:
        """The extent is part of the tree."""
        self.extents = max(self.extents, extent.number + 1)
        self.segments, self.controls = max(self.segments, extent.segments), max(self.controls, extent.controls)
        if extent.kind == "segment":
            self.recent[number_of(extent.object)] = day_in(extent.object)
            while len(self.recent) > RECENT_MAX:
                del self.recent[min(self.recent)]

    @property
    def day(self) -> str:
        """The day from which on there may be segments that the tree lacks; empty if it has none."""
        return min(self.recent.values(), default="")

    def lacks(self, number: int) -> bool:
        """Whether a segment is to be added."""
        return number not in self.recent and number > self.segments - LATE_MAX


def day_in(name: str) -> str:
    """`2026/11/28` of an object that lies in the folder of its day."""
    return "/".join(name.split("/")[1:4])


def day_after(day: str, days: int = 1) -> str:
    """The day so many days after (or, below 0, before) a day, both like `2026/11/28`."""
    return (datetime.strptime(day, "%Y/%m/%d").replace(tzinfo=UTC) + timedelta(days=days)).strftime("%Y/%m/%d")


async def resume(bucket: Bucket) -> Standing:
    """Reads the newest checkpoint and the extents behind it. Raises ArchiveUnavailable, CorruptArchive."""
    standing = await _from_checkpoint(bucket)
    last = await newest_in(bucket, EXTENTS)
    if last is None:
        return standing
    extents = await _checked(bucket, last, standing.tree.size)
    for extent in extents:
        if extent.end <= standing.tree.size:
            standing.note(extent)
            continue
        if extent.first != standing.tree.size:
            raise CorruptArchive(f"extent {extent.number} begins at {extent.first}, not at {standing.tree.size}")
        content = await bucket.get(extent.object)
        standing.advance(extent, await asyncio.to_thread(_hashes, extent, content))
    return standing


async def _checked(bucket: Bucket, last: int, covered: int) -> list[Extent]:
    """The extents behind the checkpoint, and those before them up to `RECENT_MAX` segments, oldest first.

    How far an extent says that the tree has come is signed by nobody, and a number too high would end the tree, or let
    the control log be trimmed too far: it must follow from the extent before it, and lie within what the archive has.
    Raises as `resume`.
    """
    found = [await read_extent(bucket, last)]
    old = 0
    while found[-1].number > 0 and old <= RECENT_MAX:
        found.append(await read_extent(bucket, found[-1].number - 1))
        old += found[-1].end <= covered and found[-1].kind == "segment"
    found.reverse()
    before = (0, 0) if found[0].number == 0 else (found[0].segments, found[0].controls)
    for extent in found if found[0].number == 0 else found[1:]:
        if (extent.segments, extent.controls) != (before := counted(extent, *before)):
            raise CorruptArchive(f"extent {extent.number} says that the tree has come farther than it has")
    segments, controls = await _newest_segment(bucket), await _control_ends(bucket)
    if before[0] > segments + LATE_MAX or before[1] not in controls:
        raise CorruptArchive(f"extent {last} says that the tree has come farther than the archive")
    return found


async def _newest_segment(bucket: Bucket) -> int:
    """The highest number of the newest day; a late segment may have made it lower than that of the day before."""
    for day in reversed(await Catalogue(bucket).days()):
        if names := await bucket.names(f"{INDEX}/{day}"):
            return max(map(number_of, names))
    return 0


async def _control_ends(bucket: Bucket) -> tuple[int, int]:
    """How far the tree may have come with the control log: up to before the newest of its objects, or with it."""
    newest = await newest_in(bucket, CONTROL)
    if newest is None:
        return 0, 0
    return newest - 1, read_control(await bucket.get(f"{CONTROL}/{grouped(newest)}.msgpack.zst"))[-1][0]


async def _from_checkpoint(bucket: Bucket) -> Standing:
    stored = await checkpoints.newest(bucket)
    if stored is None:
        return Standing(Growing())
    try:
        checkpoint = read_checkpoint((await bucket.get(stored.name)).decode())
    except (NoteInvalid, UnicodeDecodeError) as error:
        raise CorruptArchive(f"{stored.name} can't be read: {error}") from None
    standing = Standing(await TileReader(bucket, checkpoint.size).growing())
    if standing.tree.root() != checkpoint.root:
        raise CorruptArchive(f"the tiles do not lead to the root of {stored.name}: it can't be gone on from there")
    standing.covered, standing.origin = checkpoint.size, checkpoint.origin
    standing.ended = await _last_end(bucket)
    return standing


async def _last_end(bucket: Bucket) -> str | None:
    for day in reversed(await checkpoints.days(bucket)):
        if any(stored.ends_day for stored in await checkpoints.of_day(bucket, day)):
            return day
    return None


def _hashes(extent: Extent, content: bytes) -> Hashes:
    return [leaf_hash(leaf) for leaf in leaves_of(extent, content).leaves]


async def segments_from(bucket: Bucket, day: str, lacks: Callable[[int], bool], limit: int) -> list[str]:
    """The names of at most `limit` indexes of which the tree lacks the segments, by day and number.

    Raises ArchiveUnavailable.
    """
    found: list[str] = []
    parts = day.split("/") if day else ["", "", ""]
    for year in [name for name in await bucket.folders(INDEX) if name >= parts[0]]:
        for month in await bucket.folders(f"{INDEX}/{year}"):
            if f"{year}/{month}" < "/".join(parts[:2]):
                continue
            for each in await bucket.folders(f"{INDEX}/{year}/{month}"):
                if f"{year}/{month}/{each}" >= day:
                    names = await bucket.names(f"{INDEX}/{year}/{month}/{each}")
                    found += [name for name in names if lacks(number_of(name))]
                if len(found) >= limit:
                    return found[:limit]
    return found
