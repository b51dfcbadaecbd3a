"""The archive's bucket is gone: the alert, then the stop of new bets, then everything made up for, and nothing lost.

Shard, Redis, reader and spool are real, but share this process; `tests/e2e/test_archive_dead.py` has the processes.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from actors.outcome import Answered, Unavailable
from actors.supervision.shard_process import ShardProcess
from engine.commands import Deposit, Register, Result, Rollback
from feeds.archive.metrics import ArchiveMetrics
from feeds.archive.settings import ArchiveSettings
from feeds.archive.sink import ArchiveSink
from feeds.behind import BehindAlert, BehindLimits
from feeds.following.follower import Follower
from feeds.following.metrics import ReaderMetrics
from feeds.following.runner import FollowingReader
from feeds.reading import Notes
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.archive.reading import ArchivedRecords
from snapshots.archive.sealing import KeyRing
from snapshots.codec import decode_batch
from snapshots.contract import SLOTS, Store
from snapshots.opening import open_store
from tests.support.archiving import KEK, FaultyBucket, chained_records
from tests.support.patience import PATIENCE_S
from tests.support.redis_server import RedisServer
from tests.support.shard_harness import Asking, catalog, deal, eventually, settings, spin

MAXMEMORY = 12_000_000
MIB = 1_048_576
CROWD = ("alice", "bob", "carol", "dora")
"""Whose commands fill the journal; `erin` plays."""
AT_ONCE = 20
"""Large commands of each player that are under way together."""
NUMBERS = count(1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.background.store_fill.LOOK_S", 0.02)
    monkeypatch.setattr("feeds.following.runner.LOOK_S", 0.02)
    monkeypatch.setattr("feeds.following.stretch.COMMIT_S", 0.02)
    monkeypatch.setattr("feeds.following.stretch.LOOK_S", 0.02)
    monkeypatch.setattr("feeds.archive.uploading.RETRY_MAX_S", 0.1)
    monkeypatch.setattr("snapshots.redis.readers.EVERYSEC_HORIZON_MS", 50)


@pytest.fixture
def small_redis(tmp_path: Path) -> Iterator[RedisServer]:
    options = f"--maxmemory {MAXMEMORY} --maxmemory-policy noeviction"
    server = RedisServer(tmp_path / "redis", extra=options).start()
    yield server
    server.stop()


class Archiver:
    """The reader `archive` as its process runs it, with a bucket that goes away when a test says so."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.settings = ArchiveSettings(
            place=ArchivePlace(str(folder / "archive")),
            spool=str(folder / "spool"),
            key_file=str(folder / "key"),
            spool_bytes_max=MIB,
            segment_bytes=MIB // 4,
            segment_age_s=0.2,
            open_s=0.1,
        )
        self.bucket = FaultyBucket(open_bucket(self.settings.place))
        self.registry = CollectorRegistry()
        self.ended: list[str] = []
        reading = ReaderMetrics(holds_journal=True)
        self.registry.register(reading)
        alert = BehindAlert("archive", BehindLimits(alert_after_bytes=MIB), self.registry)
        follower = Follower(store, "archive", self._sink, reading)
        self.reader = FollowingReader(store, follower, self.ended.append, alert)

    async def _sink(self, notes: Notes) -> ArchiveSink:
        return ArchiveSink(self.settings, self.bucket, notes, KEK, ArchiveMetrics(self.registry))

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)

    def behind(self) -> bool:
        return self.metric("reader_behind", reader="archive") == 1


@asynccontextmanager
async def archiving(url: str, folder: Path) -> AsyncIterator[Archiver]:
    store = open_store(url)
    await store.open()
    archiver = Archiver(folder, store)
    try:
        yield archiver
    finally:
        await archiver.reader.close()
    assert archiver.ended == []


@asynccontextmanager
async def shard_on(url: str, folder: Path) -> AsyncIterator[ShardProcess]:
    quick = msgspec.structs.replace(settings(folder), store_url=url, snapshot_interval_ms=200)
    ended: list[str] = []
    process = ShardProcess(quick, catalog(), ended.append)
    await process.prepare()
    await deal(process.store, {"s0": range(SLOTS)})
    await process.activate("s0")
    try:
        yield process
    finally:
        await process.drain()
    assert ended == []


async def fill_until(asking: Asking, happened: Callable[[], bool]) -> None:
    """Changes players by commands of a thousand bytes each."""
    while not happened():
        answers = [asking.ask(who, f"big-{next(NUMBERS)}", large()) for who in CROWD for _ in range(AT_ONCE)]
        assert all([isinstance(await answer, Answered) for answer in answers])


def large() -> Register:
    """Another one each time."""
    number = next(NUMBERS)
    return Register("EUR", segments=tuple(f"{number:08d}_{place:02d}".ljust(32, "s") for place in range(32)))


async def test_both_stops_come_in_time_and_all_is_made_up_for(small_redis: RedisServer, tmp_path: Path) -> None:
    async with archiving(small_redis.url, tmp_path) as archiver, shard_on(small_redis.url, tmp_path) as process:
        assert process.shard is not None
        asking, context = Asking(process.shard), process.shard.context
        for who in (*CROWD, "erin"):
            await asking.seat(who, 1_000)
        assert isinstance(await asking.ask("erin", "done", spin(10, 30)), Answered)
        opened = await asking.ask("erin", "open", spin(win=None))
        await eventually(lambda: archiver.metric("archive_segments_total"))

        archiver.bucket.broken = True
        await fill_until(asking, archiver.behind)
        assert archiver.metric("archive_spool_full") == 1
        assert isinstance(await asking.ask("bob", "more", spin()), Answered)  # an alert stops nothing

        await fill_until(asking, lambda: context.bets_stopped)
        refused = await asking.ask("bob", "new", spin())
        assert isinstance(refused, Unavailable) and refused.code == "overloaded"
        assert isinstance(await asking.ask("erin", "win", Result(opened.answer.session_id, 50)), Answered)
        assert isinstance(await asking.ask("erin", "undo", Rollback("gs:done")), Answered)
        assert isinstance(await asking.ask("erin", "in", Deposit(100)), Answered)
        fill = await process.store.fill()
        assert fill is not None and fill < 0.97

        archiver.bucket.broken = False
        await eventually(lambda: not context.bets_stopped)  # nobody sends anything but bets meanwhile
        assert isinstance(await asking.ask("bob", "new", spin()), Answered)
        assert await archiver.reader.settle(20)
        await eventually(lambda: not archiver.behind() and archiver.metric("archive_spool_full") == 0)
        assert archiver.metric("archive_gaps_total") == 0
        await check_archive(
            archiver, process.store, {who: (await asking.look(who)).version for who in (*CROWD, "erin")}
        )


async def check_archive(archiver: Archiver, store: Store, versions: dict[str, int]) -> None:
    """Once all is stored, the archive has every version of every player, in a chain without a hole."""
    async with asyncio.timeout(PATIENCE_S):
        while list(Path(archiver.settings.spool).glob("*.open")) or list(Path(archiver.settings.spool).glob("*.cut")):
            await asyncio.sleep(0.02)
    archive = ArchivedRecords(open_bucket(archiver.settings.place), KeyRing(store, KEK))
    found = defaultdict[str, list[int]](list)
    for record in await chained_records(archive, "s0"):
        for entry in decode_batch(record.payload):
            found[entry.player_id].append(entry.version)
    assert found == {who: list(range(1, version + 1)) for who, version in versions.items()}
