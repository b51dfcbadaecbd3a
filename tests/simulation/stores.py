"""The SQLite store without threads, behind a store that is slow, fails, stalls and dies as the seed says."""

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from snapshots.contract import CatalogRow, Incarnation, LogHead
from snapshots.errors import StoreUnavailable
from snapshots.sqlite import control
from snapshots.sqlite.files import Files, store_error
from snapshots.sqlite.schema import Schema
from snapshots.sqlite.store import SqliteStore
from tests.simulation.bonuses import Journal

EPOCH_MS = 1_800_000_000_000
"""Where the store's clock starts."""


class _FastFiles(Files):
    """Nothing here survives a power cut, and need not."""

    def _connection(self, name: str, schema: Schema) -> sqlite3.Connection:
        known = name in self._open
        connection = super()._connection(name, schema)
        if not known:
            connection.execute("PRAGMA synchronous=OFF")
        return connection


class _InlineWorker:
    """Does the work at once, in the loop's own thread."""

    def __init__(self, folder: Path) -> None:
        self.files = _FastFiles(folder)

    def submit(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        try:
            future.set_result(call(*args, **kwargs))
        except sqlite3.Error as error:
            future.set_exception(store_error(error))
        except Exception as error:
            future.set_exception(error)
        return future

    async def stop(self) -> None:
        self.files.close()


class InlineSqlite(SqliteStore):
    """The production store; each call happens at one instant of virtual time. The journal hears what was written."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        super().__init__(folder)
        self._journal = journal

    async def open(self) -> None:
        control.prepare(self._folder)
        self._workers = tuple(_InlineWorker(self._folder) for _ in range(3))  # type: ignore[assignment]

    async def append(self, inc: Incarnation, head: LogHead, payload: bytes, *args: Any, **named: Any) -> LogHead:
        written = await super().append(inc, head, payload, *args, **named)
        self._journal.took(inc.log_id, written.seq, payload)
        return written

    async def commit_catalog(self, term: int, row: CatalogRow, *args: Any, **named: Any) -> None:
        await super().commit_catalog(term, row, *args, **named)
        self._journal.in_force = row.version

    async def clock_ms(self) -> int:
        return EPOCH_MS + round(asyncio.get_running_loop().time() * 1000)


class Weather:
    """How bad things are for everybody. `calm` ends it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.fail, self.slow = 0.015, 0.04

    def calm(self) -> None:
        self.fail = self.slow = 0.0


class SimStore:
    """A process's store. Nothing gets through until the virtual second `stalled`; all fails until `cut_off`."""

    def __init__(self, folder: Path, weather: Weather, journal: Journal) -> None:
        self._inner, self._weather = InlineSqlite(folder, journal), weather
        self.stalled = self.cut_off = 0.0

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method, weather = getattr(self._inner, name), self._weather

        async def call(*args: Any, **named: Any) -> Any:
            await self._travel()
            if weather.rng.random() < weather.fail or asyncio.get_running_loop().time() < self.cut_off:
                raise StoreUnavailable("lost on the way there")
            result = await method(*args, **named)
            await self._travel()
            if weather.rng.random() < weather.fail:
                raise StoreUnavailable("lost on the way back")
            return result

        return call

    async def _travel(self) -> None:
        rng, now = self._weather.rng, asyncio.get_running_loop().time()
        delay = rng.uniform(0.05, 0.8) if rng.random() < self._weather.slow else rng.uniform(0.0002, 0.002)
        await asyncio.sleep(max(delay, self.stalled - now))
