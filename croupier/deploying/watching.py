"""GitOps: one gateway follows the catalog folder and deploys each change; a broken catalog is refused."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from actors.host.clock import now_ms
from croupier.catalog import content_hash
from croupier.catalog.places import Problem
from croupier.catalog.problems import CatalogInvalid
from croupier.deploying.control import CatalogControl
from croupier.deploying.folder_watch import CatalogWatch
from engine.control_entries import ControlEntry
from gateway.ports import Checked, ControlLogPort, ControlUnavailable, Deployed, KeyTaken, LogUnavailable, Overtaken
from gateway.recording.operation import bounded

log = logging.getLogger("croupier.catalog")

WATCHER = "catalog-watch"
DEPLOY_TIMEOUT_S = 60.0


class WatchMetrics:
    """What is counted of following the folder."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = Counter("catalog_refused", "Broken catalogs found in the folder and refused", registry=registry)
        self.followed = Gauge(
            "catalog_followed", "1 while the folder is what is in force, 0 while it is not", registry=registry
        )
        self.followed.set(1)


def watch_catalog(
    folder: Path,
    control: CatalogControl,
    control_log: ControlLogPort,
    registry: CollectorRegistry,
    stopped: threading.Event,
) -> None:
    """Starts the watch in a thread of its own; it ends when `stopped` is set. Call it on the gateway's loop."""
    metrics = WatchMetrics(registry)
    loop = asyncio.get_running_loop()
    deploys = FolderDeploys(folder, control, control_log)

    def deploy(files: Mapping[str, bytes]) -> None:
        call = asyncio.run_coroutine_threadsafe(deploys.deploy(files), loop)
        try:
            outcome = call.result(DEPLOY_TIMEOUT_S)
        except (ControlUnavailable, LogUnavailable) as failure:
            raise OSError(str(failure)) from failure
        if isinstance(outcome, Checked):
            raise CatalogInvalid([Problem(found.file, found.line, found.reason) for found in outcome.problems])
        if not isinstance(outcome, Deployed):
            raise OSError(f"nothing was deployed: {_code(outcome)}")

    def refused(problems: Sequence[Problem]) -> None:
        log.error("the catalog in %s is refused (%d problems); the running one stays in force", folder, len(problems))
        metrics.refused.inc()
        metrics.followed.set(0)

    def took(version: str) -> None:
        log.warning("catalog %s from %s is in force", version, folder)
        metrics.followed.set(1)

    watch = CatalogWatch(folder, control.version, deploy, refused, took)
    threading.Thread(target=watch.run, args=(stopped,), name="catalog watch", daemon=True).start()


class FolderDeploys:
    """Deploys what the folder holds, and has the control log tell of it.

    The same files are tried again and again while nobody can be asked: of these tries the log tells once.
    """

    def __init__(self, folder: Path, control: CatalogControl, control_log: ControlLogPort) -> None:
        self._folder, self._control, self._control_log = folder, control, control_log
        self._trying = ""
        self._told: set[str] = set()
        """Outcomes that the log tells of the files that are being tried."""

    async def deploy(self, files: Mapping[str, bytes]) -> Deployed | Checked | Overtaken | KeyTaken:
        """Raises ControlUnavailable, LogUnavailable; then it may be called again with the same files."""
        former = self._control.in_force()
        if self._trying != content_hash(files):
            self._trying, self._told = content_hash(files), set()
        await self._tell("asked", after={"files": sorted(files)})
        try:
            outcome = await self._control.deploy(files, WATCHER)
        except ControlUnavailable:
            await self._tell("outcome_unknown")
            raise
        if isinstance(outcome, Deployed):
            before = {"version": former.version, "number": former.number, "by": former.by}
            after = {"version": outcome.version, "number": outcome.number, "diff": dict(outcome.diff)}
            await self._tell("done", outcome.version, before, after)
        else:
            await self._tell(_code(outcome))
        if isinstance(outcome, Deployed | Checked):
            self._trying = ""
        return outcome

    async def _tell(
        self,
        outcome: str,
        version: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        if outcome not in self._told:
            await self._control_log.append([_entry(self._folder, outcome, version, before, after)])
            self._told.add(outcome)


def _code(refused: Checked | Overtaken | KeyTaken) -> str:
    """The code by which the log knows a refusal."""
    if isinstance(refused, Checked):
        return "catalog_invalid"
    return "invalid_state" if isinstance(refused, Overtaken) else "idempotency_conflict"


def _entry(
    folder: Path,
    outcome: str,
    version: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> ControlEntry:
    return ControlEntry(
        time_ms=now_ms(),
        who=WATCHER,
        role="",
        operation=f"deploy of the folder {folder.name}",
        outcome=outcome,
        subject=version,
        before=before,
        after=bounded(after),
    )
