"""Scheduled reports, in virtual time: each period once, whatever happens in between."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry

from croupier.reporting import scheduling
from feeds.notifications.settings import MailSettings
from feeds.reports.schedules.agenda import dues, period_before
from feeds.reports.schedules.destinations import Delivery, DeliveryFailed, Destination, PlaceDestination
from feeds.reports.schedules.keeper import Order, ReportFailed, ScheduleKeeper, ScheduleMetrics
from feeds.reports.schedules.settings import ReportsSettings, ScheduleSettings
from feeds.reports.schedules.standing import PREFIX, Standings
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.credentials import Credential

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


# --- what is due


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)], ids=["spring", "autumn", "summer"]
)
def test_a_day_on_which_clocks_change_is_one_day(day: str, hours: int) -> None:
    after = datetime.fromisoformat(day).date() + timedelta(days=1)
    period = period_before("previous_day", after, BERLIN)
    assert (period.label, period.to_ms - period.from_ms) == (day, hours * HOUR_MS)


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    day = datetime(2026, 1, 7, tzinfo=UTC).date()
    week, month = period_before("previous_week", day, BERLIN), period_before("previous_month", day, BERLIN)
    assert (week.label, month.label) == ("2026-W01", "2025-12")
    assert datetime.fromtimestamp(week.from_ms / 1_000, BERLIN).isoformat() == "2025-12-29T00:00:00+01:00"
    assert datetime.fromtimestamp(month.to_ms / 1_000, BERLIN).isoformat() == "2026-01-01T00:00:00+01:00"


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 * * * *", "*/10 2 * * *", "0 0 * * *", "59 23 * * *"])
@pytest.mark.parametrize("around", ["2026-03-27", "2026-10-23"], ids=["spring", "autumn"])
def test_each_period_is_due_once_however_often_cron_says_so(cron: str, around: str) -> None:
    begin = local(f"{around}T12:00")
    found = list(dues(schedule(cron), ms(begin), ms(begin + timedelta(days=5))))
    labels = [due.period.label for due in found]
    assert sorted(set(labels)) == labels
    assert all(due.at_ms >= due.period.to_ms for due in found)
    assert len(labels) in (5, 6)  # the afternoon of the first day is about the day before, if cron has it


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


def test_a_schedule_that_begins_in_the_repeated_hour_is_not_due_for_what_has_passed() -> None:
    again = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15 for the second time
    found = list(dues(schedule("30 2 * * *"), ms(again), ms(again + timedelta(hours=25))))
    assert [due.period.label for due in found] == ["2026-10-25"]


# --- once each


@pytest.mark.parametrize("around", ["2026-03-27", "2026-10-23"], ids=["spring", "autumn"])
async def test_each_day_is_delivered_once_when_clocks_change(tmp_path: Path, around: str) -> None:
    place = Place(tmp_path)
    world = World(schedule(), place, local(f"{around}T12:00"))
    await world.live(local(f"{around}T12:00") + timedelta(days=5))
    assert place.asked == place.files() == files_of(days(around, 5))


async def test_what_was_missed_while_nothing_ran_is_delivered_once_each_and_says_that_it_is_late() -> None:
    mailbox = Mailbox()
    world = World(schedule(place=None, mail=("finance@casino.example",)), mailbox, local("2026-06-01T12:00"))
    await world.live(local("2026-06-02T12:00"))
    world.now = local("2026-06-07T12:00")
    world.keeper = world.start()
    await world.live(local("2026-06-08T12:00"))
    assert [delivery.name for delivery in mailbox.got] == files_of(days("2026-06-01", 7))
    late = ["late" in " ".join(delivery.remarks) for delivery in mailbox.got]
    assert late == [False, *[True] * 5, False]


async def test_a_new_schedule_begins_with_what_is_due_next(tmp_path: Path) -> None:
    place = Place(tmp_path)
    world = World(schedule(), place, local("2026-06-01T12:00"))
    await world.live(local("2026-06-02T02:00"))
    assert place.files() == []


def kills() -> Iterator[tuple[int, bool]]:
    for at in range(1, 9):
        yield at, False
        yield at, True


@pytest.mark.parametrize(("at", "after"), list(kills()))
async def test_killed_anywhere_a_folder_has_each_period_once(tmp_path: Path, at: int, after: bool) -> None:
    place = Place(tmp_path)
    world = World(schedule(), place, local("2026-06-01T12:00"))
    world.notes.fate = place.fate = Fate(at, after=after)
    await world.live(local("2026-06-05T12:00"))
    assert place.files() == files_of(days("2026-06-01", 4))
    first = {path.name: path.read_text() for path in tmp_path.rglob("*.pdf")}
    assert len(place.asked) - len(first) <= 1


@pytest.mark.parametrize(("at", "after"), list(kills()))
async def test_killed_anywhere_a_mail_comes_and_a_second_copy_says_so(at: int, after: bool) -> None:
    mailbox = Mailbox()
    world = World(schedule(place=None, mail=("finance@casino.example",)), mailbox, local("2026-06-01T12:00"))
    world.notes.fate = mailbox.fate = Fate(at, after=after)
    await world.live(local("2026-06-05T12:00"))
    names = [delivery.name for delivery in mailbox.got]
    assert sorted(set(names)) == files_of(days("2026-06-01", 4))
    assert len(names) <= 5
    for number, delivery in enumerate(mailbox.got):
        if delivery.name in names[:number]:
            assert "second copy" in " ".join(delivery.remarks)


# --- sealed or not


async def test_what_is_not_sealed_is_waited_for(tmp_path: Path) -> None:
    place = Place(tmp_path)
    world = World(schedule(), place, local("2026-06-01T12:00"))
    world.sealed_ms = ms(local("2026-06-01T23:50"))
    await world.live(local("2026-06-02T03:00"))
    assert place.files() == []
    world.sealed_ms = None
    await world.live(local("2026-06-02T04:00"))
    assert place.files() == files_of(["2026-06-01"])


async def test_after_the_wait_a_provisional_report_comes_and_the_final_one_once_when_it_is_sealed(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path)
    world = World(schedule(), place, local("2026-06-01T12:00"))
    world.sealed_ms = ms(local("2026-06-01T23:50"))
    await world.live(local("2026-06-02T09:00"))
    provisional = "closing/daily-closing-2026-06-01-provisional.pdf"
    assert place.files() == [provisional]
    world.keeper = world.start()
    world.sealed_ms = None
    await world.live(local("2026-06-03T12:00"))
    assert place.files() == sorted([provisional, *files_of(days("2026-06-01", 2))])
    assert len(place.asked) == 3


async def test_a_period_that_is_never_sealed_is_given_up_after_a_month(tmp_path: Path) -> None:
    place = Place(tmp_path)
    world = World(schedule("30 2 1 * *", period="previous_month"), place, local("2026-05-20T12:00"))
    world.sealed_ms = 0
    await world.live(local("2026-07-10T12:00"), timedelta(hours=3))
    note = json.loads(world.notes.kept[f"{PREFIX}closing"])
    assert [period["label"] for period in note["unsealed"]] == ["2026-06"]


# --- failures


async def test_a_failure_is_counted_and_tried_again(tmp_path: Path) -> None:
    place = Place(tmp_path)
    world = World(schedule(), place, local("2026-06-01T12:00"))
    world.failing = True
    await world.live(local("2026-06-02T04:30"))
    assert world.metric("reports_delivery_failures_total") == 8
    assert world.metric("reports_overdue_seconds") == pytest.approx(6_300)
    world.failing = False
    await world.live(local("2026-06-02T06:00"))
    assert place.files() == files_of(["2026-06-01"])
    assert world.metric("reports_overdue_seconds") == 0
    assert world.metric("reports_delivered_total") == 1


async def test_a_destination_whose_key_is_gone_is_tried_again_until_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive's process keeps the schedules: it must begin whatever became of a schedule's key."""
    key = Credential(env="KEY_OF_THE_REPORTS")
    monkeypatch.delenv("KEY_OF_THE_REPORTS", raising=False)
    place = schedule(place=ArchivePlace("s3://reports", access_key_id=key, secret_access_key=key))
    opened: list[ArchivePlace] = []

    def open_instead(wanted: ArchivePlace) -> Bucket:
        assert wanted.access_key_id is not None
        wanted.access_key_id.read()
        opened.append(wanted)
        return open_bucket(ArchivePlace(str(tmp_path)))

    monkeypatch.setattr(scheduling, "open_bucket", open_instead)
    destination = scheduling._destination(place, ReportsSettings({"closing": place}))
    world = World(place, destination, local("2026-06-01T12:00"))
    await world.live(local("2026-06-02T04:30"))
    assert world.metric("reports_delivery_failures_total") > 1
    assert world.metric("reports_overdue_seconds") > 0
    monkeypatch.setenv("KEY_OF_THE_REPORTS", "here again")
    await world.live(local("2026-06-02T06:00"))
    assert len(opened) == 1 and world.metric("reports_delivered_total") == 1


async def test_a_schedule_that_fails_holds_up_no_other(tmp_path: Path) -> None:
    refusing, place = Mailbox(), Place(tmp_path)
    refusing.refusing = True
    world = World(schedule(), place, local("2026-06-01T12:00"))
    keeper = ScheduleKeeper(
        {"closing": schedule(place=None, mail=("a@b.example",)), "other": schedule()},
        {"closing": refusing, "other": place},
        world,
        Standings(world.notes),
        ScheduleMetrics(CollectorRegistry()),
        world.now_ms,
    )
    await keeper.look()
    world.now = local("2026-06-02T03:00")
    await keeper.look()
    assert place.files() == ["other/daily-closing-2026-06-01.pdf"]


async def test_notes_of_schedules_that_are_gone_are_dropped() -> None:
    notes = Notes()
    notes.kept = {f"{PREFIX}gone": b"{}", f"{PREFIX}kept": b"{}", "another": b""}
    await Standings(notes).forget_others(["kept"])
    assert sorted(notes.kept) == ["another", f"{PREFIX}kept"]


# --- settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"cron": "0 0 0 * * *"}, "five fields"),
        ({"time_zone": "Europe/Berlinn"}, "time_zone"),
        ({"place": None}, "place"),
        ({"mail": ("a@b.example",)}, "place"),
    ],
)
def test_a_schedule_that_can_not_be_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        schedule(**changes)


def test_a_schedule_to_mailboxes_needs_a_server() -> None:
    by_mail = schedule(place=None, mail=("a@b.example",))
    with pytest.raises(ValueError, match="no SMTP server"):
        ReportsSettings({"closing": by_mail})
    ReportsSettings({"closing": by_mail}, MailSettings("smtp.example", "reports@casino.example"))
