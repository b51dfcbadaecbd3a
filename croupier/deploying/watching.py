"""GitOps: one gateway follows the catalog folder and deploys each change; a broken catalog is refused."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from croupier.catalog.places import Problem
from croupier.catalog.problems import CatalogInvalid
from croupier.deploying.control import CatalogControl
from croupier.deploying.folder_watch import CatalogWatch
from gateway.ports import Checked, ControlUnavailable

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


def watch_catalog(folder: Path, control: CatalogControl, registry: CollectorRegistry, stopped: threading.Event) -> None:
    """Starts the watch in a thread of its own; it ends when `stopped` is set. Call it on the gateway's loop."""
    metrics = WatchMetrics(registry)
    loop = asyncio.get_running_loop()

    def deploy(files: Mapping[str, bytes]) -> None:
        call = asyncio.run_coroutine_threadsafe(control.deploy(files, WATCHER), loop)
        try:
            outcome = call.result(DEPLOY_TIMEOUT_S)
        except ControlUnavailable as failure:
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
