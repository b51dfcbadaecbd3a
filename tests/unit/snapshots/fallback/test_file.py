"""The format of a fallback file: chained, checked, sealed for good; what a crash and a bad disk leave of it."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapshots.contract import GENESIS, AppendedRecord, Incarnation, LogHead
from snapshots.errors import CorruptLog, Fenced
from snapshots.fallback.file import FallbackFile, NotHere, file_name

INC = Incarnation("s0", 4, "nonce", "s0-3")


def records(count: int, base: LogHead | None = None) -> list[AppendedRecord]:
    made, head = [], base or LogHead(7, b"7" * 16)
    for number in range(count):
        made.append(AppendedRecord(head, b"batch %d" % number, {"players": number}))
        head = made[-1].after
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fallback" / file_name(INC)


@pytest.fixture
def file(path: Path) -> Iterator[FallbackFile]:
    made = FallbackFile.create(path, INC)
    yield made
    made.close()


def test_a_new_file_is_empty_and_for_this_user_only(file: FallbackFile, path: Path) -> None:
    assert (file.inc, file.base, file.end, file.count) == (INC, LogHead(0, GENESIS), LogHead(0, GENESIS), 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_records_come_back_as_they_were(file: FallbackFile) -> None:
    written = records(5)
    file.begin(INC, written[2].before, written[:2])
    for record in written[2:]:
        assert file.append(record) == record.after
    assert file.read(7, 100) == written and file.read(9, 2) == written[2:4]
    assert (file.base, file.end, file.count) == (written[0].before, written[-1].after, 5)


def test_the_same_record_succeeds_again_and_nothing_else_does(file: FallbackFile) -> None:
    first, second = records(2)
    file.begin(INC, first.before, ())
    assert file.append(first) == file.append(first)
    with pytest.raises(Fenced, match="ends at 8, not at 7"):
        file.append(first._replace(payload=b"another"))
    file.append(second)
    assert file.count == 2


def test_a_process_that_is_killed_leaves_what_it_has_appended(file: FallbackFile, path: Path) -> None:
    written = records(3)
    file.begin(INC, written[0].before, ())
    for record in written:
        file.append(record)
    elsewhere = path.with_name("copy.fallback")  # as the files lie there, without the goodbye of a connection
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{elsewhere}{suffix}")
    found = FallbackFile.open(elsewhere)
    assert found.read(7, 100) == written and found.inc == INC
    found.close()


def test_a_torn_last_commit_is_gone_and_the_ones_before_it_are_not(file: FallbackFile, path: Path) -> None:
    written = records(2)
    file.begin(INC, written[0].before, ())
    file.append(written[0])
    before = os.path.getsize(f"{path}-wal")
    file.append(written[1])
    elsewhere = path.with_name("torn.fallback")
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{elsewhere}{suffix}")
    os.truncate(f"{elsewhere}-wal", before + 100)
    found = FallbackFile.open(elsewhere)
    assert found.read(7, 100) == written[:1]
    found.close()


@pytest.mark.parametrize("column", ["payload", "tallies", "hash"])
def test_damage_is_noticed(file: FallbackFile, path: Path, column: str) -> None:
    written = records(3)
    file.begin(INC, written[0].before, written)
    with sqlite3.connect(path) as other:
        other.execute(f"UPDATE records SET {column}=x'80' WHERE seq=9")
    other.close()
    with pytest.raises(CorruptLog, match="record 9 is damaged"):
        file.read(7, 100)


def test_a_missing_record_is_noticed(file: FallbackFile, path: Path) -> None:
    written = records(3)
    file.begin(INC, written[0].before, written)
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM records WHERE seq=9")
    other.close()
    with pytest.raises(CorruptLog):
        file.read(7, 100)


def test_a_sealed_file_takes_nothing_more_also_of_who_has_it_open(file: FallbackFile, path: Path) -> None:
    first, second = records(2)
    file.begin(INC, first.before, ())
    file.append(first)
    successor = FallbackFile.open(path)
    successor.seal()
    for write in (lambda: file.append(second), lambda: file.begin(INC, first.before, ()), file.confirm):
        with pytest.raises(Fenced, match="is sealed"):
            write()
    assert successor.read(7, 10) == [first]
    successor.remove()
    with pytest.raises(Fenced, match="is sealed"):
        file.append(second)


def test_a_file_that_was_emptied_begins_anew(file: FallbackFile) -> None:
    written = records(4)
    file.begin(INC, written[0].before, written[:2])
    file.empty()
    assert file.count == 0
    later = Incarnation("s0", 9, "nonce", "s0-3")
    file.begin(later, written[2].before, ())
    file.append(written[2])
    assert (file.inc, file.base, file.read(9, 10)) == (later, written[2].before, [written[2]])


def test_a_file_that_is_missing_is_not_taken_for_an_empty_one(path: Path) -> None:
    with pytest.raises(NotHere, match="is not on this host"):
        FallbackFile.open(path)
    assert not path.exists()
