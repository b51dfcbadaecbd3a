"""A batch of segments on its way into files: written aside, and in force only when the manifest names them.

A process that is killed meanwhile leaves files that nobody names; the next rebuild removes them.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from engine.transition import Transition
from feeds.facts.manifest import FactsFile
from feeds.facts.parquet import ROW_GROUP, SCHEMAS, Waiting
from feeds.facts.rows.making import DAY_MS, FAMILIES, rows

ROWS_MAX: Final = 2_000_000
"""Rows after which a batch ends: so much is read again after a kill."""
WRITERS_MAX: Final = 256
"""Files that are open at the same time, after which a batch ends, too."""
ASIDE: Final = ".part"
SEGMENTS: Final = "croupier.segments"
"""In a file's metadata: `FIRST-LAST`, the segments that its rows are from."""
COMPRESSION: Final = "zstd"


class Batch:
    """Rows of consecutive segments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting = {family: Waiting(family) for family in FAMILIES}
        self._writers: dict[tuple[str, int], tuple[Path, Any]] = {}
        self._rows: dict[tuple[str, int], int] = {}
        self.segments: list[int] = []
        self.rows = 0

    @property
    def first(self) -> int:
        """The lowest number of its segments; 0 if it has none."""
        return min(self.segments, default=0)

    @property
    def last(self) -> int:
        """The highest one."""
        return max(self.segments, default=0)

    @property
    def full(self) -> bool:
        """Whether the batch is to be ended."""
        return self.rows >= ROWS_MAX or len(self._writers) >= WRITERS_MAX

    def add(self, transition: Transition) -> None:
        """Its rows, each into its family."""
        for family, common, row in rows(transition):
            self.rows += 1
            if self._waiting[family].add(common, row):
                self._write(self._waiting[family])

    def begin(self, segment: int) -> None:
        """What is added from now on is of this segment. A batch holds whole segments only."""
        self.segments.append(segment)

    def end(self) -> list[FactsFile]:
        """Whole files under their names, on the disk; not in force yet."""
        for waiting in self._waiting.values():
            self._write(waiting)
        return [self._ended(family, day) for family, day in self._writers]

    def _write(self, waiting: Waiting) -> None:
        for day, table in waiting.take().items():
            key = waiting.family, day
            if key not in self._writers:
                self._writers[key] = self._begun(*key)
            self._writers[key][1].write_table(table, row_group_size=ROW_GROUP)
            self._rows[key] = self._rows.get(key, 0) + table.num_rows

    def _begun(self, family: str, day: int) -> tuple[Path, Any]:
        folder = self._folder / family / day_name(day)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f".{os.getpid()}{ASIDE}"
        return path, open_writer(path, family)

    def _ended(self, family: str, day: int) -> FactsFile:
        path, writer = self._writers[family, day]
        return finished(
            self._folder,
            path,
            writer,
            FactsFile("", family, day_name(day), self.first, self.last, self._rows[family, day]),
        )


def open_writer(path: Path, family: str) -> Any:
    """A Parquet file of that family, to be written."""
    return pq.ParquetWriter(path, SCHEMAS[family], compression=COMPRESSION)


def finished(folder: Path, aside: Path, writer: Any, described: FactsFile) -> FactsFile:
    """The file that was written aside, closed, synced and under its name."""
    span = f"{described.first:012d}-{described.last:012d}"
    writer.add_key_value_metadata({SEGMENTS: span})
    writer.close()
    _sync(aside)
    path = aside.parent / f"{span}.parquet"
    aside.replace(path)
    _sync(path.parent)
    return FactsFile(
        str(path.relative_to(folder)), described.family, described.day, described.first, described.last, described.rows
    )


def day_name(day: int) -> str:
    """Days since 1970 as `2026-11-28`."""
    return datetime.fromtimestamp(day * DAY_MS / 1_000, UTC).strftime("%Y-%m-%d")


def remove_unnamed(folder: Path, files: Iterable[FactsFile]) -> None:
    """Removes what a killed rebuild left, and files that others have replaced."""
    named = {folder / file.path for file in files}
    for family in FAMILIES:
        for path in (folder / family).glob("*/*"):
            if path not in named and (path.suffix == ".parquet" or path.name.endswith(ASIDE)):
                path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def by_place(files: Sequence[FactsFile]) -> dict[tuple[str, str], list[FactsFile]]:
    """Files by family and day, in the order of their segments."""
    found: dict[tuple[str, str], list[FactsFile]] = {}
    for file in sorted(files, key=lambda file: file.first):
        found.setdefault((file.family, file.day), []).append(file)
    return found
