"""One life of a process that keeps two schedules, for tests that end it by SIGKILL: `python -m … FOLDER`.

Time is quick: a day passes in 200 ms, counted from the first life on. Notes are files that are replaced in one step.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from feeds.reports.schedules.destinations import Delivery, PlaceDestination
from feeds.reports.schedules.keeper import Order, ScheduleKeeper, ScheduleMetrics
from feeds.reports.schedules.settings import ScheduleSettings
from feeds.reports.schedules.standing import Standings
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace

START_MS = 1_772_366_400_000
"""2026-03-01T12:00:00Z."""
DAY_MS, DAY_S = 86_400_000, 0.2
DAYS = 60


class FileNotes:
    """Implements `Notes`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Mapping[str, bytes]:
        found = {path.name.replace("~", "/"): path for path in sorted(self._folder.iterdir()) if path.suffix != ".new"}
        return {key: path.read_bytes() for key, path in found.items() if key.startswith(prefix) and key > after}

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        for key, value in notes.items():
            path = self._folder / key.replace("/", "~")
            if value is None:
                path.unlink(missing_ok=True)
            else:
                aside = path.with_suffix(".new")
                aside.write_bytes(value)
                aside.replace(path)


class Mailbox:
    """A line for each mail; what was written stays, whoever is killed."""

    once = False

    def __init__(self, file: Path) -> None:
        self._file = file

    async def deliver(self, delivery: Delivery) -> None:
        line = json.dumps([delivery.name, list(delivery.remarks)]) + "\n"
        handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, line.encode())
        os.close(handle)
        await asyncio.sleep(0.002)


class Maker:
    """Implements `Maker`: what it writes differs each time."""

    async def make(self, order: Order, into: Path) -> bool:
        await asyncio.sleep(0.002)
        into.write_text(f"{order.period.label} {time.monotonic()}")
        return True


def schedule(**changes: object) -> ScheduleSettings:
    given: dict[str, object] = {"report": "closing", "cron": "30 2 * * *", "period": "previous_day"}
    return ScheduleSettings(**(given | {"time_zone": "Europe/Berlin"} | changes))  # type: ignore[arg-type]


async def live(folder: Path) -> None:
    began = float((folder / "began").read_text())
    keeper = ScheduleKeeper(
        {"placed": schedule(place=ArchivePlace("there")), "mailed": schedule(mail=("a@b.example",))},
        {
            "placed": PlaceDestination(lambda: open_bucket(ArchivePlace(str(folder / "there")))),
            "mailed": Mailbox(folder / "mails"),
        },
        Maker(),
        Standings(FileNotes(folder / "notes")),
        ScheduleMetrics(CollectorRegistry()),
        lambda: START_MS + min(DAYS * DAY_MS, round((time.time() - began) / DAY_S * DAY_MS)),
    )
    while True:
        await keeper.look()
        if time.time() - began > DAYS * DAY_S:
            await keeper.look()
            return
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
