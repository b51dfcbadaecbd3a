"""Follows the kill-switches in the store, so that what an operator switches off is off in this shard within a second.

Nobody has to tell a shard, so a gateway or supervisor that dies at the wrong moment changes nothing, and a shard that
starts later knows what is off before it serves.
"""

import asyncio
import logging
from typing import Final

from actors.host.trouble import Trouble
from actors.shard.context import ShardContext
from actors.stored_switches import decoded_switches, stored_switches
from snapshots.errors import StoreError

log = logging.getLogger("croupier.shard")

LOOK_S: Final = 0.25


class SwitchWatch:
    """Looks four times a second. While the store does not answer, the switches it knows hold."""

    def __init__(self, context: ShardContext) -> None:
        self._context = context
        self._seen = b""

    async def run(self) -> None:
        """Goes on until cancelled."""
        trouble = Trouble(log, "the store does not say what is switched off")
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
                trouble.over()
            except StoreError as failure:
                trouble.met(failure)
            except Exception:
                log.exception("a look at the kill-switches failed; the next one tries again")

    async def look(self) -> None:
        """Asks once, and decides by the answer from then on. Raises StoreError."""
        stored = await stored_switches(self._context.store)
        if stored == self._seen:
            return
        switches = decoded_switches(stored)
        self._context.use_switches(switches)
        self._seen = stored
        names = ", ".join(f"{switch.scope} {switch.id}".rstrip() for switch in switches.off)
        log.warning("kill-switches, number %d: off are %s", switches.number, names or "none")
