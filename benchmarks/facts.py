"""Facts and reports over many events: `python -m benchmarks.facts [--events 10000000] [--folder DIR]`.

Some players really play; the archive holds them many times over, each time under other ids, written by the journal's
own codec. Then the archive becomes facts, and the reports are made of them, each step in a process of its own, whose
time and memory are told. With `--folder` the archive is kept, and found again.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from engine.commands import Command, CommandBody, Deposit, Register, Rollback, Spin
from engine.player import execute
from engine.state import Player
from engine.transition import Transition
from snapshots.archive.bucket import open_bucket
from snapshots.archive.format import archived, encode_record
from snapshots.archive.index import End
from snapshots.archive.place import ArchivePlace
from snapshots.archive.segment import build_segment
from snapshots.codec import encode_batch, encode_entry
from snapshots.records import GENESIS, LogRecord, next_hash
from tests.support.playing import DAY_MS, START_MS, catalog_with, match, wager

EVENTS: Final = 10_000_000
PLAYERS: Final = 200
SPINS: Final = 100
"""By each of them."""
BATCH: Final = 50
SEGMENT_ENTRIES: Final = 20_000
MARK: Final = b"p000000-"
"""With this the id of a player begins. Each copy has another one of the same length."""

Entry = tuple[str, int, bytes]


class Cost(NamedTuple):
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float

    def __str__(self) -> str:
        return f"{self.wall_s:7.1f} s   {self.cpu_s:7.1f} s CPU   {self.peak_mib:6.0f} MiB at most"


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.facts", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, metavar="N", help="(%(default)s)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keeps archive and facts there")
    parser.add_argument("reports", nargs="*", default=["bonus-cost", "campaign-performance"], metavar="REPORT")
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        _measure(options.folder or Path(temporary), options.events, options.reports)


def _measure(folder: Path, events: int, reports: Sequence[str]) -> None:
    archive, facts = folder / "archive", folder / "facts"
    if not (archive / "index").is_dir():
        began = time.monotonic()
        asyncio.run(_write(archive, events))
        print(f"{events} events written into {archive}: {time.monotonic() - began:.0f} s", flush=True)
    places = ["--archive", str(archive), "--facts", str(facts), "--store", f"sqlite:{folder / 'none'}"]
    cost = _cost(["facts", "rebuild", *places, "--anew"])
    print(f"facts rebuild           {cost}   {events / cost.cpu_s:.0f} events/s of CPU", flush=True)
    print(f"facts rebuild, again    {_cost(['facts', 'rebuild', *places])}", flush=True)
    for name in reports:
        ask = ["report", name, *places, "--from", "2026-01-01", "--to", "2026-03-01"]
        for form in ("csv", "json"):
            cost = _cost([*ask, "--format", form, "--output", str(folder / f"{name}.{form}")])
            print(f"{name + '.' + form:23} {cost}", flush=True)


def _cost(arguments: Sequence[str]) -> Cost:
    """Of one `croupier` command."""
    began = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "croupier", *arguments], stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"croupier {' '.join(arguments)} failed")
    return Cost(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1_024)


async def _write(folder: Path, events: int) -> None:
    """The archive, in the order of time: so many copies of the played entries that there are so many events."""
    played, in_all = _played()
    bucket = open_bucket(ArchivePlace(str(folder)))
    ends: dict[str, End] = {}
    for number, records in enumerate(_segments(played, -(-events // in_all)), 1):
        built = build_segment(number, START_MS + number * 60_000, ends, records)
        ends = dict(built.ends)
        await bucket.put_new(built.segment_name, built.segment)
        await bucket.put_new(built.index_name, built.index_bytes)


def _segments(played: Sequence[Entry], copies: int) -> Iterator[list[bytes]]:
    records: list[bytes] = []
    seq, previous = 0, GENESIS
    for begin in range(0, len(played), BATCH):
        for copy in range(copies):
            payload = encode_batch([_renamed(entry, copy) for entry in played[begin : begin + BATCH]])
            seq += 1
            record = LogRecord(seq, previous, next_hash(previous, payload), payload)
            previous = record.hash
            records.append(encode_record(archived(("s0", 1, "s0-1"), record, [], {})))
            if len(records) * BATCH >= SEGMENT_ENTRIES:
                yield records
                records = []
    if records:
        yield records


def _renamed(entry: Entry, copy: int) -> Entry:
    mark = b"p%06d-" % copy
    player_id, version, encoded = entry
    return mark.decode() + player_id[len(MARK) :], version, encoded.replace(MARK, mark)


def _played() -> tuple[list[Entry], int]:
    """The entries of all players, and how many events are in them. Everybody plays on, day by day, for a month."""
    catalog = catalog_with(match(100, 5_000, wager=wager(20)))
    players = [Player.new(f"{MARK.decode()}{number:05d}") for number in range(PLAYERS)]
    found: list[Entry] = []
    events = 0
    for turn in range(SPINS + 2):
        for number, player in enumerate(players):
            time_ms = START_MS + turn * 30 * DAY_MS // SPINS + number
            done = execute(player, catalog, Command(f"gs:{turn}", time_ms, _body(turn, number)))
            if isinstance(done, Transition):
                events += len(done.events)
                found.append((done.player_id, done.version, encode_entry(done)))
    return found, events


def _body(turn: int, number: int) -> CommandBody:
    """Everybody registers, deposits, spins; one of twenty spins is rolled back."""
    if turn == 0:
        return Register("EUR" if number % 4 else "JPY", "FI")
    if turn == 1:
        return Deposit(20_000)
    if turn % 20 == 19:
        return Rollback(f"gs:{turn - 1}")
    bet = 20 + 10 * (number % 3)
    return Spin(("book", "dice", "wheel")[turn % 3], "real", bet, 2 * bet if (turn * 31 + number) % 5 < 2 else 0)


if __name__ == "__main__":
    main()
