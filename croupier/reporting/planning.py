"""Whether the archive's process keeps scheduled reports, and what it is told of them. Needs none of their libraries."""

from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from actors.settings import ReaderPlan
from croupier.settings import SettingsInvalid
from feeds.behind import BehindLimits
from feeds.reports.schedules.settings import ReportsSettings, ScheduledArchive
from feeds.reports.shelf import shipped_reports
from snapshots.contract import ARCHIVE

FACTORY: Final = "croupier.reporting.scheduling.make"


def with_schedules(
    plans: tuple[ReaderPlan, ...], reports: ReportsSettings | None, store: str, integrations: Path | None
) -> tuple[ReaderPlan, ...]:
    """The readers that run; the archive's keeps the schedules, if there are any.

    Raises SettingsInvalid if one names a report that there is not, or if there is no archive to make them from.
    """
    if reports is None or not reports.schedules:
        return plans
    if all(plan.name != ARCHIVE for plan in plans):
        raise SettingsInvalid("reports: schedules need the archive, and it is off: leave them out, or let it be on")
    for name, schedule in reports.schedules.items():
        demand_report(name, schedule.report, reports.definitions)
    return tuple(_scheduled(plan, reports, store, integrations) if plan.name == ARCHIVE else plan for plan in plans)


def demand_report(schedule: str, report: str, definitions: str | None) -> None:
    """Raises SettingsInvalid if there is no file of that report."""
    folders = [shipped_reports(), *([] if definitions is None else [Path(definitions)])]
    if any((folder / f"{report}.sql").is_file() for folder in folders):
        return
    known = ", ".join(sorted(path.stem for folder in folders for path in folder.glob("*.sql")))
    raise SettingsInvalid(f"reports: the schedule {schedule} names the report {report}; there are: {known}")


def _scheduled(plan: ReaderPlan, reports: ReportsSettings, store: str, integrations: Path | None) -> ReaderPlan:
    limits = msgspec.json.decode(plan.settings, type=BehindLimits)
    settings = ScheduledArchive(
        alert_after_minutes=limits.alert_after_minutes,
        alert_after_bytes=limits.alert_after_bytes,
        sink_factory=plan.factory,
        sink_settings=plan.settings.decode(),
        reports=_absolute(reports),
        store=store,
        integrations=None if integrations is None else str(integrations.absolute()),
    )
    return replace(plan, factory=FACTORY, settings=msgspec.json.encode(settings))


def _absolute(reports: ReportsSettings) -> ReportsSettings:
    """Folders as seen from here: the archive's process has a working directory of its own."""
    schedules = {
        name: each if each.place is None else replace(each, place=replace(each.place, url=_url(each.place.url)))
        for name, each in reports.schedules.items()
    }
    definitions = None if reports.definitions is None else _url(reports.definitions)
    return replace(reports, schedules=schedules, definitions=definitions)


def _url(url: str) -> str:
    return url if "://" in url else str(Path(url).absolute())
