"""Small files of one family and day become one, so that a day of many rebuilds is not thousands of files.

A file is merged with those behind it when it is not more than twice as large as they are together. So each row is
rewritten only as often as the day's rows have doubled, and a day has few files.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from feeds.facts.batch import ASIDE, by_place, finished, open_writer
from feeds.facts.manifest import FactsFile
from feeds.facts.parquet import ROW_GROUP, SCHEMAS

MERGED_ROWS_MAX: Final = 4_000_000


def merged(folder: Path, files: Sequence[FactsFile]) -> list[FactsFile]:
    """The files that are to be in force in the place of these. Those that were replaced are still there."""
    kept: list[FactsFile] = []
    for listed in by_place(files).values():
        begin = _begin(listed)
        kept += listed[:begin]
        kept += listed[begin:] if len(listed) - begin < 2 else [_one(folder, listed[begin:])]
    return kept


def _begin(listed: Sequence[FactsFile]) -> int:
    """From which file on all are merged into one."""
    begin = len(listed) - 1
    together = listed[begin].rows
    while begin and listed[begin - 1].rows <= 2 * together and together + listed[begin - 1].rows <= MERGED_ROWS_MAX:
        begin -= 1
        together += listed[begin].rows
    return begin


def _one(folder: Path, listed: Sequence[FactsFile]) -> FactsFile:
    family, first = listed[0].family, folder / listed[0].path
    last = max(file.last for file in listed)
    aside = first.parent / f".{listed[0].first:012d}-{last:012d}-{os.getpid()}{ASIDE}"
    writer = open_writer(aside, family)
    for table in _gathered(folder, listed):
        writer.write_table(table, row_group_size=ROW_GROUP)
    rows = sum(file.rows for file in listed)
    described = FactsFile("", family, listed[0].day, listed[0].first, last, rows)
    return finished(folder, aside, writer, described)


def _gathered(folder: Path, listed: Sequence[FactsFile]) -> Iterator[Any]:
    """Their rows, in row groups that are full again."""
    waiting: list[Any] = []
    schema = SCHEMAS[listed[0].family]
    for file in listed:
        with pq.ParquetFile(folder / file.path) as source:
            for batch in source.iter_batches(ROW_GROUP):
                waiting.append(batch)
                if sum(part.num_rows for part in waiting) >= ROW_GROUP:
                    yield pa.Table.from_batches(waiting, schema)
                    waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting, schema)
