"""Schedules in virtual time, over notes, a folder and a mailbox at which a process may be killed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry

from feeds.reports.schedules.destinations import Delivery, DeliveryFailed, Destination, PlaceDestination
from feeds.reports.schedules.keeper import Order, ReportFailed, ScheduleKeeper, ScheduleMetrics
from feeds.reports.schedules.settings import ScheduleSettings
from feeds.reports.schedules.standing import Standings
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FOLDER = ArchivePlace("reports")


class Killed(BaseException):
    """The process is gone."""


class Fate:
    """Kills at the `at`-th thing that is done outside, before or after it."""

    def __init__(self, at: int = 0, *, after: bool = False) -> None:
        self.at, self.after, self.done = at, after, 0

    def before_it(self) -> None:
        self.done += 1
        if self.done == self.at and not self.after:
            raise Killed

    def after_it(self) -> None:
        if self.done == self.at and self.after:
            raise Killed


class Notes:
    """What the store keeps, whoever is killed."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.fate = Fate()

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Mapping[str, bytes]:
        found = sorted(key for key in self.kept if key.startswith(prefix) and key > after)
        return {key: self.kept[key] for key in found[:limit]}

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        self.fate.before_it()
        for key, value in notes.items():
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value
        self.fate.after_it()


class Mailbox:
    """A destination that takes the same mail as often as it comes."""

    once = False

    def __init__(self) -> None:
        self.got: list[Delivery] = []
        self.fate = Fate()
        self.refusing = False

    async def deliver(self, delivery: Delivery) -> None:
        if self.refusing:
            raise DeliveryFailed("the server is not there")
        self.fate.before_it()
        self.got.append(delivery)
        self.fate.after_it()


class Place:
    """A folder, and what was asked of it."""

    once = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._real = PlaceDestination(lambda: open_bucket(ArchivePlace(str(folder))))
        self.asked: list[str] = []
        self.fate = Fate()

    async def deliver(self, delivery: Delivery) -> None:
        self.asked.append(delivery.name)
        self.fate.before_it()
        await self._real.deliver(delivery)
        self.fate.after_it()

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


class World:
    """Time, an archive that covers all up to a moment, and keepers that are started and killed."""

    def __init__(self, schedule: ScheduleSettings, destination: Any, start: datetime) -> None:
        self.schedule, self.destination = schedule, destination
        self.now = start
        self.sealed_ms: int | None = None
        """None: the archive covers all that has passed."""
        self.failing = False
        self.notes, self.made = Notes(), 0
        self.registry = CollectorRegistry()
        self.keeper = self.start()

    def start(self) -> ScheduleKeeper:
        """A new process."""
        self.registry = CollectorRegistry()
        destinations: dict[str, Destination] = {"closing": self.destination}
        metrics = ScheduleMetrics(self.registry)
        standings = Standings(self.notes)
        return ScheduleKeeper({"closing": self.schedule}, destinations, self, standings, metrics, self.now_ms)

    def now_ms(self) -> int:
        return round(self.now.timestamp() * 1_000)

    async def make(self, order: Order, into: Path) -> bool:
        """As the process that makes reports: its words differ each time it is asked."""
        if self.failing:
            raise ReportFailed("no facts")
        self.made += 1
        into.write_text(f"{order.period.label}, made as number {self.made}")
        return order.period.to_ms <= (self.now_ms() if self.sealed_ms is None else self.sealed_ms)

    async def live(self, until: datetime, step: timedelta = timedelta(minutes=15)) -> None:
        """Looks again and again. A killed process is replaced at once."""
        while self.now < until:
            try:
                await self.keeper.look()
            except Killed:
                self.keeper = self.start()
                await self.keeper.look()
            self.now += step

    def metric(self, name: str) -> float:
        return self.registry.get_sample_value(name, {"schedule": "closing"}) or 0.0


def schedule(cron: str = "30 2 * * *", **changes: Any) -> ScheduleSettings:
    given: dict[str, Any] = {
        "report": "daily-closing",
        "cron": cron,
        "period": "previous_day",
        "time_zone": "Europe/Berlin",
        "place": FOLDER,
    }
    return ScheduleSettings(**(given | changes))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def days(first: str, count: int) -> list[str]:
    begin = datetime.fromisoformat(first)
    return [(begin + timedelta(days=number)).strftime("%Y-%m-%d") for number in range(count)]


def files_of(labels: list[str]) -> list[str]:
    return [f"closing/daily-closing-{label}.pdf" for label in labels]
