"""An end at any moment, again and again: whatever was settled is in the archive, once for each reader of it."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feeds.archive.disk import Disk
from feeds.reading import SinkFailed
from snapshots.contract import LogRecord, Position
from tests.support.archiving import Archive, FaultyBucket, MemoryNotes, PlayedLog


class Crashed(Exception):
    """The process is gone; what it had begun may or may not have happened."""


class Fate:
    """Lets so many steps happen, and then none any more."""

    def __init__(self, dice: random.Random) -> None:
        self._dice, self._steps = dice, dice.randrange(1, 40)

    def happens(self) -> bool:
        """Whether one more step is carried out; the last one perhaps, and nobody hears of it (`check`)."""
        self._steps -= 1
        return self._steps > 0 or (self._steps == 0 and self._dice.random() < 0.5)

    def check(self) -> None:
        if self._steps <= 0:
            raise Crashed

    def step(self, happen: Callable[[], Any]) -> None:
        if self.happens():
            happen()
        self.check()


class MortalDisk(Disk):
    """A disk whose process ends at some moment; of what is written then, a part is there."""

    def __init__(self, fate: Fate, dice: random.Random) -> None:
        self._fate, self._dice = fate, dice

    def append(self, handle: int, content: bytes) -> None:
        whole = self._fate.happens()
        super().append(handle, content if whole else content[: self._dice.randrange(len(content))])
        self._fate.check()

    def rename(self, path: Path, to: Path) -> None:
        self._fate.step(lambda: super(MortalDisk, self).rename(path, to))

    def remove(self, path: Path) -> None:
        self._fate.step(lambda: super(MortalDisk, self).remove(path))

    def replace(self, path: Path, content: bytes) -> None:
        self._fate.step(lambda: super(MortalDisk, self).replace(path, content))


class MortalBucket(FaultyBucket):
    """A bucket whose caller ends before or after an object is stored."""

    fate: Fate

    async def put_new(self, name: str, content: bytes) -> None:
        if self.fate.happens():
            await self.real.put_new(name, content)
        self.fate.check()


async def one_life(folder: Path, notes: MemoryNotes, played: PlayedLog, cursor: int, dice: random.Random) -> int:
    """Takes from the cursor on until it ends; answers what it had settled by then."""
    fate = Fate(dice)
    archive = Archive(folder, notes, MortalDisk(fate, dice), segment_age_s=0.002)
    mortal = MortalBucket(archive.bucket.real)
    mortal.fate = fate
    archive.sink._bucket = archive.sink._uploader._bucket = mortal  # type: ignore[assignment]
    try:
        await archive.sink.open()
        for record in played.records[cursor:]:
            await archive.sink.take(played.followed(record))
            await asyncio.sleep(dice.random() * 0.002)
        await asyncio.sleep(0.05)
    except (SinkFailed, Crashed):
        pass
    settled = archive.sink.settled().get("s0", Position(1, cursor)).seq
    await archive.sink.close()
    return max(settled, cursor)


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_was_settled_is_archived(tmp_path: Path, seed: int) -> None:
    dice, played, notes, cursor = random.Random(seed), PlayedLog(), MemoryNotes(), 0
    played.arrive("alice")
    played.arrive("bob")
    played.spins("alice", 60)
    for _ in range(200):
        cursor = await one_life(tmp_path, notes, played, cursor, dice)
        if cursor == len(played.records):
            break
    assert cursor == len(played.records)
    async with Archive(tmp_path, notes) as last:
        await last.until_stored(len(played.records))
        assert await all_records(last) == [(record.seq, record.payload) for record in played.records]


async def all_records(archive: Archive) -> list[tuple[int, bytes]]:
    found: list[LogRecord] = []
    reading = archive.reading()
    while page := await reading.read_log("s0-1", found[-1].seq if found else 0, 50):
        found += page
    return [(record.seq, record.payload) for record in found]


CHILD = """
import asyncio, sys
from pathlib import Path
from snapshots.contract import Position
from tests.support.archiving import Archive, PlayedLog

async def main():
    played = PlayedLog()
    played.arrive("alice")
    played.spins("alice", 400)
    async with Archive(Path(sys.argv[1])) as archive:
        told = 0
        for record in played.records:
            await archive.sink.take(played.followed(record))
            await asyncio.sleep(0.001)
            settled = archive.sink.settled().get("s0", Position(1, 0)).seq
            if settled > told:
                print(settled, flush=True)
                told = settled

asyncio.run(main())
"""


async def test_a_process_that_is_killed_has_lost_nothing_it_had_settled(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, cwd=os.getcwd())
    assert child.stdout is not None
    settled = 0
    while settled < 150:
        line = await asyncio.to_thread(child.stdout.readline)
        assert line, "the child ended by itself"
        settled = int(line)
    child.send_signal(signal.SIGKILL)
    rest = [int(line) for line in child.stdout.read().split()]
    child.wait()
    child.stdout.close()
    settled = max([settled, *rest])
    async with Archive(tmp_path) as next_life:
        await next_life.until_stored(settled)
        found = await all_records(next_life)
    assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
    assert len(found) >= settled
