"""After the key-encryption key was changed: all players' keys are wrapped anew, in the background, note by note."""

import asyncio
import logging
from collections.abc import Callable

from feeds.archive.keys import KeyBook
from feeds.archive.metrics import ArchiveMetrics
from feeds.reading import Notes
from snapshots.archive.sealing import NOTE_PREFIX
from snapshots.errors import CorruptArchive, Fenced, StoreError

log = logging.getLogger("croupier.archive")

PAGE = 32
"""Notes that are gone through together. There are at most 65 536."""
REST_S = 0.01
"""After each page, so that records are not held up."""
RETRY_S = 5.0
LOST_MAX = 10
"""Of more players it is not told that their keys can't be read."""


class Rewrapping:
    """Goes through all notes once; `changed` is called when the book has something to write."""

    def __init__(self, notes: Notes, book: KeyBook, metrics: ArchiveMetrics, changed: Callable[[], None]) -> None:
        self._notes, self._book, self._metrics, self._changed = notes, book, metrics, changed
        self._done, self._lost = 0, list[str]()
        metrics.rewrapping.set(1)

    async def run(self) -> None:
        """Until all is in the store. The keys can be read meanwhile. Raises Fenced."""
        after = ""
        while names := await self._page(after):
            after = names[-1]
            await asyncio.sleep(REST_S)
        while self._book.unwritten:
            await asyncio.sleep(REST_S)
        self._tell()

    async def _page(self, after: str) -> list[str]:
        """The names of the notes that were gone through; none: that was all. Raises Fenced."""
        while True:
            try:
                names = list(await self._notes.read(NOTE_PREFIX, after, PAGE))
                for name in names:
                    await self._one(name)
                return names
            except Fenced:
                raise
            except StoreError as failure:
                log.warning("players' keys are wrapped anew later: %s", failure)
                await asyncio.sleep(RETRY_S)

    async def _one(self, name: str) -> None:
        try:
            done, lost = await self._book.rewrap(name)
        except CorruptArchive as error:
            log.error("players' keys can't be wrapped anew: %s", error)
            done, lost = 0, [name]
        self._done += done
        self._lost += lost[: LOST_MAX - len(self._lost)]
        self._metrics.rewrapped.inc(done)
        if done:
            self._changed()

    def _tell(self) -> None:
        if self._lost:
            log.error("players' keys are wrapped by none of the keys that are configured: %s …", ", ".join(self._lost))
            return
        self._metrics.rewrapping.set(0)
        log.warning("%d keys of players were wrapped anew; previous_keys are not needed any more", self._done)
