"""A shard whose store refuses to write: it waits until the store writes again, and says so then."""

import asyncio
import logging
from typing import Final

from actors.shard.context import ShardContext
from snapshots.contract import Address
from snapshots.errors import Fenced, LineageChanged, StoreUnavailable

log = logging.getLogger("croupier.shard")

WRITE_AGAIN_S: Final = 0.25
"""How often the store is asked whether it writes again."""


class Suspension:
    """Of a shard whose memory is discarded. `address` is where it listens: publishing it again is the trial."""

    def __init__(self, context: ShardContext, address: Address) -> None:
        self._context, self._address = context, address

    async def writes_again(self) -> bool:
        """Repeats a small write; True once it is carried out. If it is refused for good, another process has the shard,
        or will have it: False, and the shard leaves.
        """
        while True:
            await asyncio.sleep(WRITE_AGAIN_S)
            try:
                await self._write()
            except StoreUnavailable as failure:
                log.debug("the store still does not write: %s", failure)
            except Fenced as refusal:
                self._context.leave(str(refusal))
                return False
            except Exception:  # to stay would be for good: nobody else ends this process, which answers its probes
                log.exception("a suspended shard can't tell whether the store writes; its successor will find out")
                self._context.leave("the trial raised")
                return False
            else:
                return True

    async def _write(self) -> None:
        """What the store acknowledged and lost comes first (rule 15): only this process has it."""
        context = self._context
        try:
            await context.store.serve(context.inc, self._address)
        except LineageChanged:
            await context.committer.follow_lineage()
            await context.store.serve(context.inc, self._address)
