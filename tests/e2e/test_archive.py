"""The archive that `croupier up` keeps by default: the journal byte by byte, without persons who were erased.

`proof/test_whole_archive.py` tells the same story each time, on one server whose archive is cut twice a second.
"""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.archive_story import archived, check_forgotten, come_and_go
from tests.support.croupier_up import CroupierUp, wait_until

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]


def segments(folder: Path) -> list[Path]:
    return list((folder / "archive").rglob("*.zst"))


def test_the_journal_is_archived_and_an_erased_player_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    first = CroupierUp(tmp_path / "first", f"sqlite:{folder}", "--shards", "1", "--spares", "0", archive=True)
    try:
        come_and_go(first)
        assert first.stop() == 0
    finally:
        if first.process.poll() is None:
            first.kill_everything()

    second = CroupierUp(tmp_path / "second", f"sqlite:{folder}", "--shards", "1", "--spares", "0", archive=True)
    try:
        wait_until("a segment is stored", lambda: bool(segments(folder)), timeout_s=90)
        assert second.stop() == 0
    finally:
        if second.process.poll() is None:
            second.kill_everything()
    check_forgotten(asyncio.run(archived(folder, folder / "archive")))
