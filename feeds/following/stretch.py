"""One stretch of reading: from the cursors on with one sink, until the sink fails or the reader ends."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping

from feeds.following.asking import Question, answered
from feeds.following.lag import Lag
from feeds.following.metrics import ReaderMetrics
from feeds.following.shard_reading import Archived, Reading, ShardReading
from feeds.following.stopped import StoppedPlayers
from feeds.following.view import JournalView
from feeds.reading import Followed, Sink
from snapshots.contract import NOWHERE, Position, Reader, Store
from snapshots.errors import Fenced, StoreError

log = logging.getLogger("croupier.reader")

LOOK_S = 0.1
COMMIT_S = 0.25
COMMIT_RECORDS = 5_000


class Stretch:
    """Readings of all shards, and the commits of what the sink has settled. `lags` outlives it."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        sink: Sink,
        metrics: ReaderMetrics,
        lags: dict[str, Lag],
        archived: Archived | None,
        cursors: Mapping[str, Position],
        horizon_ms: int,
        stopped: StoppedPlayers,
    ) -> None:
        self._store, self._reader, self._sink, self._metrics, self._lags = store, reader, sink, metrics, lags
        self.committed = dict(cursors)
        self._view = JournalView(horizon_ms)
        self._reading = Reading(
            store=store,
            archived=archived,
            take=self._take,
            metrics=metrics,
            view=self._view,
            positions=dict(cursors),
            stopped=stopped,
            confirm=self._confirm,
        )
        self._since_commit = 0
        self._enough = asyncio.Event()
        self._committing = asyncio.Lock()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: list[asyncio.Task[None]] = []
        self._followed = set[str]()

    async def run(self) -> None:
        """Reads and commits until it is cancelled. Raises SinkFailed, Fenced, or what else a sink raises."""
        self._spawn(self._look_often(), "look")
        self._spawn(self._commit_often(), "commit")
        try:
            await self._failure
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A task that fails ends the stretch; none ends otherwise, unless it is cancelled."""
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not self._failure.done():
            self._failure.set_exception(failure)

    async def _take(self, followed: Followed) -> None:
        await self._sink.take(followed)
        self._since_commit += 1
        if self._since_commit >= COMMIT_RECORDS:
            self._enough.set()

    async def _confirm(self) -> None:
        await self._store.commit_reader(self._reader, {}, {})

    # --- looking

    async def _look_often(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        try:
            self._view.saw(await self._store.journal_logs())
        except Fenced:
            raise
        except StoreError as failure:
            log.warning("the journal's logs can't be listed: %s", failure)
            self._metrics.stalled("store_unavailable")
            return
        for shard_id, end in self._view.ends().items():
            self._lags.setdefault(shard_id, Lag()).saw(end)
        for shard_id in self._view.shards():
            if shard_id not in self._followed:
                self._followed.add(shard_id)
                self._spawn(ShardReading(self._reading, shard_id).run(), f"shard {shard_id}")
        self._reading.looked.made()

    # --- committing

    async def _commit_often(self) -> None:
        while True:
            await _set_within(self._enough, COMMIT_S)
            self._enough.clear()
            self._since_commit = 0
            await self.commit()

    async def commit(self) -> None:
        """Moves the cursors to what the sink has settled. Raises Fenced, SinkFailed.

        If the store can't be reached, the next commit does it.
        """
        async with self._committing:
            reached = self._reached(self._sink.settled())
            moved = {shard_id: to for shard_id, to in reached.items() if to > self.committed.get(shard_id, NOWHERE)}
            try:
                if moved:
                    await self._store.commit_reader(self._reader, moved, {})
            except Fenced:
                raise
            except StoreError as failure:
                log.warning("the cursors can't be committed now: %s", failure)
                self._metrics.stalled("store_unavailable")
            else:
                self.committed.update(moved)
            self._measure()

    def _reached(self, settled: Mapping[str, Position]) -> dict[str, Position]:
        """By shard, how far all has left. Behind the last record that the sink was given come only empty logs."""
        handed, positions = self._reading.handed, self._reading.positions
        reached = {}
        for shard_id, position in positions.items():
            given, left = handed.get(shard_id), settled.get(shard_id, NOWHERE)
            reached[shard_id] = position if given is None or left >= given else left
        return reached

    def _measure(self) -> None:
        for shard_id, lag in self._lags.items():
            at = self.committed.get(shard_id, NOWHERE)
            first_age_s = self._reading.first_ages.pop(shard_id, None)
            if first_age_s is not None:
                lag.aged(first_age_s)
            self._metrics.lag_seconds[shard_id] = lag.seconds(at)
            self._metrics.lag_records[shard_id] = self._view.behind(shard_id, at)
            self._metrics.positions[shard_id] = at

    # --- operators

    async def answer(self, asked: Question) -> bytes:
        """Of players who are stopped. Raises StoreError."""
        return await answered(asked, self._reading.versions)

    # --- the end

    async def until_caught_up(self) -> None:
        """Returns when all that is in the journal by now has left for good. It must be running."""
        looks = self._view.looks
        while self._view.looks < looks + 2:
            await self._reading.looked.wait()
        ends = dict(self._view.ends())
        while not all(self.committed.get(shard_id, NOWHERE) >= end for shard_id, end in ends.items()):
            await self._reading.looked.wait()


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
