"""The control log read backwards from the archive: whole, in answers of a bounded size, or told why not."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from engine.control_entries import decode_control_entry
from feeds.audit import archived_control
from feeds.audit.archived_control import ArchivedControl, AskedControl
from tests.support.proving import ProvenArchive


async def archived(folder: Path, counts: tuple[int, ...]) -> ProvenArchive:
    """Objects of so many entries each; the operation names the entry's number."""
    archive, number = ProvenArchive(folder), 0
    for count in counts:
        for _ in range(count):
            number += 1
            archive.control.add(f"operation {number}")
        await archive.keep()
    return archive


async def ask(archive: ProvenArchive, before: int, limit: int = 1_000) -> Any:
    return json.loads(await ArchivedControl(archive.bucket).answer(AskedControl(before, limit)))


async def walked(archive: ProvenArchive, before: int, limit: int) -> list[tuple[int, str]]:
    """From answer to answer, until there is nothing more."""
    found: list[tuple[int, str]] = []
    while entries := (await ask(archive, before, limit)).get("entries"):
        found += [(number, decode_control_entry(base64.b64decode(entry)).operation) for number, entry in entries]
        before = found[-1][0]
    return found


@pytest.mark.parametrize("limit", [1, 7, 1_000])
async def test_all_entries_newest_first(tmp_path: Path, limit: int) -> None:
    archive = await archived(tmp_path, (3, 1, 12, 30))
    assert await walked(archive, 47, limit) == [(number, f"operation {number}") for number in range(46, 0, -1)]
    assert await walked(archive, 5, limit) == [(number, f"operation {number}") for number in range(4, 0, -1)]


async def test_numbers_of_other_folders_are_found(tmp_path: Path) -> None:
    """A folder has the names of a thousand numbers; an object may begin in the one before."""
    archive = await archived(tmp_path, (400, 500, 450, 20))
    found = [number for number, _ in await walked(archive, 1_371, 300)]
    assert found == list(range(1_370, 0, -1))


async def test_an_answer_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = await archived(tmp_path, (20,))
    monkeypatch.setattr(archived_control, "BYTES_MAX", 100)
    assert 1 <= len((await ask(archive, 21))["entries"]) < 20
    assert len(await walked(archive, 21, 1_000)) == 20


async def test_an_entry_that_is_not_there_is_no_end(tmp_path: Path) -> None:
    """What is missing must not look as if nothing had happened."""
    archive = await archived(tmp_path, (3, 4, 5))
    assert "entry 14 of the control log is missing" in (await ask(archive, 15))["detail"]
    [middle] = [path for path in (tmp_path / "control").rglob("*.zst") if path.name.startswith("004")]
    middle.unlink()
    assert (await ask(archive, 8))["outcome"] == "unavailable"
    middle.write_bytes(b"no segment")
    assert (await ask(archive, 8))["outcome"] == "unavailable"
    assert [number for number, _ in (await ask(archive, 13))["entries"]] == [12, 11, 10, 9, 8]
