"""Swapping the catalog in a shard without dropping a spin (rule 14).

Prepare: frames wait, everything decided under the old catalog becomes durable. The supervisor then commits the version
in the store, and every shard goes on under the new one. A shard that hears nothing looks into the store; appends
under an older number are refused there, whatever a shard believes.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from actors.geo import GeoDatabase
from engine.catalog import Catalog
from snapshots.contract import Store
from snapshots.errors import StoreUnavailable

if TYPE_CHECKING:
    from actors.shard import Shard

log = logging.getLogger("croupier.shard")

PREPARED_MAX_S = 3.0


class CatalogContent(msgspec.Struct, frozen=True, array_like=True):
    """What the store keeps of a version: the rules for shards, the texts for gateways, and its files' hashes."""

    catalog: Catalog
    texts: bytes = b""
    """Encoded by whoever shows them; shards don't look."""
    files: dict[str, str] = {}
    """Content hash by file name, so that a deployment can say which files it changes."""


encode_content = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CatalogContent).decode


class CatalogMissing(Exception):
    """The store has no catalog of that version."""


async def read_content(store: Store, version: str) -> CatalogContent:
    """What is stored under a version. Raises CatalogMissing, StoreUnavailable."""
    content = await store.get_catalog(version)
    if content is None:
        raise CatalogMissing(f"the store has no catalog {version}")
    return _decode(content)


class CatalogSwap:
    """One shard's part in a deployment."""

    def __init__(self, shard: "Shard") -> None:
        self._shard = shard
        self._prepared: tuple[int, Catalog, GeoDatabase] | None = None
        self._doubt: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def prepare(self, number: int, version: str) -> None:
        """From its return on nothing is decided until `finish`, `abandon`, or the store has been asked."""
        catalog = (await read_content(self._shard.store, version)).catalog
        geo = GeoDatabase(self._shard.settings.catalog_dir, catalog.geo_database)
        if self._shard.paused is None:
            self._shard.paused = []
        self._prepared = number, catalog, geo
        self._doubt = asyncio.get_running_loop().call_later(PREPARED_MAX_S, self._ask_store)
        await self._shard.facts.until_decided()
        await self._shard.committer.until_idle()

    def finish(self, number: int) -> None:
        """The store has the new version in force: go on under it."""
        if self._prepared is not None and self._prepared[0] == number:
            self._shard.use_catalog(*self._prepared)
        self._resume()

    def abandon(self) -> None:
        """The deployment did not happen: go on under the old one."""
        self._resume()

    def _resume(self) -> None:
        self._prepared = None
        if self._doubt is not None:
            self._doubt.cancel()
            self._doubt = None
        frames, self._shard.paused = self._shard.paused or [], None
        for sink, frame in frames:
            self._shard.handle(sink, frame)

    def _ask_store(self) -> None:
        task = asyncio.get_running_loop().create_task(self._resolve(), name="catalog doubt")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resolve(self) -> None:
        """Nobody said how the deployment ended."""
        while self._prepared is not None and not self._shard.ended:
            number = self._prepared[0]
            try:
                row = (await self._shard.store.routing()).catalog
            except StoreUnavailable:
                await asyncio.sleep(0.2)
                continue
            log.warning("the deployment of catalog %d was left undecided; the store has %s", number, row)
            if row is not None and row.number == number:
                self.finish(number)
            else:
                self.abandon()
