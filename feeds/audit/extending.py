"""Makes the tree longer: segments that were archived, and entries of the control log, become extents."""

import asyncio
import logging
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Literal

from feeds.audit.standing import Hashes, Standing, segments_from
from feeds.reading import ControlLog
from snapshots.archive.naming import INDEX, number_of, segment_name
from snapshots.archive.place import Bucket
from snapshots.audit.control import CONTROL, read_control, write_control
from snapshots.audit.extents import (
    FORMAT,
    Extent,
    Leaves,
    control_leaves,
    encode_extent,
    extent_name,
    grouped,
    segment_leaves,
)
from snapshots.audit.merkle import leaf_hash
from snapshots.errors import AlreadyStored, StoreError

log = logging.getLogger("croupier.audit")

SEGMENTS_AT_ONCE: Final = 16
CONTROLS_AT_ONCE: Final = 500
CONTROL_BYTES_MAX: Final = 4_194_304


class Extending:
    """Adds to `standing` what the archive and the control log have and the tree lacks.

    Every call raises ArchiveUnavailable, CorruptArchive; AlreadyStored if another archiver went on before this one:
    then the standing is of no use any more.
    """

    def __init__(self, bucket: Bucket, control: ControlLog | None) -> None:
        self._bucket, self._control = bucket, control

    async def segments(self, standing: Standing) -> list[str]:
        """The names of the next segments that the tree lacks."""
        names = await segments_from(self._bucket, standing.day, standing.lacks, SEGMENTS_AT_ONCE)
        return [segment_name(name.removeprefix(f"{INDEX}/").rpartition("/")[0], number_of(name)) for name in names]

    async def add_segment(self, standing: Standing, name: str) -> None:
        """The segment's leaves are the tree's next."""
        content = await self._bucket.get(name)
        numbers = max(standing.segments, number_of(name)), standing.controls
        await self._add(standing, "segment", name, content, numbers)

    async def add_control(self, standing: Standing) -> bool:
        """The next entries of the control log are the tree's next leaves; False if there are none.

        What an earlier life has stored already is taken as it is.
        """
        entries = _within(await self._control_entries(standing.controls))
        if not entries:
            return False
        name = f"{CONTROL}/{grouped(standing.controls + 1)}.msgpack.zst"
        content = write_control(entries)
        try:
            await self._bucket.put_new(name, content)
        except AlreadyStored:
            content = await self._bucket.get(name)
        last = read_control(content)[-1][0]
        await self._add(standing, "control", name, content, (standing.segments, last))
        return True

    async def _control_entries(self, after: int) -> Sequence[tuple[int, bytes]]:
        """None while the store gives no answer: what is archived is proved without it."""
        try:
            return [] if self._control is None else await self._control.control_entries(after, CONTROLS_AT_ONCE)
        except StoreError as failure:
            log.warning("the control log can't be read now: %s", failure)
            return []

    async def trim_control(self, through: int) -> bool:
        """The control log up to `through` is in the archive for good; False if the store could not be told."""
        try:
            if self._control is not None:
                await self._control.trim_control(through)
        except StoreError as failure:
            log.warning("the control log can't be trimmed now: %s", failure)
            return False
        return True

    async def _add(
        self,
        standing: Standing,
        kind: Literal["segment", "control"],
        name: str,
        content: bytes,
        numbers: tuple[int, int],
    ) -> None:
        found, hashes = await asyncio.to_thread(_hashed, kind, name, content)
        extent = Extent(
            format=FORMAT,
            number=standing.extents,
            kind=kind,
            object=name,
            sha256=sha256(content).hexdigest(),
            first=standing.tree.size,
            leaves=len(found.leaves),
            blocks=found.blocks,
            segments=numbers[0],
            controls=numbers[1],
        )
        await self._bucket.put_new(extent_name(extent.number), encode_extent(extent))
        standing.advance(extent, hashes)


def _within(entries: Sequence[tuple[int, bytes]]) -> Sequence[tuple[int, bytes]]:
    """As many as go into one object; at least one."""
    size = 0
    for count, (_, entry) in enumerate(entries):
        size += len(entry)
        if count and size > CONTROL_BYTES_MAX:
            return entries[:count]
    return entries


def _hashed(kind: str, name: str, content: bytes) -> tuple[Leaves, Hashes]:
    found = segment_leaves(name, content) if kind == "segment" else control_leaves(name, content)
    return found, [leaf_hash(leaf) for leaf in found.leaves]
