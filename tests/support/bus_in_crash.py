"""A bus in that dies at a chosen point, as a process of its own: `python -m tests.support.bus_in_crash FOLDER BROKERS`.

What its players and its store were told lies in the folder, so that the next process finds it. `CRASH` in the
environment is `point:n`: the process ends without a goodbye when it comes to the point for the n-th time. Without it
the process runs until SIGTERM.
"""

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

from prometheus_client import CollectorRegistry

from actors.outcome import OnOutcome
from engine.commands import CommandBody
from engine.queries import QueryBody
from feeds.bus.incoming.consuming import ConsumerThread
from feeds.bus.incoming.dead_letters import DurableProducer
from feeds.bus.kafka_in import run
from snapshots.contract import Position, Reader
from tests.support.bus_in import RememberingPlayers, settings_of
from tests.support.reader_store import MemoryReaders

Point = Literal[
    "before_apply",
    "after_apply",
    "before_watermark",
    "after_watermark",
    "before_letter",
    "after_letter",
    "after_commit",
]
POINTS: Final = get_args(Point)
CODE: Final = 77
"""The exit code of a crash."""


class Crash:
    """Counts the times that the process comes to its point."""

    def __init__(self, chosen: str) -> None:
        self._point, _, number = chosen.partition(":")
        self._left = int(number or 0)

    def at(self, point: Point) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os._exit(CODE)


class FilePlayers(RememberingPlayers):
    """What is applied is in a file before it is answered."""

    def __init__(self, folder: Path, crash: Crash) -> None:
        super().__init__()
        self.delay_s = 0.04  # so that watermarks are written while messages wait
        self._file = (folder / "applied").open("a+")
        self._file.seek(0)
        for line in self._file:
            command_id, player_id = line.split()
            assert command_id not in self.applied, f"{command_id} was applied twice"
            self.applied[command_id] = player_id
        self._crash = crash

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        if command_id not in self.applied:
            self._crash.at("before_apply")
            self._file.write(f"{command_id} {player_id}\n")
            self._file.flush()
            self._crash.at("after_apply")
        super().submit(player_id, command_id, body, on_outcome)


class FileReaders(MemoryReaders):
    """What is committed is in a file when the call returns."""

    def __init__(self, folder: Path, crash: Crash) -> None:
        super().__init__()
        self._path, self._crash = folder / "readers", crash
        if self._path.exists():
            self._claims, self._notes = pickle.loads(self._path.read_bytes())

    async def claim_notes(self, name: str, nonce: str) -> Reader:
        reader = await super().claim_notes(name, nonce)
        self._keep()
        return reader

    async def commit_reader(
        self, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]
    ) -> None:
        moved = notes.get("next", b"0") != b"0"
        if moved:
            self._crash.at("before_watermark")
        await super().commit_reader(reader, positions, notes)
        self._keep()
        if moved:
            self._crash.at("after_watermark")

    def _keep(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(pickle.dumps((self._claims, self._notes)))
        fresh.replace(self._path)


def hook(crash: Crash) -> None:
    """Crashes around a letter and after a commit, where no double stands in the way."""
    put, commit = DurableProducer.put, ConsumerThread._commit

    async def put_and_crash(producer: DurableProducer, *letter: Any) -> None:
        crash.at("before_letter")
        await put(producer, *letter)
        crash.at("after_letter")

    def commit_and_crash(consumer: ConsumerThread) -> None:
        before = dict(consumer._committed)
        commit(consumer)
        if consumer._committed != before:
            crash.at("after_commit")

    DurableProducer.put = put_and_crash  # type: ignore[method-assign]
    ConsumerThread._commit = commit_and_crash  # type: ignore[method-assign]


async def main() -> None:
    folder, brokers = Path(sys.argv[1]), sys.argv[2]
    crash = Crash(os.environ.get("CRASH", ""))
    hook(crash)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run(settings_of(brokers), FilePlayers(folder, crash), FileReaders(folder, crash), stop, CollectorRegistry())


if __name__ == "__main__":
    asyncio.run(main())
