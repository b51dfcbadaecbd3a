"""How many events a second the archive's sink takes in one process, and what CPU one event costs.

`python -m benchmarks.archive_sink [--events N] [--batch ENTRIES]`: spins of a thousand players, in records as shards
write them, go through hash check, search for personal fields, spool with fsync, segments and their indexes, into a
folder. One record in fifty holds a deposit, whose personal fields are sealed.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from engine.catalog import Catalog, Currency, Game
from engine.commands import Command, CommandBody, Deposit, Register, Spin
from engine.player import execute
from engine.state import Player
from engine.transition import Transition
from feeds.archive.metrics import ArchiveMetrics
from feeds.archive.settings import ArchiveSettings
from feeds.archive.sink import ArchiveSink
from feeds.reading import Followed
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.codec import encode_batch, encode_entry
from snapshots.contract import GENESIS, LogRecord, Position, next_hash

PLAYERS = 1_000
START_MS = 1_767_225_600_000
CATALOG = Catalog(
    "bench",
    {"EUR": Currency(2, 1_000_000)},
    "real_first",
    {"book": Game("book", "slot", "demo", {"EUR": 10}, {"EUR": 10_000}, 100)},
    {},
)


class NoNotes:
    """Notes in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> dict[str, bytes]:
        """The one note that the sink asks for."""
        return {prefix: self.kept[prefix]} if prefix in self.kept else {}

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        """Keeps them."""
        self.kept |= {key: value for key, value in notes.items() if value is not None}


def played(events: int, batch: int) -> Iterator[Followed]:
    """Records of `batch` entries each, with about so many entries together."""
    players = [Player.new(f"player-{number:06d}") for number in range(PLAYERS)]
    hash_, entries, seq = GENESIS, list[tuple[str, int, bytes]](), 0
    for number in range(events):
        player = players[number % PLAYERS]
        done = execute(player, CATALOG, Command(f"gs:{number:032d}", START_MS + number, _body(number, batch)))
        assert isinstance(done, Transition), done
        entries.append((done.player_id, done.version, encode_entry(done)))
        if len(entries) == batch:
            payload = encode_batch(entries)
            seq, previous, hash_ = seq + 1, hash_, next_hash(hash_, payload)
            yield Followed("s0", "s0-1", Position(1, seq), LogRecord(seq, previous, hash_, payload), ())
            entries = []


def _body(number: int, batch: int) -> CommandBody:
    if number < PLAYERS:
        return Register("EUR", "FI")
    if number < 2 * PLAYERS or number % (50 * batch) == 0:
        return Deposit(100_000, "card-1", "198.51.100.7", "device")
    return Spin("book", "real", 10, 10)


async def measure(records: list[Followed], batch: int, folder: Path) -> str:
    """One line with the figures."""
    settings = ArchiveSettings(ArchivePlace(str(folder / "archive")), str(folder / "spool"), key_file="")
    bucket = open_bucket(settings.place)
    sink = ArchiveSink(settings, bucket, NoNotes(), bytes(32), ArchiveMetrics(CollectorRegistry()))
    await sink.open()
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    for followed in records:
        await sink.take(followed)
    while sink.settled().get("s0") != records[-1].position or list((folder / "spool").glob("*.cut")):
        await asyncio.sleep(0.005)
    took, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    await sink.close()
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    events = len(records) * batch
    stored = sum(path.stat().st_size for path in (folder / "archive").rglob("*") if path.is_file())
    raw = sum(len(followed.record.payload) for followed in records)
    return (
        f"{events} events in records of {batch}: {events / took:,.0f} events/s, "
        f"{cpu / events * 1e6:.1f} µs CPU per event, {raw / events:.0f} bytes per event, "
        f"{stored / raw:.0%} of them stored"
    )


def main() -> None:
    """Plays, then measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=20)
    given = parser.parse_args()
    records = list(played(given.events, given.batch))
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(measure(records, given.batch, Path(folder))))


if __name__ == "__main__":
    main()
