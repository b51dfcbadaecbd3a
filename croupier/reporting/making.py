"""Makes one report: brings the facts up to the archive, asks them, and compares the figures with the store's."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from feeds.explaining.catalogs import PastCatalogs
from feeds.facts.manifest import Manifest
from feeds.facts.rebuilding import rebuild
from feeds.reports.checkpoint import NOTHING, Vouched, vouching
from feeds.reports.configured import NOTHING as NOTHING_CONFIGURED
from feeds.reports.configured import Configured, configured
from feeds.reports.definition import Definition
from feeds.reports.period import Period
from feeds.reports.reconciling import Comparison, Reconciled, with_counters
from feeds.reports.running import Asked, Outside, asked
from feeds.reports.sealed import is_level
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.contract import Store
from snapshots.errors import StoreError
from snapshots.opening import open_store

AHEAD = "The store has entries that are not in the archive yet, so its counters were not compared."
PART = "The facts do not begin where the archive begins, so the store's counters were not compared."
SILENT = "The store did not answer, so its counters were not compared."
NO_CATALOG = "The store was not asked which catalog was in force, so nothing is compared with it."
NO_STORE = "No store was named, so its counters were not compared."


class Sources(msgspec.Struct, frozen=True):
    """Where things are. Without `archive` the facts are taken as they are; without `store` nothing is compared with
    its counters.
    """

    facts: Path
    archive: ArchivePlace | None = None
    store: str | None = None


@contextmanager
def made(definition: Definition, period: Period, given: Mapping[str, str], sources: Sources) -> Iterator[Asked]:
    """The report. Raises RequestInvalid, ReportFailed, FactsUnusable, StoreError, CredentialMissing."""
    manifest, vouched = asyncio.run(_up_to_date(sources, period))
    counters = _Counters(sources.store, manifest)
    level_ms = counters.level_ms()
    catalog = asyncio.run(_configured(sources.store, period)) if definition.asks_catalog else NOTHING_CONFIGURED
    outside = Outside(
        level_ms=level_ms,
        checkpoint=vouched.words,
        vouched=sources.archive is None or vouched.covers,
        compare=counters.compare,
        configured=catalog,
    )
    with asked(definition, period, given, sources.facts, outside) as report:
        yield report


async def _up_to_date(sources: Sources, period: Period) -> tuple[Manifest | None, Vouched]:
    """What is in force, and the checkpoint that vouches for it."""
    if sources.archive is None:
        return None, NOTHING
    bucket = open_bucket(sources.archive)
    manifest = await rebuild(bucket, sources.facts)
    return manifest, await vouching(bucket, period.until_ms, manifest.ends)


async def _configured(url: str | None, period: Period) -> Configured:
    """What the catalog said that was in force at the end of the period, or is in force now."""
    if url is None:
        return Configured(note=NO_CATALOG)
    store: Store = open_store(url)
    try:
        await store.open()
        known = await PastCatalogs(store).at(min(period.until_ms - 1, time.time_ns() // 1_000_000))
    except StoreError:
        return Configured(note=NO_CATALOG)
    finally:
        await store.close()
    if known.catalog is None:
        return Configured(note=known.note)
    return configured(known.catalog, known.version or "")


class _Counters:
    """The store's counters, as far as they count what the facts hold."""

    def __init__(self, url: str | None, manifest: Manifest | None) -> None:
        self._url, self._manifest = url, manifest

    def level_ms(self) -> int:
        """When the facts had all that the journal has (Unix ms, now); 0 if they have not, or nobody knows."""
        now_ms = time.time_ns() // 1_000_000
        try:
            return now_ms if asyncio.run(self._asked(())) is not None else 0
        except StoreError:
            return 0

    def compare(self, comparison: Comparison) -> Reconciled:
        """Counters are compared only if nothing came into the journal that the facts don't have."""
        if self._url is None or self._manifest is None:
            return Reconciled(None, (), NO_STORE)
        if not self._manifest.whole:
            return Reconciled(None, (), PART)
        try:
            tallies = asyncio.run(self._asked(comparison.names))
        except StoreError:
            return Reconciled(None, (), SILENT)
        if tallies is None:
            return Reconciled(None, (), AHEAD)
        differences = list(with_counters(comparison, tallies))
        return Reconciled(not differences, differences)

    async def _asked(self, names: list[str] | tuple[()]) -> Mapping[str, int] | None:
        """These counters; None if the journal is ahead of the facts after they were read."""
        if self._url is None or self._manifest is None:
            return None
        store: Store = open_store(self._url)
        try:
            await store.open()
            tallies = await store.tallies(names) if names else {}
            logs = await store.journal_logs()
        finally:
            await store.close()
        return tallies if is_level(self._manifest.ends, logs) else None
