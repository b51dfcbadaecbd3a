"""The archive's process with scheduled reports: `ReaderPlan.factory` names `make` if there are schedules.

Each report is made by a process of its own, `croupier report`, which ends with this one.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry

from actors.host.importing import imported
from croupier.reporting.children import beginning, end, start
from croupier.reporting.told import Begin, Told, decode_told
from feeds.following.runner import Factory
from feeds.reading import Notes, Sink
from feeds.reports.schedules.beside import SinkWithSchedules
from feeds.reports.schedules.destinations import Destination, MailDestination, PlaceDestination
from feeds.reports.schedules.keeper import Order, ReportFailed, ScheduleKeeper, ScheduleMetrics
from feeds.reports.schedules.settings import ReportsSettings, ScheduledArchive, ScheduleSettings
from feeds.reports.schedules.standing import Standings
from snapshots.archive.bucket import open_bucket

log = logging.getLogger("croupier.reports")

MADE_WITHIN_S: Final = 1_800.0
PIECE_BYTES: Final = 262_144


async def make(settings: bytes, notes: Notes, registry: CollectorRegistry) -> Sink:
    """The archive's sink, with the schedules beside it; `settings` is the JSON of ScheduledArchive.

    A destination of a report is opened when there is something to deliver: without its key the schedule is late, and
    the archive goes on. Raises SinkFailed if something that the archive needs is not as the settings say.
    """
    wanted = msgspec.json.decode(settings, type=ScheduledArchive)
    factory: Factory = imported(wanted.sink_factory)
    inner = await factory(wanted.sink_settings.encode(), notes, registry)
    schedules = wanted.reports.schedules
    metrics = ScheduleMetrics(registry)
    keeper = ScheduleKeeper(
        schedules=schedules,
        destinations={name: _destination(each, wanted.reports) for name, each in schedules.items()},
        maker=ChildMaker(wanted, metrics),
        standings=Standings(notes),
        metrics=metrics,
        now_ms=lambda: time.time_ns() // 1_000_000,
    )
    return SinkWithSchedules(inner, keeper)


def _destination(schedule: ScheduleSettings, reports: ReportsSettings) -> Destination:
    if schedule.place is None:
        assert reports.mail is not None  # the settings were checked
        return MailDestination(reports.mail, schedule.mail)
    return PlaceDestination(partial(open_bucket, schedule.place))


class ChildMaker:
    """Implements `Maker`."""

    def __init__(self, settings: ScheduledArchive, metrics: ScheduleMetrics) -> None:
        self._metrics = metrics
        for schedule in settings.reports.schedules.values():
            metrics.unreconciled.labels(schedule.report)
        self._settings = settings

    async def make(self, order: Order, into: Path) -> bool:
        """See Maker."""
        begin = await asyncio.to_thread(self._begin)
        child = await start(order.report, _options(order), order.parameters, begin)
        try:
            async with asyncio.timeout(MADE_WITHIN_S):
                told = await _written(child, into)
        except TimeoutError:
            raise ReportFailed(f"the report was not made within {MADE_WITHIN_S:.0f} s") from None
        finally:
            end(child)
            await child.wait()
        if told.reconciled is False:
            self._metrics.unreconciled.labels(order.report).inc()
            log.error("the report %s has figures that differ from what else was counted", order.report)
        return not told.provisional

    def _begin(self) -> Begin:
        settings = self._settings
        definitions = settings.reports.definitions
        return beginning(settings.store, settings.integrations, None if definitions is None else str(definitions))


def _options(order: Order) -> dict[str, str | None]:
    return {
        "format": order.format,
        "from": _instant(order.period.from_ms),
        "to": _instant(order.period.to_ms),
        "time-zone": order.time_zone,
    }


async def _written(child: asyncio.subprocess.Process, into: Path) -> Told:
    """What was told of the report, once all of it is in the file. Raises ReportFailed."""
    assert child.stdout is not None
    told = _told(await child.stdout.readline())
    if told.refused:
        raise ReportFailed(f"{told.field}: {told.detail}" if told.field else told.detail)
    with into.open("wb") as out:
        while piece := await child.stdout.read(PIECE_BYTES):
            await asyncio.to_thread(out.write, piece)
    if code := await child.wait():
        raise ReportFailed(f"the report was cut off: its process ended with exit code {code}")
    return told


def _told(line: bytes) -> Told:
    try:
        return decode_told(line)
    except msgspec.DecodeError:
        raise ReportFailed("the process that makes the report ended; the log says why") from None


def _instant(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1_000, UTC).isoformat()
