"""A player's entries are found by few readings, whatever is in a fold already and whatever is not."""

from collections import Counter
from pathlib import Path

import pytest

from feeds.archive.spool import CutFile
from feeds.archive.uploading import Uploader
from snapshots.archive.bucket import open_bucket
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.finding import blocks_of
from snapshots.archive.folding import FOLD_SEGMENTS, build_fold, fold_name, is_due, names_to_fold, put_fold
from snapshots.archive.format import archived, encode_record, search
from snapshots.archive.index import End, read_index
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.archive.reading import ArchivedRecords
from snapshots.archive.segment import build_segment
from snapshots.contract import Position
from tests.support.archiving import PlayedLog
from tests.support.playing import DAY_MS, START_MS

SEGMENTS = 150
RECORDS = SEGMENTS + 1
"""Two players arrive, and then there is a spin in each segment."""


class Counting:
    """A bucket that counts what is asked of it."""

    def __init__(self, real: Bucket) -> None:
        self._real, self.asked = real, Counter[str]()

    def __getattr__(self, name: str) -> object:
        self.asked[name] += 1
        return getattr(self._real, name)


async def filled(folder: Path, folds: bool) -> ArchivedRecords:
    """So many segments, over two days; each third one has a spin of alice, each one a spin of bob."""
    bucket, played, ends = open_bucket(ArchivePlace(str(folder))), PlayedLog(), dict[str, End]()
    played.arrive("alice")
    played.arrive("bob")
    for number in range(1, SEGMENTS):
        followed = played.spins("alice" if number % 3 == 0 else "bob", 1)
        key = {"alice": bytes(32), "bob": bytes(32)}
        records = [played.followed(record) for record in played.records] if number == 1 else followed
        encoded = [
            encode_record(archived(("s0", 1, "s0-1"), one.record, search(one.record.payload).personal, key))
            for one in records
        ]
        cut_ms = START_MS + number * DAY_MS // 100
        built = build_segment(number, cut_ms, ends, encoded)
        ends = dict(built.ends)
        await bucket.put_new(built.segment_name, built.segment)
        await bucket.put_new(built.index_name, built.index_bytes)
        if folds and is_due(number):
            await Uploader._fold(Uploading(bucket), CutFile(folder, number, cut_ms))  # type: ignore[arg-type]
    return ArchivedRecords(bucket)


class Uploading:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket


@pytest.mark.parametrize("folds", [False, True])
async def test_with_folds_and_without_the_same_is_found(tmp_path: Path, folds: bool) -> None:
    archive = await filled(tmp_path, folds)
    found = [entry.version for entry in await archive.player_entries("alice", 0)]
    assert found == list(range(1, 3 + (SEGMENTS - 1) // 3 + 1))
    assert await archive.player_entries("nobody", 0) == []


async def test_folds_take_the_place_of_their_indexes(tmp_path: Path) -> None:
    await filled(tmp_path, True)
    bucket = Counting(open_bucket(ArchivePlace(str(tmp_path))))
    found = await blocks_of(bucket, "nobody", 0)  # type: ignore[arg-type]
    assert found == []
    in_no_fold = SEGMENTS - 1 - (SEGMENTS // FOLD_SEGMENTS * FOLD_SEGMENTS - 1)
    assert bucket.asked["get_range"] == 2 * (2 + in_no_fold)


async def test_only_the_days_that_matter_are_read(tmp_path: Path) -> None:
    archive = await filled(tmp_path, False)
    late = await archive.player_entries("alice", START_MS + DAY_MS)
    assert [entry.version for entry in late] == list(range(37, 53))


async def test_a_fold_that_is_made_again_is_as_good(tmp_path: Path) -> None:
    await filled(tmp_path, True)
    bucket = open_bucket(ArchivePlace(str(tmp_path)))
    number, cut_ms = FOLD_SEGMENTS - 1, START_MS + (FOLD_SEGMENTS - 1) * DAY_MS // 100
    names = await names_to_fold(Catalogue(bucket), number)
    assert len(names) == FOLD_SEGMENTS - 1, "numbers begin at 1"
    fewer = build_fold([read_index(await bucket.get(name)) for name in names[:-1]])
    await put_fold(bucket, fold_name(cut_ms, number), fewer)


async def test_places_in_a_log_are_found_by_halving(tmp_path: Path) -> None:
    archive = await filled(tmp_path, False)
    for after in (0, 1, 77, SEGMENTS - 2):
        page = await archive.read_log("s0-1", after, 10)
        assert page[0].seq == after + 1
    assert await archive.read_log("s0-1", RECORDS, 10) == []
    assert await archive.read_log("s0-2", 0, 10) == []
    assert [log.last_seq for log in await archive.logs("s0", Position(0, 0))] == [RECORDS]
