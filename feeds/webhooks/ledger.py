"""Writes to the reader's notes: in the order in which they were asked for, many at once, without anybody waiting."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from feeds.reading import Notes, SinkFailed
from snapshots.errors import StoreUnavailable

log = logging.getLogger("croupier.webhooks")

AT_ONCE_MAX: Final = 500
"""Keys in one write."""
RETRY_S: Final = 0.5

Changes = Mapping[str, bytes | None]
OnWritten = Callable[[], None]


class _Write(msgspec.Struct, frozen=True):
    changes: Changes
    on_written: OnWritten | None


class Ledger:
    """Belongs to one sink. The changes of one call are written together or not at all."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._waiting: deque[_Write] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._trouble: Exception | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to write."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Writes no more: what still waited is forgotten, and will be read again from the journal."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def check(self) -> None:
        """Raises SinkFailed if the notes can't be written any more."""
        if self._trouble is not None:
            raise SinkFailed(f"webhooks can't be noted in the store: {self._trouble}") from self._trouble

    def write(self, changes: Changes, on_written: OnWritten | None = None) -> None:
        """Writes after all that was asked for before; `on_written` is called when it is durable."""
        if changes:
            self._waiting.append(_Write(changes, on_written))
            self._idle.clear()
            self._wake.set()

    async def flush(self) -> None:
        """Waits until all that was asked for is durable. Raises SinkFailed."""
        await self._idle.wait()
        self.check()

    async def pages(self, prefix: str) -> Mapping[str, bytes]:
        """All notes under `prefix`. Raises StoreError."""
        found: dict[str, bytes] = {}
        after = ""
        while True:
            page = await self._notes.read(prefix, after)
            if not page:
                return found
            found.update(page)
            after = max(page)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and self._trouble is None:
                await self._write(self._next())
            self._idle.set()

    def _next(self) -> list[_Write]:
        batch = [self._waiting.popleft()]
        size = len(batch[0].changes)
        while self._waiting and size + len(self._waiting[0].changes) <= AT_ONCE_MAX:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].changes)
        return batch

    async def _write(self, batch: list[_Write]) -> None:
        changes = {key: value for write in batch for key, value in write.changes.items()}
        while True:
            try:
                await self._notes.write(changes)
                break
            except StoreUnavailable as problem:
                log.warning("webhooks: the store does not take notes, which is tried again: %s", problem)
                await asyncio.sleep(RETRY_S)
            except Exception as problem:
                log.error("webhooks: notes are refused, so the reader begins again: %s", problem)
                self._trouble = problem
                return
        for write in batch:
            if write.on_written is not None:
                write.on_written()
