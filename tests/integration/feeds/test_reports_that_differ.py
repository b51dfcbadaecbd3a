"""A scheduled report whose figures differ from what else was counted is delivered all the same, and counted."""

import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from croupier.reporting.scheduling import ChildMaker
from feeds.reports.schedules.agenda import Period
from feeds.reports.schedules.keeper import Order, ScheduleMetrics
from feeds.reports.schedules.settings import ReportsSettings, ScheduledArchive, ScheduleSettings
from snapshots.archive.place import ArchivePlace

TELLS = """#!/bin/sh
printf '{"content_type":"text/csv","reconciled":%s}\\nday,ggr\\n' false
"""


async def test_a_report_that_differs_from_what_else_was_counted_is_delivered_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the place of `croupier report`, a program that says so of its report."""
    program = tmp_path / "report"
    program.write_text(TELLS)
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    registry = CollectorRegistry()
    schedule = ScheduleSettings(
        report="bonus-cost", cron="0 1 * * *", period="previous_day", place=ArchivePlace(str(tmp_path / "reports"))
    )
    settings = ScheduledArchive(
        alert_after_minutes=10,
        alert_after_bytes=1_048_576,
        sink_factory="",
        sink_settings="",
        reports=ReportsSettings({"cost": schedule}),
        store="",
    )
    maker = ChildMaker(settings, ScheduleMetrics(registry))
    assert registry.get_sample_value("report_unreconciled_total", {"report": "bonus-cost"}) == 0
    order = Order("bonus-cost", "csv", Period("2026-01-01", 0, 1), "UTC", {})
    assert await maker.make(order, tmp_path / "made.csv"), "it is final"
    assert (tmp_path / "made.csv").read_text() == "day,ggr\n"
    assert registry.get_sample_value("report_unreconciled_total", {"report": "bonus-cost"}) == 1
    assert "the report bonus-cost has figures that differ" in caplog.text
