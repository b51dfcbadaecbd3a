"""The store that keeps the players' keys may be away, or know another archiver: nothing is settled meanwhile."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from feeds.archive import sink
from feeds.reading import SinkFailed
from snapshots.contract import Position
from snapshots.errors import Fenced, StoreError, StoreUnavailable
from tests.support.archiving import Archive, MemoryNotes, PlayedLog


class TroubledNotes(MemoryNotes):
    """Notes that can't be written while there is a `trouble`."""

    def __init__(self, trouble: StoreError) -> None:
        super().__init__()
        self.trouble: StoreError | None = trouble
        self.refused = asyncio.Event()

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        if self.trouble is not None:
            self.refused.set()
            raise self.trouble
        await super().write(notes)


async def test_a_store_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "RETRY_S", 0.01)
    played, notes = PlayedLog(), TroubledNotes(StoreUnavailable("no answer"))
    async with Archive(tmp_path, notes) as archive:
        await archive.sink.take(played.arrive("alice"))
        await notes.refused.wait()
        assert archive.sink.settled() == {}
        notes.trouble = None
        await archive.until_settled(Position(1, 1))
        await archive.until_stored(1)
        [record] = await archive.reading().read_log("s0-1", 0, 10)
    assert record.payload == played.records[0].payload


async def test_an_archiver_that_was_replaced_ends(tmp_path: Path) -> None:
    played, notes = PlayedLog(), TroubledNotes(Fenced("another archiver"))
    async with Archive(tmp_path, notes) as archive:
        await archive.sink.take(played.arrive("alice"))
        await notes.refused.wait()
        with pytest.raises(SinkFailed, match="another archiver"):
            await take_slowly(archive, played)
        assert archive.sink.settled() == {}


async def take_slowly(archive: Archive, played: PlayedLog) -> None:
    for followed in played.spins("alice", 100):
        await archive.sink.take(followed)
        await asyncio.sleep(0.001)
