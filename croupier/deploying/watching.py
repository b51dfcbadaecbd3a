"""GitOps: one gateway follows the catalog folder and deploys each change; a broken catalog is refused."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from actors.host.clock import now_ms
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

    def deploy(files: Mapping[str, bytes]) -> None:
        call = asyncio.run_coroutine_threadsafe(_deploy(folder, control, control_log, files), loop)
        try:
            outcome = call.result(DEPLOY_TIMEOUT_S)
        except (ControlUnavailable, LogUnavailable) as failure:
            raise OSError(str(failure)) from failure
        if isinstance(outcome, Checked):
            raise CatalogInvalid([Problem(found.file, found.line, found.reason) for found in outcome.problems])

    def refused(problems: Sequence[Problem]) -> None:
        log.error("the catalog in %s is refused (%d problems); the running one stays in force", folder, len(problems))
        metrics.refused.inc()
        metrics.followed.set(0)

    def took(version: str) -> None:
        log.warning("catalog %s from %s is in force", version, folder)
        metrics.followed.set(1)

    watch = CatalogWatch(folder, control.version, deploy, refused, took)
    threading.Thread(target=watch.run, args=(stopped,), name="catalog watch", daemon=True).start()


async def _deploy(
    folder: Path, control: CatalogControl, control_log: ControlLogPort, files: Mapping[str, bytes]
) -> Deployed | Checked | Overtaken | KeyTaken:
    """Deploys, and has the control log tell of it. Raises ControlUnavailable, LogUnavailable."""
    former = control.in_force()
    await control_log.append([_entry(folder, "asked", after={"files": sorted(files)})])
    outcome = await control.deploy(files, WATCHER)
    before = {"version": former.version, "number": former.number, "by": former.by}
    if isinstance(outcome, Deployed):
        after = {"version": outcome.version, "number": outcome.number, "diff": dict(outcome.diff)}
        await control_log.append([_entry(folder, "done", outcome.version, before, after)])
    else:
        await control_log.append([_entry(folder, "catalog_invalid")])
    return outcome


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
