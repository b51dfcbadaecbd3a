"""Swapping the catalog in a shard without dropping a spin (rule 14).

Prepare: frames wait, everything decided under the old catalog becomes durable. The supervisor then commits the version
in the store, and every shard goes on under the new one. A shard that hears nothing looks into the store; appends
under an older number are refused there, whatever a shard believes.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from actors.shard.context import ShardContext
from actors.shard.geo import GeoDatabase
from actors.stored_catalogs import CatalogMissing, read_catalog, read_content
from engine.catalog import Catalog
from engine.currencies import other_exponents
from snapshots.contract import CatalogRow, Store
from snapshots.errors import Fenced, StoreUnavailable

log = logging.getLogger("croupier.shard")

PREPARED_MAX_S = 3.0
ASK_AGAIN_S = 0.2


async def unheld_counters(store: Store, in_force: CatalogRow | None, version: str) -> tuple[str, ...]:
    """The store's counters that must be 0 for a stored version to come into force after `in_force` (rules §2.7).

    Raises CatalogMissing if the version is not stored, StoreUnavailable. One in force that can't be read, or none,
    leaves every exponent open.
    """
    catalog, before = (await read_content(store, version)).catalog, None
    with suppress(CatalogMissing, msgspec.DecodeError):
        before = None if in_force is None else (await read_content(store, in_force.version)).catalog
    return tuple(other.counter for other in other_exponents(catalog, before))


class DeploymentOver(Exception):
    """What was asked belongs to a deployment that is over, or was overtaken by another one."""


class _Prepared(NamedTuple):
    number: int
    version: str
    catalog: Catalog
    geo: GeoDatabase


class CatalogSwap:
    """One shard's part in a deployment."""

    def __init__(
        self, context: ShardContext, until_decided: Callable[[], Awaitable[None]], go_on: Callable[[], None]
    ) -> None:
        self._context, self._until_decided, self._go_on = context, until_decided, go_on
        self._prepared: _Prepared | None = None
        self._attempt = 0
        """Grows with whatever begins or ends a preparation, so that an older one notices."""
        self._doubt: asyncio.TimerHandle | None = None
        self._resolving: asyncio.Task[None] | None = None

    async def prepare(self, number: int, version: str, due_since_ms: int = 0) -> None:
        """From its return on nothing is decided until `finish`, `abandon`, or the store has been asked.

        `due_since_ms`: since when due times follow from its rules.

        Raises DeploymentOver, CatalogMissing, GeoDatabaseUnusable, StoreUnavailable: the shard goes on as before.
        """
        self._attempt += 1
        attempt = self._attempt
        await self._hold(await self._read(number, version, due_since_ms), attempt)

    def finish(self, number: int, version: str) -> None:
        """The store has this version in force: go on under it. Another one was prepared, or none: ask the store."""
        prepared = self._prepared
        if prepared is not None and (prepared.number, prepared.version) == (number, version):
            self._context.use_catalog(prepared.number, prepared.catalog, prepared.geo)
            self._resume()
        elif number > self._context.committer.catalog_number:
            self._ask_store()

    def abandon(self) -> None:
        """The deployment did not happen: go on under the old one."""
        self._resume()

    async def keep_up(self, row: CatalogRow | None) -> None:
        """Puts the store's catalog in force here, if nobody told: this shard was being replaced while it was committed.

        Raises as `prepare`, but if a deployment overtakes this: that one tells the shard. Fenced if the store has
        another catalog under the number that this shard decides under: it has lost that one, and given its number anew
        (rule 15).
        """
        number, version = self._context.committer.catalog_number, self._context.catalog.version
        if row is not None and row.number == number and row.version != version:
            raise Fenced(f"catalog {number} is {row.version} in the store, and {version} in this shard")
        if row is not None and row.number > self._context.committer.catalog_number and self._prepared is None:
            log.warning("catalog %d is in force, as the store says; nobody told", row.number)
            with suppress(DeploymentOver):
                await self.prepare(row.number, row.version, row.due_since_ms)
                self.finish(row.number, row.version)

    async def until_over(self) -> None:
        """Waits until no catalog is being prepared."""
        while self._prepared is not None:
            await asyncio.sleep(ASK_AGAIN_S / 10)

    async def undisturbed(self, work: Callable[[], Awaitable[None]]) -> None:
        """Does work that decides something; once more if a catalog was prepared meanwhile, because then nothing is."""
        disturbed = True
        while disturbed:
            await self.until_over()
            attempt = self._attempt
            await work()
            disturbed = self._prepared is not None or attempt != self._attempt

    def end(self) -> None:
        """Throws the preparation away."""
        self._attempt += 1
        self._prepared = None
        if self._doubt is not None:
            self._doubt.cancel()
        if self._resolving is not None:
            self._resolving.cancel()
        self._context.resume()

    async def _hold(self, prepared: _Prepared, attempt: int) -> None:
        """Frames wait from now on; on return all that was decided before is durable."""
        self._check(prepared.number, attempt)
        context, self._prepared = self._context, prepared
        context.pause()
        self._in_doubt()
        await self._until_decided()
        await context.committer.until_idle()
        self._check(prepared.number, attempt)

    def _check(self, number: int, attempt: int) -> None:
        if attempt != self._attempt or number <= self._context.committer.catalog_number:
            raise DeploymentOver(f"catalog {number} was given up or overtaken before it was prepared")

    async def _read(self, number: int, version: str, due_since_ms: int) -> _Prepared:
        """Off the loop where a file is read: spins go on meanwhile."""
        catalog = await read_catalog(self._context.store, version, due_since_ms)
        folder, path = self._context.settings.catalog_dir, catalog.geo_database
        geo = GeoDatabase(folder, None) if path is None else await asyncio.to_thread(GeoDatabase, folder, path)
        return _Prepared(number, version, catalog, geo)

    def _resume(self) -> None:
        self._attempt += 1
        self._prepared = None
        if self._doubt is not None:
            self._doubt.cancel()
            self._doubt = None
        self._context.resume()
        self._go_on()

    def _in_doubt(self) -> None:
        if self._doubt is not None:
            self._doubt.cancel()
        self._doubt = asyncio.get_running_loop().call_later(PREPARED_MAX_S, self._ask_store)

    def _ask_store(self) -> None:
        if self._resolving is None or self._resolving.done():
            self._resolving = asyncio.get_running_loop().create_task(self._resolve(), name="catalog doubt")

    async def _resolve(self) -> None:
        """Nobody said how the deployment ended, or not to this shard: the store knows."""
        attempt = self._attempt
        while attempt == self._attempt:  # else it was decided meanwhile, or another one has begun
            try:
                row = (await self._context.store.routing()).catalog
                log.warning("a deployment was left undecided; the store has %s", row)
                await self._settle(row, attempt)
            except StoreUnavailable:
                await asyncio.sleep(ASK_AGAIN_S)
            except DeploymentOver:
                return
            except Exception:
                log.exception("the catalog in force can't be used")
                self._context.end("the catalog in force can't be used")
            else:
                return

    async def _settle(self, row: CatalogRow | None, attempt: int) -> None:
        if attempt != self._attempt:
            return
        if row is None or row.number <= self._context.committer.catalog_number:
            self.abandon()
            return
        prepared = self._prepared
        if prepared is None or (prepared.number, prepared.version) != (row.number, row.version):
            await self._hold(await self._read(row.number, row.version, row.due_since_ms), attempt)
        self.finish(row.number, row.version)
