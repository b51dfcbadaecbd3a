"""One life of the archive's process with a schedule that stands still at a step, to be killed there.

`python -m … FOLDER STEP`: settings are in `FOLDER/settings.json`, the store is in FOLDER. The life is that of the
product (`croupier.reporting.scheduling.make`, notes in the store, reports by `croupier report`); only the places at
which it can stand still are added. It prints the step at which it stands, and `looked` after each look.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

import snapshots.archive.bucket
from croupier.reporting import scheduling
from feeds.following.noting import StoreNotes
from feeds.reports.schedules import keeper
from feeds.reports.schedules.standing import PREFIX
from snapshots.contract import ARCHIVE
from snapshots.opening import open_store

HERE: str
"""The step at which this life stands still."""


def say(line: str) -> None:
    """To whoever started this process."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def step(name: str) -> None:
    """Stands still if it is the one, with all that the process does: until the test kills it."""
    if name == HERE:
        say(name)
        time.sleep(600)


class SteppingMaker(scheduling.ChildMaker):
    """`made`: the report is made, and not delivered."""

    async def make(self, order: keeper.Order, into: Path) -> bool:
        final = await super().make(order, into)
        step("made")
        return final


class SteppingNotes(StoreNotes):
    """`delivered`: the report is there, and no note says so. `noted`: a note says so."""

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        done = any(key.startswith(PREFIX) and b'"sending":""' in (value or b"") for key, value in notes.items())
        if done:
            step("delivered")
        await super().write(notes)
        if done:
            step("noted")


def stepping_sync(sync: Callable[[Path], None]) -> Callable[[Path], None]:
    """`delivering`: the file has come under its name, and is not on the disk yet."""

    def stand(path: Path) -> None:
        if path.suffix == ".csv":
            step("delivering")
        sync(path)

    return stand


class TellingKeeper(keeper.ScheduleKeeper):
    """Says when it has looked."""

    async def look(self) -> None:
        await super().look()
        say("looked")


async def live(folder: Path) -> None:
    """Until it is killed."""
    store = open_store(f"sqlite:{folder}")
    await store.open()
    notes = SteppingNotes(store, await store.claim_reader(ARCHIVE, secrets.token_hex(8)))
    sink = await scheduling.make((folder / "settings.json").read_bytes(), notes, CollectorRegistry())
    await sink.open()
    await asyncio.Event().wait()


if __name__ == "__main__":
    HERE = sys.argv[2]
    scheduling.ChildMaker = SteppingMaker  # type: ignore[misc]
    scheduling.ScheduleKeeper = TellingKeeper  # type: ignore[misc]
    snapshots.archive.bucket._sync = stepping_sync(snapshots.archive.bucket._sync)
    keeper.LOOK_S = 0.1
    asyncio.run(live(Path(sys.argv[1])))
