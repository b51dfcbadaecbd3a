"""Stops new bets before the store is full, so that no append is ever refused for want of room.

Results, rollbacks and queries go on: the room that is left is theirs.
"""

import asyncio
import logging
from typing import Final

from actors.host.trouble import Trouble
from actors.shard.context import ShardContext
from snapshots.errors import StoreError

log = logging.getLogger("croupier.shard")

LOOK_S: Final = 1.0


class StoreFill:
    """Looks every second. A store that does not answer changes nothing."""

    def __init__(self, context: ShardContext) -> None:
        self._context = context
        self._stop = context.settings.fill_stop_percent / 100
        self._resume = context.settings.fill_resume_percent / 100

    async def run(self) -> None:
        """Goes on until cancelled."""
        trouble = Trouble(log, "the store does not say how full it is")
        while True:
            try:
                await self.look()
                trouble.over()
            except StoreError as failure:
                trouble.met(failure)
            except Exception:
                log.exception("a look at the store's room failed; the next one tries again")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Asks once. Bets stop at `fill_stop_percent`, and go on below `fill_resume_percent`. Raises StoreError."""
        fill = await self._context.store.fill()
        if fill is None:
            self._context.metrics.gauges["store_fill_ratio"] = 0
            self._context.allow_bets()
            return
        self._context.metrics.gauges["store_fill_ratio"] = round(fill, 4)
        if fill >= self._stop and not self._context.bets_stopped:
            log.error("the store is %.0f %% full: new bets are refused until it is below %.0f %%",
                      fill * 100, self._resume * 100)  # fmt: skip
            self._context.stop_bets()
        elif fill < self._resume and self._context.bets_stopped:
            log.warning("the store is %.0f %% full: new bets are accepted again", fill * 100)
            self._context.allow_bets()
