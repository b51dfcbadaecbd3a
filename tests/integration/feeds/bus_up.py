"""`croupier` with a witness beside its readers: `python -m tests.integration.feeds.bus_up up …`, for the tests.

WITNESS is the file into which that reader writes what the journal holds.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from actors.settings import ReaderPlan
from croupier import cli
from croupier.running import up
from feeds.public.mapping import public_events
from feeds.reading import Followed, Notes
from snapshots.codec import decode_entry
from snapshots.contract import Position


class Witness:
    """A sink that writes a line for each entry: player, version, the ids of its public events."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)
        self._settled: dict[str, Position] = {}

    async def open(self) -> None:
        """It is open."""

    async def take(self, followed: Followed) -> None:
        """Writes through to the operating system, so that a killed process loses nothing."""
        for keyed in followed.entries:
            ids = (event.id for event in public_events(decode_entry(keyed)))
            self._file.write(f"{keyed.player_id} {keyed.version} {' '.join(ids)}\n")
        self._settled[followed.shard_id] = followed.position

    def settled(self) -> Mapping[str, Position]:
        """All that was written."""
        return self._settled

    async def ask(self, request: bytes) -> bytes:
        """It has nothing to say."""
        return b"null"

    async def close(self) -> None:
        """Closes the file."""
        self._file.close()


async def make(settings: bytes, notes: Notes, registry: CollectorRegistry) -> Witness:
    """The settings are the path."""
    return Witness(Path(msgspec.json.decode(settings, type=str)))


def main() -> int:
    """The command line, with one reader more."""
    plans = up.reader_plans

    def with_witness(*arguments: object) -> tuple[ReaderPlan, ...]:
        witness = msgspec.json.encode(os.environ["WITNESS"])
        plan = ReaderPlan("notices", "tests.integration.feeds.bus_up.make", witness)
        return (*plans(*arguments), plan)  # type: ignore[arg-type]

    up.reader_plans = with_witness
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
