"""Reports for the gateway: each is made by a process of its own, which is ended when nobody wants it any more."""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import msgspec
from prometheus_client import Counter

from croupier.integrations import load_integrations
from croupier.reporting.children import beginning, end, start
from croupier.reporting.told import Begin, Told, decode_told
from croupier.settings import Settings
from feeds.reports.definition import Definition
from feeds.reports.shelf import read_shelf, shipped_reports
from gateway.ports import ReportAsked, ReportListed, ReportParameter, ReportRefused, ReportStream

log = logging.getLogger("croupier.reports")

AT_ONCE_MAX: Final = 2
"""Reports that one gateway has made at the same time."""
BEGIN_S: Final = 300.0
"""How long a report may take until its first byte, the facts included."""
WHOLE_S: Final = 1_800.0
PIECE_BYTES: Final = 65_536
_OVERLOADED: Final = ReportRefused("overloaded", f"{AT_ONCE_MAX} reports are being made already: ask again later.")


class ReportChildren:
    """Implements `gateway.ports.ReportsPort`."""

    def __init__(self, settings: Settings, reports: Path | None) -> None:
        self._settings, self._reports = settings, reports
        self._shelf: Sequence[ReportListed] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._places = AT_ONCE_MAX
        self.unreconciled = Counter(
            "report_unreconciled_total",
            "Reports that were made with figures that differ from what else was counted.",
            ["report"],
            registry=None,
        )

    async def listed(self) -> Sequence[ReportListed]:
        """See ReportsPort. The files are read once, when somebody first asks."""
        if self._shelf is None:
            self._shelf = await asyncio.to_thread(_listed, self._reports)
            for report in self._shelf:
                self.unreconciled.labels(report.name)
        return self._shelf

    async def ask(self, asked: ReportAsked) -> ReportStream | ReportRefused:
        """See ReportsPort."""
        if not self._places:
            return _OVERLOADED
        self._places -= 1
        try:
            child = await self._started(asked)
        except BaseException:
            self._places += 1
            raise
        try:
            told = await _first_line(child)
        except BaseException:
            end(child)  # whoever asked has left
            raise
        if told.refused or not told.content_type:
            end(child)
            await child.wait()
            code = "report_unavailable" if told.refused == "report_failed" else told.refused
            return ReportRefused(code or "report_unavailable", told.detail, told.field)
        if told.reconciled is False:
            self.unreconciled.labels(asked.name).inc()
            log.error("the report %s has figures that differ from what else was counted", asked.name)
        return ReportStream(told.content_type, told.provisional, told.reconciled, _Pieces(child))

    async def close(self) -> None:
        """Ends what is being made."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _started(self, asked: ReportAsked) -> asyncio.subprocess.Process:
        begin = await asyncio.to_thread(self._begin)
        child = await start(asked.name, _options(asked), asked.parameters, begin)
        task = asyncio.create_task(_watch(child), name="report")
        self._running.add(task)
        task.add_done_callback(self._gone)
        return child

    def _gone(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._places += 1

    def _begin(self) -> Begin:
        integrations, reports = self._settings.integrations, self._reports
        return beginning(
            self._settings.store,
            None if integrations is None else str(integrations),
            None if reports is None else str(reports),
        )


def _options(asked: ReportAsked) -> dict[str, str | None]:
    return {"format": asked.form, "from": asked.since, "to": asked.until, "time-zone": asked.time_zone}


def own_reports(settings: Settings) -> Path | None:
    """The folder with the reports of whoever runs this. Raises IntegrationsInvalid."""
    named = os.environ.get("CROUPIER_REPORTS")
    if named:
        return Path(named)
    if settings.integrations is None:
        return None
    section = load_integrations(settings.integrations, with_secrets=False).reports
    return None if section is None or section.definitions is None else Path(section.definitions)


def _listed(own: Path | None) -> Sequence[ReportListed]:
    shelf = read_shelf([shipped_reports(), *([] if own is None else [own])])
    for problem in shelf.problems:
        log.error("a report is left out: %s", problem)
    return [_shown(definition) for _, definition in sorted(shelf.reports.items())]


def _shown(definition: Definition) -> ReportListed:
    header = definition.header
    parameters = tuple(
        ReportParameter(each.name, each.words, None if each.default is None else str(each.default))
        for each in header.parameters
    )
    return ReportListed(definition.name, header.title, header.description, frozenset(header.roles), parameters)


async def _first_line(child: asyncio.subprocess.Process) -> Told:
    """What the child tells before the report. A child that tells nothing has failed; its log says why."""
    assert child.stdout is not None
    try:
        async with asyncio.timeout(BEGIN_S):
            return decode_told(await child.stdout.readline())
    except TimeoutError:
        return Told(refused="report_failed", detail=f"The report did not begin within {BEGIN_S:.0f} s.")
    except (msgspec.DecodeError, ValueError):
        return Told(refused="report_failed", detail="The process that makes the report ended; the log says why.")


class _Pieces:
    """Implements `gateway.ports.ReportPieces`. No generator: one that was never begun has nothing to close."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """If the process fails half-way, so does this: nobody takes a part for the whole."""
        assert self._child.stdout is not None
        if piece := await self._child.stdout.read(PIECE_BYTES):
            return piece
        if code := await self._child.wait():
            raise RuntimeError(f"a report was cut off: its process ended with exit code {code}")
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """See ReportPieces."""
        end(self._child)


async def _watch(child: asyncio.subprocess.Process) -> None:
    """Holds the report's place until its process is gone, for so long at most."""
    try:
        async with asyncio.timeout(WHOLE_S):
            await child.wait()
    except TimeoutError:
        log.error("a report took more than %.0f s and was ended", WHOLE_S)
    finally:
        end(child)
        await child.wait()
