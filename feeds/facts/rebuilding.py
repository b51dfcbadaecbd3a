"""Brings a folder of facts up to the archive. Cheap if little is new; killed at any time, it goes on the next time."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from feeds.facts.batch import Batch, remove_unnamed
from feeds.facts.locking import SPILL, WAIT_S, removing, writing
from feeds.facts.manifest import NAME, FactsUnusable, Manifest, load, save
from feeds.facts.merging import merged
from feeds.facts.reading import LATE_MAX, Records, identity, index_names, segments
from feeds.facts.rows.making import FAMILIES
from snapshots.archive.naming import INDEX, number_of
from snapshots.archive.place import Bucket


class Progress(msgspec.Struct, frozen=True):
    """So many of `segments` are read, and so many rows were made of them."""

    done: int
    segments: int
    rows: int


class Span(msgspec.Struct, frozen=True):
    """From which day on segments are read, and up to which: UTC days, as `2026/11/28`, on which they were cut."""

    since: str = ""
    until: str = "9999/12/31"


OnProgress = Callable[[Progress], None]
ALL: Final = Span()


def _silent(_progress: Progress) -> None: ...


async def rebuild(
    bucket: Bucket, folder: Path, on_progress: OnProgress = _silent, span: Span = ALL, *, anew: bool = False,
    wait_s: float = WAIT_S,
) -> Manifest:  # fmt: skip
    """What is in force when all that `bucket` holds is in `folder`. `anew`: nothing that is there is used.

    Raises FactsUnusable, ArchiveUnavailable, CorruptArchive, CorruptLog.
    """
    made(folder)
    with writing(folder, wait_s):
        if anew:
            _forget(folder)
        manifest = await _begun(bucket, folder, span)
        return await _Rebuild(bucket, folder, manifest, on_progress).run(span)


def made(folder: Path) -> None:
    """The folder is there. Raises FactsUnusable if it can't be, or if it holds something else."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FactsUnusable(f"the folder of facts {folder} can't be made: {error.strerror}") from error
    others = [path.name for path in folder.iterdir() if path.name not in FAMILIES and path.name[:1] != "."]
    if others and NAME not in others:
        raise FactsUnusable(f"{folder} is no folder of facts: it holds {others[0]}; name an empty folder")


def _forget(folder: Path) -> None:
    (folder / NAME).unlink(missing_ok=True)
    for family in FAMILIES:
        shutil.rmtree(folder / family, ignore_errors=True)


async def _begun(bucket: Bucket, folder: Path, span: Span) -> Manifest:
    """What is in force, and whether it is of this archive. New facts note from which archive they are."""
    manifest = load(folder)
    names = await index_names(bucket, 0)
    if not names:
        return manifest
    first = await identity(bucket, names[0])
    if manifest.first and manifest.first != first:
        raise FactsUnusable(
            f"the facts in {folder} are of another archive: name another folder, or rebuild them --anew"
        )
    if manifest.first and span.since:
        raise FactsUnusable(f"{folder} has facts already: a first day is for new facts, in an empty folder or anew")
    if manifest.first:
        return manifest
    since = [name for name in names if _day(name) >= span.since]
    before = number_of(since[0]) - 1 if since else number_of(names[-1])
    return replace(manifest, first=first, whole=before < number_of(names[0]), through=before)


def _day(index: str) -> str:
    return index.removeprefix(f"{INDEX}/").rpartition("/")[0]


class _Rebuild:
    def __init__(self, bucket: Bucket, folder: Path, manifest: Manifest, on_progress: OnProgress) -> None:
        self._bucket, self._folder, self._manifest, self._on_progress = bucket, folder, manifest, on_progress
        self._records = Records(manifest.ends, manifest.logs)
        self._rows = 0

    async def run(self, span: Span) -> Manifest:
        names = [name for name in await self._new() if _day(name) <= span.until]
        self._clean()
        batch = Batch(self._folder)
        done = 0
        async for head, segment in segments(self._bucket, names):
            batch.begin(head.number)
            for transition in self._records.transitions(head, segment):
                batch.add(transition)
            done += 1
            self._on_progress(Progress(done, len(names), self._rows + batch.rows))
            if batch.full:
                batch = self._put_in_force(batch)
        if batch.last:
            self._put_in_force(batch)
        self._clean()
        return self._manifest

    async def _new(self) -> list[str]:
        """The indexes of segments that were not read yet, late ones too."""
        manifest = self._manifest
        after = max(manifest.begin - 1, manifest.through - LATE_MAX) if manifest.begin else manifest.through
        return await index_names(self._bucket, after, frozenset(manifest.recent))

    def _put_in_force(self, batch: Batch) -> Batch:
        """Its files, and those merged with them, are in force when the manifest is stored. Answers the next batch."""
        files = merged(self._folder, [*self._manifest.files, *batch.end()])
        self._manifest = replace(
            self._manifest,
            begin=self._manifest.begin or batch.first,
            through=max(self._manifest.through, batch.last),
            recent=[*self._manifest.recent, *batch.segments][-2 * LATE_MAX :],
            ends=dict(self._records.ends),
            logs=dict(self._records.logs),
            files=files,
        )
        save(self._folder, self._manifest)
        self._rows += batch.rows
        return Batch(self._folder)

    def _clean(self) -> None:
        """What is not in force is removed as soon as nobody reads."""
        with removing(self._folder) as alone:
            if alone:
                remove_unnamed(self._folder, self._manifest.files)
                for left in self._folder.glob(f"{SPILL}*"):
                    shutil.rmtree(left, ignore_errors=True)
