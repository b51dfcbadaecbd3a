"""Whether and how the archive's process keeps scheduled reports."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from croupier.integrations.plans import default_archive, reader_plans
from croupier.reporting.planning import FACTORY, with_schedules
from croupier.settings import SettingsInvalid
from feeds.behind import BehindLimits
from feeds.integrations import Integrations
from feeds.reports.schedules.settings import ReportsSettings, ScheduledArchive, ScheduleSettings
from snapshots.archive.place import ArchivePlace

STORE = "sqlite:/nowhere"
ARCHIVE = default_archive(STORE, {})
PLANS = reader_plans(Integrations(), ARCHIVE, STORE)


def reports(place: str = "reports", **changes: Any) -> ReportsSettings:
    given: dict[str, Any] = {"report": "daily-closing", "cron": "30 6 * * *", "period": "previous_day"}
    return ReportsSettings({"closing": ScheduleSettings(**(given | {"place": ArchivePlace(place)} | changes))})


def test_without_schedules_the_archive_is_as_it_was() -> None:
    assert with_schedules(PLANS, None, STORE, None) == PLANS
    assert with_schedules(PLANS, ReportsSettings(), STORE, None) == PLANS


def test_the_archive_keeps_the_schedules_and_all_that_it_was_told() -> None:
    (plan,) = with_schedules(PLANS, reports(), STORE, Path("integrations.yaml"))
    told = msgspec.json.decode(plan.settings, type=ScheduledArchive)
    assert (plan.name, plan.factory) == (PLANS[0].name, FACTORY)
    assert (told.sink_factory, told.sink_settings.encode()) == (PLANS[0].factory, PLANS[0].settings)
    limits = msgspec.json.decode(plan.settings, type=BehindLimits)
    assert limits == msgspec.json.decode(PLANS[0].settings, type=BehindLimits)


def test_folders_are_those_of_whoever_starts_it() -> None:
    (plan,) = with_schedules(PLANS, reports("reports"), STORE, Path("integrations.yaml"))
    told = msgspec.json.decode(plan.settings, type=ScheduledArchive)
    place = told.reports.schedules["closing"].place
    assert place is not None and place.url == str(Path("reports").absolute())
    assert told.integrations == str(Path("integrations.yaml").absolute())
    (plan,) = with_schedules(PLANS, reports("s3://bucket/reports"), STORE, None)
    place = msgspec.json.decode(plan.settings, type=ScheduledArchive).reports.schedules["closing"].place
    assert place is not None and place.url == "s3://bucket/reports"


def test_a_report_that_there_is_not_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="names the report mine; there are: arpu-by-bonus"):
        with_schedules(PLANS, reports(report="mine"), STORE, None)
    (tmp_path / "mine.sql").write_text("-- title: Mine")
    own = msgspec.structs.replace(reports(report="mine"), definitions=str(tmp_path))
    assert with_schedules(PLANS, own, STORE, None)[0].factory == FACTORY


def test_schedules_without_an_archive_are_refused() -> None:
    with pytest.raises(SettingsInvalid, match="schedules need the archive"):
        with_schedules((), reports(), STORE, None)
