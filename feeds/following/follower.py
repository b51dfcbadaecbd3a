"""A reader of the journal in its process: claims its name, opens a sink, reads, begins again if the sink fails."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

from actors.background.backoff import Rests
from feeds.following.asking import question
from feeds.following.lag import Lag
from feeds.following.metrics import ReaderMetrics
from feeds.following.noting import StoreNotes
from feeds.following.shard_reading import Archived
from feeds.following.stopped import StoppedPlayers
from feeds.following.stretch import Stretch
from feeds.reading import Notes, Sink, SinkFailed
from snapshots.contract import Reader, Store
from snapshots.errors import Fenced, StoreError, StoreUnavailable

log = logging.getLogger("croupier.reader")

RETRY_S = 0.5
LOOK_S = 0.1

MakeSink = Callable[[Notes], Awaitable[Sink]]


class NotReading(Exception):
    """The reader has no sink just now. The message says why."""


class Follower:
    """One reader. `run` ends by being cancelled or with Fenced: another process has claimed the reader."""

    def __init__(
        self, store: Store, name: str, make: MakeSink, metrics: ReaderMetrics, archived: Archived | None = None
    ) -> None:
        self.name, self.metrics = name, metrics
        self._store, self._make, self._archived = store, make, archived
        self._rests = Rests()
        self._lags: dict[str, Lag] = {}
        self._sink: Sink | None = None
        self._stretch: Stretch | None = None
        self._trouble = "it has not started yet"

    async def run(self) -> None:
        """Reads until it is cancelled. Raises Fenced."""
        reader = await self._claim()
        while True:
            try:
                await self._read(reader)
            except (Fenced, asyncio.CancelledError):
                raise
            except StoreError as failure:
                log.warning("reader %s waits for the store: %s", self.name, failure)
                self.metrics.stalled("store_unavailable")
                self._trouble = str(failure)
                await asyncio.sleep(RETRY_S)
            except Exception as failure:
                await self._rest(failure)

    async def _claim(self) -> Reader:
        """Repeats the identical call until it has an answer."""
        nonce = secrets.token_hex(8)
        while True:
            try:
                return await self._store.claim_reader(self.name, nonce)
            except StoreUnavailable as failure:
                log.warning("reader %s can't be claimed yet: %s", self.name, failure)
                await asyncio.sleep(RETRY_S)

    async def _rest(self, failure: Exception) -> None:
        """A sink has failed: the next one is opened after a while, longer each time, up to a minute."""
        log.error("reader %s begins again at its cursors: %s", self.name, failure, exc_info=_unexpected(failure))
        self.metrics.stalled("sink_failed")
        self._trouble = str(failure) or type(failure).__name__
        self._rests.failed(self.name)
        while self._rests.resting(self.name):
            await asyncio.sleep(LOOK_S)

    async def _read(self, reader: Reader) -> None:
        """One stretch. The sink is closed whatever happens."""
        horizon_ms = await self._store.horizon_ms()
        cursors = await self._store.reader_positions(self.name)
        notes = StoreNotes(self._store, reader)
        stopped = StoppedPlayers(notes, self.metrics)
        await stopped.load()
        sink = await self._make(notes)
        try:
            await sink.open()
            self._stretch = Stretch(
                store=self._store,
                reader=reader,
                sink=sink,
                metrics=self.metrics,
                lags=self._lags,
                archived=self._archived,
                cursors=cursors,
                horizon_ms=horizon_ms,
                stopped=stopped,
            )
            self._sink = sink
            log.info("reader %s reads, epoch %d", self.name, reader.epoch)
            await self._stretch.run()
        finally:
            moved = self._stretch is not None and dict(self._stretch.committed) != dict(cursors)
            if moved:
                self._rests.succeeded(self.name)
            self._sink = self._stretch = None
            await sink.close()

    async def ask(self, request: bytes) -> bytes:
        """Answers of players who are stopped, and passes any other question on to the sink. Raises NotReading."""
        if self._sink is None or self._stretch is None:
            raise NotReading(f"reader {self.name} does not read now: {self._trouble}")
        asked = question(request)
        return await (self._sink.ask(request) if asked is None else self._stretch.answer(asked))

    @property
    def trouble(self) -> str:
        """Why it does not read now; empty if it does."""
        return "" if self._sink is not None else self._trouble

    async def settle(self, within_s: float) -> bool:
        """Waits until all that is in the journal has left, for a bounded time; whether it has. `run` must be running.

        Then the cursors are committed once more.
        """
        stretch = self._stretch
        if stretch is None:
            return False
        try:
            async with asyncio.timeout(within_s):
                await stretch.until_caught_up()
                return True
        except TimeoutError:
            log.warning("reader %s has not settled everything within %g s; it goes on there later", self.name, within_s)
            return False
        finally:
            with suppress(StoreError, SinkFailed):
                await stretch.commit()


def _unexpected(failure: Exception) -> bool:
    """Whether the operator needs to see where it came from: a sink that fails says all in its message."""
    return not isinstance(failure, SinkFailed)
