"""The archive's sink with the schedules beside it: one process, one claim. What fails here never stops the archive."""

import asyncio
import logging
from collections.abc import Mapping

from feeds.ending import cancelled
from feeds.reading import Followed, Sink
from feeds.reports.schedules.keeper import ScheduleKeeper
from snapshots.contract import Position
from snapshots.errors import Fenced, StoreError

log = logging.getLogger("croupier.reports")

REST_S = 15.0
"""After a failure of the store."""


class SinkWithSchedules:
    """See `feeds.reading.Sink`: all of it is the inner sink's."""

    def __init__(self, inner: Sink, keeper: ScheduleKeeper) -> None:
        self._inner, self._keeper = inner, keeper
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """See Sink."""
        await self._inner.open()
        self._task = asyncio.get_running_loop().create_task(self._keep(), name="scheduled reports")

    async def take(self, followed: Followed) -> None:
        """See Sink."""
        await self._inner.take(followed)

    def settled(self) -> Mapping[str, Position]:
        """See Sink."""
        return self._inner.settled()

    async def ask(self, request: bytes) -> bytes:
        """See Sink."""
        return await self._inner.ask(request)

    async def close(self) -> None:
        """See Sink. A report that is being made is given up; the next life makes it."""
        if self._task is not None:
            await cancelled([self._task])
        await self._inner.close()

    async def _keep(self) -> None:
        while True:
            try:
                await self._keeper.run()
            except Fenced:
                return  # another process has taken over, and keeps them
            except StoreError as problem:
                log.warning("scheduled reports wait for the store: %s", problem)
            except Exception:
                log.exception("scheduled reports begin again")
            await asyncio.sleep(REST_S)
