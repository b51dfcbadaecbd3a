"""What a destination is owed comes, in order, through failures and restarts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from actors.routing.breaker import Breaker
from feeds.audit.metrics import AuditMetrics
from feeds.audit.publishing import publisher as module
from feeds.audit.publishing.carriers import Undelivered
from feeds.audit.publishing.publisher import Publisher
from feeds.audit.signed import Signed
from feeds.reading import SinkFailed
from tests.support.archiving import MemoryNotes, PlayedLog
from tests.support.patience import PATIENCE_S
from tests.support.proving import DAY_MS, ProvenArchive


class Vault:
    """Takes checkpoints, unless it is away."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.away = False
        self.asked = 0

    async def carry(self, signed: Signed) -> None:
        self.asked += 1
        if self.away:
            raise Undelivered("away")
        self.got.append(signed.name)

    async def close(self) -> None:
        pass


class Publishing:
    """Lives of one publisher. The keeper of `archive` tells the one that lives."""

    def __init__(self, archive: ProvenArchive, daily: bool = False) -> None:
        self.archive, self.daily = archive, daily
        self.vault, self.notes = Vault(), MemoryNotes()
        self.secretless = False
        self.registry = CollectorRegistry()
        self.metrics = AuditMetrics(self.registry)

    def _carrier(self) -> Vault:
        if self.secretless:
            raise SinkFailed("the secret is not there")
        return self.vault

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Publisher]:
        living = Publisher("vault", self._carrier, self.daily, self.archive.bucket, self.notes, self.metrics)
        living.breaker = Breaker("audit:vault", open_s=0.05)
        before, self.archive.signed = self.archive.signed, _Telling(living)
        self.archive.new_keeper()
        task = asyncio.create_task(living.run())
        try:
            yield living
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.archive.signed = before + self.archive.signed
            self.archive.new_keeper()

    async def until(self, *names: str) -> None:
        """Waits until exactly these have arrived, given by their ends."""
        async with asyncio.timeout(PATIENCE_S):
            while [name.rpartition("/")[2].partition(".")[0] for name in self.vault.got] != list(names):
                await asyncio.sleep(0.01)

    def metric(self, name: str) -> float:
        return self.registry.get_sample_value(f"audit_{name}", {"destination": "vault"}) or 0.0


class _Telling(list[Signed]):
    def __init__(self, living: Publisher) -> None:
        super().__init__()
        self._living = living

    def append(self, signed: Signed) -> None:
        super().append(signed)
        self._living.offer(signed)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(module, "RETRY_MAX_S", 0.02)


async def test_the_newest_one_and_each_days_last_one(tmp_path: Path) -> None:
    publishing, played = Publishing(ProvenArchive(tmp_path)), PlayedLog()
    async with publishing.life():
        await publishing.archive.keep([played.arrive("alice")])
        await publishing.until("100001-000000000004")
        publishing.archive.now_ms += DAY_MS
        await publishing.archive.keep(played.spins("alice", 1))
        await publishing.until("100001-000000000004", "end-000000000004", "100002-000000000006")
    assert (publishing.metric("published_total"), publishing.metric("publish_waiting")) == (3, 0)


async def test_one_that_is_away_gets_every_days_end_and_the_newest(tmp_path: Path) -> None:
    publishing, played = Publishing(ProvenArchive(tmp_path)), PlayedLog()
    async with publishing.life():
        await publishing.archive.keep([played.arrive("alice")])
        await publishing.until("100001-000000000004")
        publishing.vault.away = True
        for _ in range(3):
            publishing.archive.now_ms += DAY_MS
            await publishing.archive.keep(played.spins("alice", 1))
        async with asyncio.timeout(PATIENCE_S):
            while publishing.metric("publish_failures_total") < 2:
                await asyncio.sleep(0.01)
        assert publishing.metric("publish_waiting") == 4
        assert publishing.metric("publish_waiting_since_seconds") > 0
        publishing.vault.away = False
        ends = [f"end-{size:012d}" for size in (4, 6, 8)]
        await publishing.until("100001-000000000004", *ends, "100004-000000000010")


async def test_a_new_life_knows_what_is_owed(tmp_path: Path) -> None:
    publishing, played = Publishing(ProvenArchive(tmp_path)), PlayedLog()
    async with publishing.life():
        await publishing.archive.keep([played.arrive("alice")])
        publishing.archive.now_ms += DAY_MS
        await publishing.archive.keep(played.spins("alice", 1))
        await publishing.until("100001-000000000004", "end-000000000004", "100002-000000000006")
    for _ in range(2):
        publishing.archive.now_ms += DAY_MS
        await publishing.archive.keep(played.spins("alice", 1))
    publishing.vault.got.clear()
    async with publishing.life():
        await publishing.until("end-000000000006", "end-000000000008", "100004-000000000010")
    publishing.vault.got.clear()
    async with publishing.life():
        await asyncio.sleep(0.05)
        assert publishing.vault.got == []


async def test_one_without_its_secret_is_tried_again(tmp_path: Path) -> None:
    publishing, played = Publishing(ProvenArchive(tmp_path)), PlayedLog()
    publishing.secretless = True
    async with publishing.life():
        await publishing.archive.keep([played.arrive("alice")])
        async with asyncio.timeout(PATIENCE_S):
            while publishing.metric("publish_failures_total") < 2:
                await asyncio.sleep(0.01)
        assert publishing.metric("publish_waiting") == 1
        publishing.secretless = False
        await publishing.until("100001-000000000004")


async def test_mail_gets_the_ends_of_days_alone(tmp_path: Path) -> None:
    publishing, played = Publishing(ProvenArchive(tmp_path), daily=True), PlayedLog()
    async with publishing.life():
        await publishing.archive.keep([played.arrive("alice")])
        publishing.archive.now_ms += DAY_MS
        await publishing.archive.keep(played.spins("alice", 1))
        await publishing.until("end-000000000004")
