"""Starts a reader in its process. `ReaderPlan.runner` names `run`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec
from prometheus_client import CollectorRegistry

from actors.host.importing import imported
from actors.settings import ReaderPlan
from actors.supervision.reader_ports import Progress
from feeds.behind import BehindAlert, BehindLimits
from feeds.following.follower import Follower
from feeds.following.metrics import ReaderMetrics
from feeds.following.shard_reading import Archived
from feeds.reading import Notes, Sink
from snapshots.contract import ARCHIVE, Store
from snapshots.errors import Fenced
from snapshots.opening import open_store

log = logging.getLogger("croupier.reader")

LOOK_S = 1.0
"""How often it is looked at how far behind the archive is."""

Factory = Callable[[bytes, Notes, CollectorRegistry], Awaitable[Sink]]
"""What `ReaderPlan.factory` names: settings (JSON), notes, where metrics are registered."""
ArchiveFactory = Callable[[bytes, CollectorRegistry], Awaitable[Archived]]
"""What `ReaderPlan.archive` names."""


class FollowingReader:
    """Implements `actors.supervision.reader_ports.RunningReader` with a `Follower`."""

    def __init__(
        self, store: Store, follower: Follower, on_end: Callable[[str], None], alert: BehindAlert | None = None
    ) -> None:
        self._store, self._follower, self._on_end, self._alert = store, follower, on_end, alert
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(), name=f"reader {follower.name}")]
        if alert is not None:
            self._tasks.append(loop.create_task(self._look(alert), name=f"reader {follower.name}: how far behind"))

    async def _run(self) -> None:
        try:
            await self._follower.run()
        except Fenced as refusal:
            self._on_end(str(refusal))
        except Exception as failure:
            log.exception("reader %s can't go on", self._follower.name)
            self._on_end(str(failure))

    async def _look(self, alert: BehindAlert) -> None:
        while True:
            metrics = self._follower.metrics
            alert.look(max(metrics.lag_seconds.values(), default=0.0), metrics.held_bytes())
            await asyncio.sleep(LOOK_S)

    def progress(self) -> Progress:
        """See RunningReader."""
        metrics = self._follower.metrics
        lag_s = max(metrics.lag_seconds.values(), default=0.0)
        return Progress(self._follower.trouble, lag_s, sum(metrics.lag_records.values()))

    async def ask(self, request: bytes) -> bytes:
        """See RunningReader."""
        return await self._follower.ask(request)

    async def settle(self, within_s: float) -> bool:
        """See RunningReader."""
        return await self._follower.settle(within_s)

    async def close(self) -> None:
        """See RunningReader."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._store.close()


async def run(
    plan: ReaderPlan, store_url: str, registry: CollectorRegistry, on_end: Callable[[str], None]
) -> FollowingReader:
    """Opens the store and starts to follow the journal. Raises StoreError, ImportError, AttributeError."""
    factory: Factory = imported(plan.factory)
    metrics = ReaderMetrics(holds_journal=plan.name == ARCHIVE)
    registry.register(metrics)
    archived = None
    if plan.archive:
        make_archived: ArchiveFactory = imported(plan.archive)
        archived = await make_archived(plan.archive_settings, registry)
    store = open_store(store_url)
    await store.open()
    made = _Registered(factory, plan.settings, registry)
    alert = None
    if plan.name == ARCHIVE:
        alert = BehindAlert(plan.name, msgspec.json.decode(plan.settings, type=BehindLimits), registry)
    return FollowingReader(store, Follower(store, plan.name, made, metrics, archived), on_end, alert)


class _Registered:
    """Makes sinks one after the other. Each finds the registry as the first one did: metrics are registered once."""

    def __init__(self, factory: Factory, settings: bytes, registry: CollectorRegistry) -> None:
        self._factory, self._settings, self._registry = factory, settings, registry
        self._last: CollectorRegistry | None = None

    async def __call__(self, notes: Notes) -> Sink:
        if self._last is not None:
            self._registry.unregister(self._last)
        self._last = CollectorRegistry()
        self._registry.register(self._last)
        return await self._factory(self._settings, notes, self._last)
