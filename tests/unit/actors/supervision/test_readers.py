"""Readers run, are replaced when they die or fall silent, answer operators, and end last."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.settings import ReaderPlan
from actors.supervision.reader_ports import ReaderDied, ReaderRefused
from actors.supervision.readers import ReaderWatch
from actors.wire.frames import AskReader, Failed, ReaderSaid, ReaderState
from snapshots.contract import Owner, Position, Store
from snapshots.errors import Fenced
from snapshots.opening import open_store
from tests.support.shard_harness import eventually

BUS, ARCHIVE = ReaderPlan("bus", "a.factory"), ReaderPlan("archive", "a.factory")


class FakeReader:
    """A reader process. `mute`: it answers nothing."""

    def __init__(self, name: str, pid: int) -> None:
        self.name, self.pid = name, pid
        self.gone, self.mute, self.refuses = asyncio.Event(), False, False
        self.settled, self.ended = asyncio.Event(), ""

    async def _answers(self) -> None:
        if self.mute:
            await asyncio.Event().wait()
        if self.gone.is_set():
            raise ReaderDied("gone")

    async def state(self) -> ReaderState:
        await self._answers()
        return ReaderState(self.name, self.pid)

    async def ask(self, request: bytes) -> bytes:
        await self._answers()
        if self.refuses:
            raise ReaderRefused("told to refuse")
        return b"answer to " + request

    async def settle(self, within_s: float) -> bool:
        await self._answers()
        self.settled.set()
        return True

    async def dead(self) -> None:
        await self.gone.wait()

    def dismiss(self) -> None:
        self.ended = "dismissed"

    def kill(self) -> None:
        self.ended = "killed"
        self.gone.set()


class FakeCluster:
    def __init__(self) -> None:
        self.launched: list[FakeReader] = []

    def launch(self, plan: ReaderPlan) -> FakeReader:
        self.launched.append(FakeReader(plan.name, len(self.launched) + 1))
        return self.launched[-1]

    async def existing(self) -> list[FakeReader]:
        return list(self.launched)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"PROBE_S": 0.005, "SILENT_S": 0.05, "REST_LOOK_S": 0.002, "ASK_S": 0.05}.items():
        monkeypatch.setattr(f"actors.supervision.readers.{name}", seconds)
    monkeypatch.setattr("actors.background.backoff.REST_FIRST_S", 0.002)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(f"sqlite:{tmp_path}")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
async def watch(cluster: FakeCluster) -> AsyncIterator[ReaderWatch]:
    """Of `bus` alone, which runs."""
    watching = ReaderWatch([BUS], cluster, settle_s=0.05)
    watching.start()
    await eventually(lambda: watching.report().readers and watching.report().readers[0].pid)
    yield watching
    watching.give_up()


async def test_a_reader_that_dies_is_replaced(cluster: FakeCluster, watch: ReaderWatch) -> None:
    cluster.launched[0].gone.set()
    await eventually(lambda: watch.report().readers == (ReaderState("bus", 2),))


async def test_a_reader_that_falls_silent_is_killed_and_replaced(cluster: FakeCluster, watch: ReaderWatch) -> None:
    cluster.launched[0].mute = True
    await eventually(lambda: watch.report().readers == (ReaderState("bus", 2),))
    assert cluster.launched[0].ended == "killed"


async def test_questions_reach_the_reader_and_what_goes_wrong_is_told(cluster: FakeCluster, watch: ReaderWatch) -> None:
    assert await watch.ask(AskReader("bus", b"{}")) == ReaderSaid(b"answer to {}")
    assert await watch.ask(AskReader("archive", b"")) == Failed("no reader 'archive' is configured; there are bus")
    cluster.launched[0].refuses = True
    assert await watch.ask(AskReader("bus", b"{}")) == Failed("told to refuse")
    cluster.launched[0].mute = True
    assert isinstance(await watch.ask(AskReader("bus", b"{}")), Failed)


async def test_at_the_end_readers_settle_and_are_dismissed(cluster: FakeCluster, watch: ReaderWatch) -> None:
    await watch.stop()
    assert cluster.launched[0].settled.is_set()
    assert (cluster.launched[0].ended, len(cluster.launched)) == ("dismissed", 1)


async def test_a_reader_that_does_not_settle_in_time_is_killed(cluster: FakeCluster, watch: ReaderWatch) -> None:
    cluster.launched[0].mute = True
    await watch.stop()
    assert cluster.launched[0].ended == "killed"


async def test_who_has_lost_the_term_replaces_no_reader(cluster: FakeCluster, watch: ReaderWatch) -> None:
    watch.give_up()
    await asyncio.sleep(0.02)
    assert [reader.ended for reader in cluster.launched] == ["killed"]


async def test_readers_are_known_before_any_shard_writes(store: Store, cluster: FakeCluster) -> None:
    term = await store.take_term()
    left = cluster.launch(BUS)
    await ReaderWatch([BUS, ARCHIVE], cluster).begin(store, term)
    assert left.ended == "killed"
    inc = (await store.claim("s0", Owner("host", 1, 1), "n")).incarnation
    assert await store.reader_positions("archive") == {}, "all that comes is read from the beginning"
    reader = await store.claim_reader("archive", "the process")
    await store.commit_reader(reader, {"s0": Position(1, 0)}, {})
    assert inc.epoch == 1


async def test_without_the_archive_nothing_holds_the_journal(store: Store, cluster: FakeCluster) -> None:
    term = await store.take_term()
    archive = await store.claim_reader("archive", "earlier")
    await ReaderWatch([BUS], cluster).begin(store, term)
    with pytest.raises(Fenced):
        await store.commit_reader(archive, {"s0": Position(1, 0)}, {})
