"""Facts are the archive's, whatever happens while they are made: in one go or in many, killed, read twice, damaged."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from engine.transition import Transition
from feeds.facts import batch as batching
from feeds.facts import parquet
from feeds.facts.batch import SEGMENTS
from feeds.facts.locking import reading, writing
from feeds.facts.manifest import FactsUnusable, Manifest, load
from feeds.facts.rebuilding import Progress, Span, rebuild
from snapshots.errors import CorruptArchive
from tests.support.playing import DAY_MS, Table
from tests.support.sealed_archive import SealedArchive

Rows = list[tuple[Any, ...]]


def played(spins: int, days: int = 1) -> list[Transition]:
    """A player who spins, evenly over some days."""
    table = Table(real=100_000)
    begin = table.now
    for number in range(spins):
        table.now = begin + number * days * DAY_MS // spins
        table.spin(10, 15 if number % 3 else 0)
    return table.transitions


def rows_of(folder: Path, family: str = "bets") -> Rows:
    """All rows that are in force, in the order of the player's versions."""
    files = [file for file in load(folder).files if file.family == family]
    tables = [pq.read_table(folder / file.path, partitioning=None) for file in files]
    assert [table.num_rows for table in tables] == [file.rows for file in files]
    found = [tuple(row.values()) for table in tables for row in table.to_pylist()]
    return sorted(found, key=lambda row: row[1:3])


async def sealed(folder: Path, transitions: Sequence[Transition], segments: int) -> SealedArchive:
    archive = SealedArchive(folder)
    size = -(-len(transitions) // segments)
    for begin in range(0, len(transitions), size):
        await archive.seal(transitions[begin : begin + size])
    return archive


async def test_the_same_facts_in_one_go_and_in_many(tmp_path: Path) -> None:
    transitions = played(60, days=3)
    archive = SealedArchive(tmp_path / "archive")
    for begin in range(0, len(transitions), 7):
        await archive.seal(transitions[begin : begin + 7])
        await rebuild(archive.bucket, tmp_path / "many")
    whole = await rebuild(archive.bucket, tmp_path / "one")
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "many") != []
    assert {file.day for file in whole.files if file.family == "bets"} == {"2026-01-01", "2026-01-02", "2026-01-03"}
    assert len(rows_of(tmp_path / "one", "money")) == 1
    again = await rebuild(archive.bucket, tmp_path / "one")
    assert (again.through, list(again.files)) == (whole.through, list(whole.files)), "nothing was new"


async def test_many_rebuilds_leave_few_files_and_each_names_its_segments(tmp_path: Path) -> None:
    archive = SealedArchive(tmp_path / "archive")
    for transition in played(14):
        await archive.seal([transition])
        manifest = await rebuild(archive.bucket, tmp_path / "facts")
    files = [file for file in manifest.files if file.family == "bets"]
    assert len(files) <= 4
    assert sorted(path.name for path in (tmp_path / "facts" / "bets").glob("*/*")) == [
        Path(file.path).name for file in files
    ], "what was merged is gone"
    for file in files:
        named = pq.read_metadata(tmp_path / "facts" / file.path).metadata[SEGMENTS.encode()].decode()
        assert named == f"{file.first:012d}-{file.last:012d}"


async def test_a_record_that_the_archive_holds_twice_is_read_once(tmp_path: Path) -> None:
    transitions = played(20)
    archive = SealedArchive(tmp_path / "archive")
    await archive.seal(transitions[:11])
    await rebuild(archive.bucket, tmp_path / "facts")
    await archive.seal_again()
    await archive.seal(transitions[11:])
    await rebuild(archive.bucket, tmp_path / "facts")
    assert len(rows_of(tmp_path / "facts")) == 2 * 20


async def test_a_segment_that_comes_late_is_read_too(tmp_path: Path) -> None:
    transitions = played(60)
    early, late = tmp_path / "archive", tmp_path / "late"
    archive = await sealed(early, transitions, segments=6)
    late.mkdir()
    hidden = [path for path in early.rglob("000000000003.*") if path.is_file()]
    places = {path: late / path.name for path in hidden}
    for path, place in places.items():
        path.rename(place)
    await rebuild(archive.bucket, tmp_path / "facts")
    assert 0 < len(rows_of(tmp_path / "facts")) < 2 * 60
    for path, place in places.items():
        place.rename(path)
    manifest = await rebuild(archive.bucket, tmp_path / "facts")
    await rebuild(archive.bucket, tmp_path / "one")
    assert rows_of(tmp_path / "facts") == rows_of(tmp_path / "one")
    assert manifest.through == 6
    assert not any(log.gaps for log in manifest.logs.values()), "nothing is missing any more"


async def test_a_killed_rebuild_loses_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(progress: Progress) -> None:
        if progress.done == 5:
            raise Killed

    monkeypatch.setattr(batching, "ROWS_MAX", 30)  # two segments make a batch
    monkeypatch.setattr(parquet, "ROW_GROUP", 8)  # rows reach the disk at once
    archive = await sealed(tmp_path / "archive", played(60), segments=6)
    with pytest.raises(Killed):
        await rebuild(archive.bucket, tmp_path / "facts", kill)
    before = load(tmp_path / "facts")
    assert 0 < before.through < 5, "whole batches are in force"
    assert list((tmp_path / "facts").rglob("*.part")), "the kill was in the middle of a batch"
    after = await rebuild(archive.bucket, tmp_path / "facts")
    await rebuild(archive.bucket, tmp_path / "one")
    assert rows_of(tmp_path / "facts") == rows_of(tmp_path / "one")
    named = {tmp_path / "facts" / file.path for file in after.files}
    assert set((tmp_path / "facts").glob("*/*/*")) == named


async def test_files_stay_while_somebody_reads(tmp_path: Path) -> None:
    transitions = played(20)
    archive = SealedArchive(tmp_path / "archive")
    await archive.seal(transitions[:10])
    manifest = await rebuild(archive.bucket, tmp_path / "facts")
    await archive.seal(transitions[10:])
    with reading(tmp_path / "facts"):
        await rebuild(archive.bucket, tmp_path / "facts")
        assert all((tmp_path / "facts" / file.path).exists() for file in manifest.files)
    await rebuild(archive.bucket, tmp_path / "facts")
    replaced = [file for file in manifest.files if file.family == "bets"]
    assert not any((tmp_path / "facts" / file.path).exists() for file in replaced)


async def test_a_damaged_segment_is_named_and_what_was_before_it_stays(tmp_path: Path) -> None:
    archive = await sealed(tmp_path / "archive", played(20), segments=2)
    await rebuild(archive.bucket, tmp_path / "facts")
    before = load(tmp_path / "facts")
    await archive.seal(played(5))
    [newest] = (tmp_path / "archive").rglob("000000000003.msgpack.zst")
    newest.write_bytes(newest.read_bytes()[:-9] + b"\0" * 9)
    with pytest.raises(CorruptArchive, match="damaged"):
        await rebuild(archive.bucket, tmp_path / "facts")
    assert load(tmp_path / "facts") == before


async def test_facts_of_another_archive_are_not_mixed(tmp_path: Path) -> None:
    one = await sealed(tmp_path / "one", played(5), segments=1)
    other = await sealed(tmp_path / "other", played(9), segments=1)
    await rebuild(one.bucket, tmp_path / "facts")
    with pytest.raises(FactsUnusable, match="another archive"):
        await rebuild(other.bucket, tmp_path / "facts")
    await rebuild(other.bucket, tmp_path / "facts", anew=True)
    assert len(rows_of(tmp_path / "facts")) == 2 * 9


async def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    archive = await sealed(tmp_path / "archive", played(1), segments=1)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(FactsUnusable, match=r"it holds letter\.txt"):
        await rebuild(archive.bucket, tmp_path / "home")


async def test_one_rebuild_at_a_time(tmp_path: Path) -> None:
    archive = await sealed(tmp_path / "archive", played(1), segments=1)
    (tmp_path / "facts").mkdir()
    with writing(tmp_path / "facts"), pytest.raises(FactsUnusable, match="being rebuilt by another process"):
        await rebuild(archive.bucket, tmp_path / "facts", wait_s=0.0)


async def test_facts_may_begin_later_than_the_archive_and_say_so(tmp_path: Path) -> None:
    transitions = played(20)
    archive = SealedArchive(tmp_path / "archive")
    for day, begin in enumerate(range(0, 20, 10)):
        await archive.seal(transitions[begin : begin + 10], cut_ms=transitions[0].time_ms + (day + 1) * DAY_MS)
    part = await rebuild(archive.bucket, tmp_path / "facts", span=Span(since="2026/01/03"))
    assert (part.whole, part.begin, part.through) == (False, 2, 2)
    with pytest.raises(FactsUnusable, match="has facts already"):
        await rebuild(archive.bucket, tmp_path / "facts", span=Span(since="2026/01/02"))
    first = await rebuild(archive.bucket, tmp_path / "first", span=Span(until="2026/01/02"))
    assert (first.whole, first.through) == (True, 1)


@pytest.mark.parametrize(("content", "says"), [("{", "is damaged"), ('{"format": 9}', "is of format 9")])
async def test_a_damaged_manifest_is_told(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "facts.json").write_text(content)
    with pytest.raises(FactsUnusable, match=says):
        load(tmp_path)


async def test_an_empty_archive_has_no_facts(tmp_path: Path) -> None:
    archive = SealedArchive(tmp_path / "archive")
    assert await rebuild(archive.bucket, tmp_path / "facts") == Manifest()
