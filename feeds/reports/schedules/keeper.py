"""Makes and delivers what is due, each period once.

A report is delivered under a name that says its period, and then a note says so. Killed in between, the next life
delivers again: a folder and a bucket know the name, so nothing happens twice there. A mail may come twice, with the
same Message-ID and a sentence that says so.
"""

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, Counter, Gauge

from feeds.reports.schedules.agenda import Due, Period, dues
from feeds.reports.schedules.destinations import Delivery, DeliveryFailed, Destination
from feeds.reports.schedules.settings import ScheduleSettings
from feeds.reports.schedules.standing import UNSEALED_MAX, Standing, Standings

log = logging.getLogger("croupier.reports")

LOOK_S = 15.0
RETRY_MS = 60_000
"""After a failure. Other schedules go on meanwhile."""
SEAL_RETRY_MS = 300_000
"""How long a report rests whose period the archive does not cover yet."""
OWED_MS_MAX = 31 * 86_400_000
"""For so long after its period the final report is owed that follows a provisional one."""
LATE_MS = 3_600_000
"""A report that is delivered so long after it was due says so."""
MINUTE_MS = 60_000


class ReportFailed(Exception):
    """A report could not be made. The message is for the operator."""


class Order(msgspec.Struct, frozen=True):
    """What is to be made: a report's name, its format, period and parameters."""

    report: str
    format: str
    period: Period
    time_zone: str
    parameters: Mapping[str, str]


class Maker(Protocol):
    """Makes reports, in processes of their own."""

    async def make(self, order: Order, into: Path) -> bool:
        """Writes the report into that file; whether it is final (False: provisional). Raises ReportFailed."""


class ScheduleMetrics:
    """What operators see of the schedules."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.delivered = Counter(
            "reports_delivered_total", "Scheduled reports that were delivered.", ["schedule"], registry=registry
        )
        self.failures = Counter(
            "reports_delivery_failures_total",
            "Scheduled reports that could not be made or delivered at an attempt; they are tried again.",
            ["schedule"],
            registry=registry,
        )
        self.unreconciled = Counter(
            "report_unreconciled_total",
            "Reports that were made with figures that differ from what else was counted.",
            ["report"],
            registry=registry,
        )
        self.overdue = Gauge(
            "reports_overdue_seconds",
            "Since when the oldest report of the schedule is due and not delivered; 0 if none is.",
            ["schedule"],
            registry=registry,
        )


class ScheduleKeeper:
    """All schedules of one Croupier. Belongs to one event loop."""

    def __init__(
        self,
        schedules: Mapping[str, ScheduleSettings],
        destinations: Mapping[str, Destination],
        maker: Maker,
        standings: Standings,
        metrics: ScheduleMetrics,
        now_ms: Callable[[], int],
    ) -> None:
        self._schedules, self._destinations, self._maker = schedules, destinations, maker
        self._standings, self._metrics, self._now_ms = standings, metrics, now_ms
        self._rests_until_ms: dict[str, int] = {}

    async def run(self) -> None:
        """Goes on until it is cancelled. Raises Fenced if another process has taken over, StoreError."""
        await self._standings.forget_others(list(self._schedules))
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Does once whatever is due now. A schedule that fails is tried again later, and holds up no other."""
        for name, schedule in self._schedules.items():
            if self._rests_until_ms.get(name, 0) > self._now_ms():
                continue
            try:
                await self._keep_up(name, schedule)
            except (ReportFailed, DeliveryFailed, OSError) as problem:
                self._metrics.failures.labels(name).inc()
                self._rest(name, RETRY_MS)
                log.error("the scheduled report %s was not delivered, and is tried again: %s", name, problem)

    def _rest(self, name: str, rest_ms: int) -> None:
        self._rests_until_ms[name] = self._now_ms() + rest_ms

    async def _keep_up(self, name: str, schedule: ScheduleSettings) -> None:
        """First what is due, oldest first; then the final reports that are owed."""
        standing = await self._standings.read(name, self._now_ms())
        for due in dues(schedule, standing.through_ms, self._now_ms()):
            self._metrics.overdue.labels(name).set((self._now_ms() - due.at_ms) / 1_000)
            if due.period.label == standing.last:
                continue
            later = await self._first(name, schedule, standing, due)
            if later is None:
                self._rest(name, SEAL_RETRY_MS)
                return
            standing = later
        self._metrics.overdue.labels(name).set(0)
        for period in standing.unsealed:
            standing = await self._final(name, schedule, standing, period)

    async def _first(self, name: str, schedule: ScheduleSettings, standing: Standing, due: Due) -> Standing | None:
        """Delivers a period's report, final or provisional. None: it is provisional, and waits to become final."""
        waited_ms = self._now_ms() - due.at_ms
        patient = waited_ms < schedule.seal_wait_minutes * MINUTE_MS
        remarks = (f"It was due {waited_ms // MINUTE_MS} minutes ago, and is late.",) if waited_ms >= LATE_MS else ()
        async with _made(self._maker, schedule, due.period) as made:
            if patient and not made.final:
                return None
            standing = await self._deliver(name, schedule, standing, due.period, made, remarks)
        unsealed = standing.unsealed if made.final else (*standing.unsealed, due.period)[-UNSEALED_MAX:]
        if not made.final:
            self._rest(name, SEAL_RETRY_MS)
        return await self._noted(
            name, replace(standing, through_ms=due.at_ms, last=due.period.label, unsealed=unsealed, sending="")
        )

    async def _final(self, name: str, schedule: ScheduleSettings, standing: Standing, period: Period) -> Standing:
        """Delivers what had been delivered as provisional, if the archive covers its period now."""
        left = tuple(each for each in standing.unsealed if each != period)
        if self._now_ms() - period.to_ms > OWED_MS_MAX:
            log.error("the report %s of %s stays provisional: the archive never covered its period", name, period.label)
            return await self._noted(name, replace(standing, unsealed=left))
        async with _made(self._maker, schedule, period) as made:
            if not made.final:
                self._rest(name, SEAL_RETRY_MS)
                return standing
            remarks = ("It takes the place of the provisional one that came before.",)
            standing = await self._deliver(name, schedule, standing, period, made, remarks)
        return await self._noted(name, replace(standing, unsealed=left, sending=""))

    async def _deliver(
        self,
        name: str,
        schedule: ScheduleSettings,
        standing: Standing,
        period: Period,
        made: "_Made",
        remarks: tuple[str, ...],
    ) -> Standing:
        destination = self._destinations[name]
        mark = "" if made.final else "-provisional"
        path = f"{name}/{schedule.report}-{period.label}{mark}.{schedule.format}"
        if not destination.once:
            if standing.sending == path:
                remarks = (*remarks, "It may be a second copy: an earlier attempt to send it was broken off.")
            standing = await self._noted(name, replace(standing, sending=path))
        title = f"{schedule.report} {period.label}{'' if made.final else ' (provisional)'}"
        await destination.deliver(Delivery(path, schedule.format, title, made.file, remarks))
        self._metrics.delivered.labels(name).inc()
        log.info("report %s delivered", path)
        return standing

    async def _noted(self, name: str, standing: Standing) -> Standing:
        await self._standings.write(name, standing)
        return standing


class _Made(NamedTuple):
    """A report's file, and whether it is final."""

    file: Path
    final: bool


@asynccontextmanager
async def _made(maker: Maker, schedule: ScheduleSettings, period: Period) -> AsyncIterator[_Made]:
    """The report; its file is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="croupier-report-") as folder:
        file = Path(folder) / f"report.{schedule.format}"
        order = Order(schedule.report, schedule.format, period, schedule.time_zone, schedule.parameters)
        yield _Made(file, await maker.make(order, file))
