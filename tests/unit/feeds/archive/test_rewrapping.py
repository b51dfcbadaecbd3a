"""The key-encryption key is changed: nothing is unreadable meanwhile, and then the former one is not needed."""

import asyncio
import logging
from pathlib import Path

import pytest

from feeds.archive.keys import key_ring, previous_keys
from feeds.archive.settings import ArchiveSettings
from feeds.reading import SinkFailed
from snapshots.archive.place import ArchivePlace
from snapshots.archive.sealing import KeyRing
from snapshots.contract import Position
from snapshots.credentials import Credential
from snapshots.errors import CorruptArchive
from tests.support.archiving import KEK, Archive, MemoryNotes, PlayedLog
from tests.support.patience import PATIENCE_S

NEW, OTHER = bytes(range(32, 64)), bytes(range(64, 96))
PLAYERS = [f"p{number}" for number in range(40)]


async def until(archive: Archive, rewrapping: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while archive.registry.get_sample_value("archive_rewrapping") != rewrapping:
            await asyncio.sleep(0.005)


async def keys(notes: MemoryNotes, *keks: bytes) -> list[bytes | None]:
    """The keys of all players, as somebody with these key-encryption keys reads them."""
    ring = KeyRing(notes, keks[0], keks[1:])  # type: ignore[arg-type]
    return [await ring.key(player_id) for player_id in PLAYERS]


async def written_under_the_old_key(folder: Path, played: PlayedLog) -> MemoryNotes:
    async with Archive(folder) as archive:
        for player_id in PLAYERS:
            await archive.sink.take(played.arrive(player_id))
        await archive.sink.take(played.erase(PLAYERS[0]))
        await archive.until_settled(Position(1, len(PLAYERS) + 1))
    return archive.notes


async def test_all_keys_are_wrapped_anew_while_the_archive_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("feeds.archive.rewrapping.PAGE", 3)
    caplog.set_level(logging.WARNING)
    played = PlayedLog()
    notes = await written_under_the_old_key(tmp_path, played)
    before = await keys(notes, KEK)
    async with Archive(tmp_path, notes, keks=(NEW, KEK)) as archive:
        await archive.sink.take(played.arrive("newcomer"))
        assert await keys(notes, NEW, KEK) == before, "meanwhile, too"
        await until(archive, 0)
        assert archive.metric("rewrapped_keys_total") == len(PLAYERS) - 1
    assert before[0] is None and await keys(notes, NEW) == before
    with pytest.raises(CorruptArchive):
        await KeyRing(notes, KEK).key(PLAYERS[1])  # type: ignore[arg-type]
    assert "39 keys of players were wrapped anew; previous_keys are not needed any more" in caplog.text
    async with Archive(tmp_path, notes, keks=(NEW,)) as archive:
        await archive.until_stored(len(PLAYERS) + 2)
        found = await archive.reading().read_log("s0-1", 1, 10)
    assert [record.payload for record in found] == [record.payload for record in played.records[1 : len(found) + 1]]


async def test_a_key_that_none_opens_is_named_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    notes = await written_under_the_old_key(tmp_path, PlayedLog())
    kept = dict(notes.kept)
    async with Archive(tmp_path, notes, keks=(NEW, OTHER)) as archive:
        async with asyncio.timeout(PATIENCE_S):
            while "wrapped by none of the keys" not in caplog.text:
                await asyncio.sleep(0.005)
        assert archive.registry.get_sample_value("archive_rewrapping") == 1
    assert notes.kept == kept


def test_a_former_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    former = (Credential(file=str(tmp_path / "old.key")),)
    settings = ArchiveSettings(
        ArchivePlace(str(tmp_path)), str(tmp_path), key_file=str(tmp_path / "key"), previous_keys=former
    )
    with pytest.raises(SinkFailed, match=r"has not all previous_keys: .*old\.key"):
        previous_keys(settings)
    (tmp_path / "old.key").write_text(KEK.hex())
    assert previous_keys(settings) == (KEK,)
    assert isinstance(key_ring(settings, MemoryNotes()), KeyRing)  # type: ignore[arg-type]
