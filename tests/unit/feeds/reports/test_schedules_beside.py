"""The archive's sink with schedules beside it: it ends, whatever becomes of a cancellation."""

import asyncio
from typing import Any

from feeds.reports.schedules.beside import SinkWithSchedules
from tests.support.recording_sink import RecordingSink


class Deaf:
    """A keeper that loses the first cancellation, as a library's `wait_for` may."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.running = asyncio.Event()

    async def run(self) -> None:
        self.running.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                if self.cancelled > 1:
                    raise


async def test_a_cancellation_that_is_lost_is_repeated() -> None:
    inner, keeper = RecordingSink(), Deaf()
    untyped: Any = keeper
    sink = SinkWithSchedules(inner, untyped)
    await sink.open()
    await keeper.running.wait()
    await sink.close()
    assert (keeper.cancelled, inner.closed) == (2, True)
