"""The archive's process with schedules, as the supervisor starts it: reports come by folder and mail."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from actors.host.importing import imported
from actors.settings import ReaderPlan
from croupier.integrations.plans import default_archive, reader_plans
from croupier.reporting.planning import FACTORY, with_schedules
from croupier.reporting.scheduling import make
from engine.commands import Spin
from feeds.following.runner import Factory
from feeds.integrations import Integrations
from feeds.notifications.settings import MailSettings
from feeds.reading import Followed, Sink
from feeds.reports.schedules.settings import ReportsSettings, ScheduleSettings
from feeds.reports.schedules.standing import PREFIX, Standing
from snapshots.archive.place import ArchivePlace
from tests.support import archiving
from tests.support.archiving import MemoryNotes, PlayedLog
from tests.support.notice_world import MailServer

HOUR_MS = 3_600_000
WAIT_S = 150
"""Two processes are started behind everything else that the machine does."""


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    mail_server = MailServer()
    await mail_server.start()
    yield mail_server
    await mail_server.stop()


@pytest.fixture
def yesterday(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The journal is played at noon of the day before the one in which the reports are due: an hour ago."""
    due = datetime.now(UTC) - timedelta(hours=1)
    today = due.replace(hour=0, minute=0, second=0, microsecond=0)
    noon = today - timedelta(hours=12)
    monkeypatch.setattr(archiving, "START_MS", round(noon.timestamp() * 1_000))
    return today - timedelta(days=1)


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

    def delivered(self) -> list[Path]:
        return sorted(path for path in (self.folder / "reports").rglob("*") if path.is_file())


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not there():
            await asyncio.sleep(0.05)


def attached(mail: EmailMessage) -> tuple[str, bytes]:
    (part,) = mail.iter_attachments()
    return str(part.get_filename()), bytes(part.get_content())


@pytest.mark.timeout(200)
async def test_reports_arrive_once_in_a_folder_and_a_mailbox(
    tmp_path: Path, server: MailServer, yesterday: datetime
) -> None:
    home, log = Home(tmp_path, server), PlayedLog()
    records = [log.arrive("alice")]
    records += [log.batch(log.play("alice", Spin("book", "real", 20, 10))) for _ in range(3)]
    await home.archive(records)
    sink = await home.start()
    await until(lambda: len(home.delivered()) == 1 and len(server.mails) == 1)
    await sink.close()

    day = yesterday.strftime("%Y-%m-%d")
    (file,) = home.delivered()
    assert file.name.startswith(f"bonus-cost-{day}")
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["day"], row["currency"], row["ggr_real"], row["bonus_cost"]) == (day, "EUR", "0.30", "0.00")
    name, content = attached(server.mails[0])
    assert name.startswith(f"bonus-cost-{day}") and name.endswith(".json")
    assert json.loads(content)["rows"][0]["ggr_real"] == 30

    again = await home.start()
    await asyncio.sleep(0.3)
    await again.close()
    assert (len(home.delivered()), len(server.mails)) == (1, 1)
