"""A Croupier's archive with scheduled reports, and what it is told; yesterday something was played."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from actors.host.importing import imported
from actors.settings import ReaderPlan
from croupier.demo.keeping import covered
from croupier.integrations.plans import default_archive, reader_plans
from croupier.reporting.planning import FACTORY, with_schedules
from croupier.reporting.scheduling import make
from feeds.following.runner import Factory
from feeds.integrations import Integrations
from feeds.notifications.settings import MailSettings
from feeds.reading import Followed, Sink
from feeds.reports.schedules.settings import ReportsSettings, ScheduleSettings
from feeds.reports.schedules.standing import PREFIX, Standing
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from tests.support.archiving import MemoryNotes
from tests.support.notice_world import MailServer

HOUR_MS = 3_600_000
WAIT_S = 150
"""Two processes are started behind everything else that the machine does."""


class Home:
    """Where a Croupier has its archive, and what it is told."""

    def __init__(self, folder: Path, server: MailServer) -> None:
        self.folder, self.notes = folder, MemoryNotes()
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        due = {"cron": f"{an_hour_ago.minute} {an_hour_ago.hour} * * *", "period": "previous_day"}
        to_folder: dict[str, Any] = due | {"place": ArchivePlace(str(folder / "reports"))}
        self.reports = ReportsSettings(
            {
                "cost": ScheduleSettings(report="bonus-cost", format="csv", seal_wait_minutes=0, **to_folder),
                "mailed": ScheduleSettings(
                    report="bonus-cost", format="json", mail=("finance@casino.example",), seal_wait_minutes=0, **due
                ),
            },
            MailSettings("127.0.0.1", "reports@casino.example", port=server.port, tls="none"),
        )
        for name in self.reports.schedules:  # as if they had been made two hours ago
            since = round(datetime.now(UTC).timestamp() * 1_000) - 2 * HOUR_MS
            self.notes.kept[PREFIX + name] = msgspec.json.encode(Standing(since))

    def plan(self, reports: ReportsSettings | None) -> ReaderPlan:
        """What the supervisor starts the archive's process with."""
        store = f"sqlite:{self.folder}"
        archive = msgspec.structs.replace(default_archive(store, {}), segment_age_s=0.05)
        return with_schedules(reader_plans(Integrations(), archive, store), reports, store, None)[0]

    async def start(self) -> Sink:
        """The archive's process with its schedules."""
        plan = self.plan(self.reports)
        assert plan.factory == FACTORY
        sink = await make(plan.settings, self.notes, CollectorRegistry())
        await sink.open()
        return sink

    async def archive(self, records: Sequence[Followed]) -> None:
        """A life without schedules, in which these are archived."""
        plan = self.plan(None)
        factory: Factory = imported(plan.factory)
        sink = await factory(plan.settings, self.notes, CollectorRegistry())
        await sink.open()
        for record in records:
            await sink.take(record)
        await until(lambda: any((self.folder / "archive/index").rglob("*.index")))
        await until(lambda: not any((self.folder / "archive-spool").glob("*.cut")))
        await sink.close()

    async def seal(self) -> None:
        """A life without schedules, in which a checkpoint over all of it is signed."""
        plan = self.plan(None)
        factory: Factory = imported(plan.factory)
        sink = await factory(plan.settings, self.notes, CollectorRegistry())
        await sink.open()
        bucket = open_bucket(ArchivePlace(str(self.folder / "archive")))
        async with asyncio.timeout(WAIT_S):
            while not await covered(bucket):
                await asyncio.sleep(0.05)
        await sink.close()

    def delivered(self) -> list[Path]:
        return sorted(path for path in (self.folder / "reports").rglob("*") if path.is_file())


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not there():
            await asyncio.sleep(0.05)
