"""Scheduled reports, in virtual time: each period once, whatever happens in between."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from croupier.reporting import scheduling
from feeds.notifications.settings import MailSettings
from feeds.reports.schedules.agenda import dues, period_before
from feeds.reports.schedules.keeper import ScheduleKeeper, ScheduleMetrics
from feeds.reports.schedules.settings import ReportsSettings
from feeds.reports.schedules.standing import PREFIX, Standings
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.credentials import Credential
from tests.unit.feeds.reports.scheduled import (
    BERLIN,
    HOUR_MS,
    Fate,
    Mailbox,
    Notes,
    Place,
    World,
    days,
    files_of,
    local,
    schedule,
)

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
