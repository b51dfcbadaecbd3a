"""Reports for the gateway: each is made by a process of its own, which is ended when nobody wants it any more."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import Counter

from croupier.integrations import load_integrations
from croupier.reporting.told import LINE_BYTES_MAX, Told, decode_told
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
        told = await _first_line(child)
        if told.refused or not told.content_type:
            _end(child)
            await child.wait()
            code = "report_unavailable" if told.refused == "report_failed" else told.refused
            return ReportRefused(code or "report_unavailable", told.detail, told.field)
        if told.reconciled is False:
            self.unreconciled.labels(asked.name).inc()
            log.error("the report %s has figures that differ from what else was counted", asked.name)
        return ReportStream(told.content_type, told.provisional, told.reconciled, _pieces(child))

    async def close(self) -> None:
        """Ends what is being made."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _started(self, asked: ReportAsked) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "croupier", "report", asked.name, "--machine", *self._arguments(asked)]
        environment = {name: value for name, value in os.environ.items() if name != "CROUPIER_CLUSTER_SECRET"}
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX,
            env=environment,
        )  # fmt: skip
        task = asyncio.create_task(_watch(child), name="report")
        self._running.add(task)
        task.add_done_callback(self._gone)
        return child

    def _gone(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._places += 1

    def _arguments(self, asked: ReportAsked) -> list[str]:
        """Values are joined to their options: one that begins with a hyphen is no option of its own."""
        options: dict[str, str | None] = {
            "format": asked.form,
            "from": asked.since,
            "to": asked.until,
            "time-zone": asked.time_zone,
            "store": self._settings.store,
            "integrations": None if self._settings.integrations is None else str(self._settings.integrations),
            "reports": None if self._reports is None else str(self._reports),
        }
        found = [f"--{name}={value}" for name, value in options.items() if value is not None]
        return found + [f"--set={name}={value}" for name, value in asked.parameters.items()]


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


async def _pieces(child: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    """The report's bytes. If the child fails half-way, so does this: nobody takes a part for the whole."""
    assert child.stdout is not None
    try:
        while piece := await child.stdout.read(PIECE_BYTES):
            yield piece
        code = await child.wait()
        if code:
            raise RuntimeError(f"a report was cut off: its process ended with exit code {code}")
    finally:
        _end(child)


async def _watch(child: asyncio.subprocess.Process) -> None:
    """Holds the report's place until its process is gone, for so long at most."""
    try:
        async with asyncio.timeout(WHOLE_S):
            await child.wait()
    except TimeoutError:
        log.error("a report took more than %.0f s and was ended", WHOLE_S)
    finally:
        _end(child)
        await child.wait()


def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if child.returncode is None:
            child.kill()
