"""Copies an archive with its proof to a folder, uncompressed, together with the program that verifies it alone."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from croupier.audit import verify as standalone
from croupier.audit.walking import all_checkpoints, extent_count, walk
from snapshots.archive.place import Bucket
from snapshots.audit.checkpoints import KEYS
from snapshots.audit.control import uncompressed
from snapshots.audit.extents import extent_name
from snapshots.audit.leaves import raw_blocks
from snapshots.errors import CorruptArchive

Told = Callable[[int, int], None]


async def export(bucket: Bucket, target: Path, told: Told = lambda done, of: None) -> int:
    """How many objects were written. What is there already is left as it is.

    Raises ArchiveUnavailable, CorruptArchive, OSError.
    """
    count, end = 0, await extent_count(bucket)
    async for name, content in _objects(bucket, end):
        path = target / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            count += 1
        told(count, end)
    shutil.copy(standalone.__file__, target / "verify.py")
    return count


async def _objects(bucket: Bucket, end: int) -> AsyncIterator[tuple[str, bytes]]:
    for name in await bucket.names(KEYS):
        yield name, await bucket.get(name)
    for stored in await all_checkpoints(bucket):
        yield stored.name, await bucket.get(stored.name)
    async for walked in walk(bucket, end):
        if walked.extent is None or walked.content is None:
            raise CorruptArchive(f"extent {walked.number} or its object can't be had: {walked.failure}")
        yield extent_name(walked.number), await bucket.get(extent_name(walked.number))
        raw = b"".join(raw_blocks(walked.content)) if walked.extent.kind == "segment" else uncompressed(walked.content)
        yield walked.name.removesuffix(".zst"), raw
