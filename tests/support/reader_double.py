"""A reader that follows records in memory: what `feeds.following` does with a sink, without stores and shards."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from feeds.reading import Followed, Sink, SinkFailed
from snapshots.contract import Position

TURN_S = 0.02


class ReaderDouble:
    """Reads records of one shard into sinks that follow each other; its cursor survives them all."""

    def __init__(self, records: Sequence[Followed], make: Callable[[], Sink]) -> None:
        self._records, self._make = records, make
        self.cursor = Position(0, 0)
        self.failures: list[str] = []
        self.sink: Sink | None = None

    @property
    def done(self) -> bool:
        """Whether everything is settled."""
        return not self._records or self.cursor == self._records[-1].position

    async def read_all(self, timeout_s: float = 90.0) -> None:
        """Until everything is settled, with a new sink after each failure."""
        async with asyncio.timeout(timeout_s):
            while not self.done:
                await self.read_once()

    async def read_once(self) -> None:
        """One sink, until everything is settled or it fails."""
        self.sink = sink = self._make()
        try:
            await sink.open()
            await self._feed(sink)
        except SinkFailed as failed:
            self.failures.append(str(failed))
            await asyncio.sleep(TURN_S)
        finally:
            await sink.close()

    async def _feed(self, sink: Sink) -> None:
        committing = asyncio.create_task(self._commit(sink))
        taking = asyncio.create_task(self._take(sink))
        try:
            await asyncio.wait([committing, taking], return_when=asyncio.FIRST_EXCEPTION)
            for task in (taking, committing):
                if task.done():
                    task.result()
        finally:
            for task in (taking, committing):
                task.cancel()
                with suppress(asyncio.CancelledError, SinkFailed):
                    await task

    async def _take(self, sink: Sink) -> None:
        for record in self._records:
            if record.position > self.cursor:
                await sink.take(record)

    async def _commit(self, sink: Sink) -> None:
        while not self.done:
            settled = sink.settled().get("shard-1")
            if settled is not None:
                assert settled >= self.cursor, "a cursor never goes back"
                self.cursor = settled
            await asyncio.sleep(TURN_S)
