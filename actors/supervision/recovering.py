"""Replacing shards that died or fell silent: a spare claims the shard's name, which fences the former owner."""

import asyncio
import logging
import time

from actors.host.trouble import Trouble
from actors.routing.client import ShardClient
from actors.settings import SupervisorSettings
from actors.supervision.crew import Crew
from actors.supervision.granting import ask_to_give_up
from actors.supervision.held_term import HeldTerm
from actors.supervision.living_first import LivingFirst
from actors.supervision.ports import ActivationFailed, ShardDied, ShardHandle, ShardHeld
from actors.supervision.tasks import Tasks
from snapshots.errors import Fenced, StoreError, StoreUnavailable

log = logging.getLogger("croupier.supervisor")

RECOVERY_TRIES = 5
CLAIM_AGAIN_S = 0.05


class Recovery:
    """`under_way` has a task for each shard that is being replaced; `times_ms` tells how long each recovery took."""

    def __init__(
        self,
        term: HeldTerm,
        crew: Crew,
        living_first: LivingFirst,
        client: ShardClient,
        settings: SupervisorSettings,
        tasks: Tasks,
    ) -> None:
        self.under_way: dict[str, asyncio.Task[None]] = {}
        self.times_ms: list[int] = []
        self._term, self._crew, self._settings, self._tasks = term, crew, settings, tasks
        self._living_first, self._client = living_first, client
        crew.died = self.begin

    def begin(self, shard_id: str, why: str) -> None:
        """Replaces the shard's process, unless that is under way or another supervisor's business."""
        if self._term.over:
            self._crew.live.pop(shard_id, None)
            return
        if shard_id in self.under_way:
            return
        log.warning("shard %s is replaced: %s", shard_id, why)
        self.under_way[shard_id] = self._tasks.spawn(self._replace(shard_id), f"recover {shard_id}")

    async def _replace(self, shard_id: str) -> None:
        corpse = self._crew.live.pop(shard_id, None)
        try:
            await self._try(shard_id, corpse)
        except Fenced as refusal:
            self._term.lose(refusal)
            return
        except StoreError as failure:
            log.error("shard %s can't be replaced yet: %s", shard_id, failure)
        finally:
            del self.under_way[shard_id]
            self._living_first.replaced(shard_id)
        if corpse is not None:
            self._tasks.spawn(self._bury(corpse), f"bury {shard_id}")
        self._tasks.spawn(self.refill(), f"spare after {shard_id}")

    async def refill(self) -> None:
        """The next spare, once a shard has loaded the players who waited: a process that starts takes their CPU."""
        await asyncio.sleep(self._settings.spare_rest_ms / 1000)
        if not self._term.over:
            self._crew.fill()

    async def _until_it_may_be_claimed(self, shard_id: str, corpse: ShardHandle | None) -> None:
        """All that the former owner could tell is told (rule 15). While the store is silent the question is asked again
        about this owner, because the next answer may come from another history.
        """
        trouble = Trouble(log, f"shard {shard_id} can't be replaced")
        while True:
            await self._living_first.until_gone(shard_id, corpse)
            try:
                await self._term.routing()
            except StoreUnavailable as failure:
                trouble.met(failure)
                await asyncio.sleep(CLAIM_AGAIN_S)
            else:
                trouble.over()
                return

    async def _try(self, shard_id: str, corpse: ShardHandle | None) -> None:
        began = time.monotonic()
        for attempt in range(1, RECOVERY_TRIES + 1):
            await self._until_it_may_be_claimed(shard_id, corpse)
            try:
                await self._crew.activate(shard_id, self._living_first.history)
            except ShardHeld as held:
                log.error("shard %s is down: %s", shard_id, held)
                await asyncio.sleep(self._settings.held_retry_ms / 1000)
                await self._ask_owner(shard_id)
                return
            except (ShardDied, ActivationFailed) as failure:
                log.error("shard %s, attempt %d of %d: %s", shard_id, attempt, RECOVERY_TRIES, failure)
                if corpse is not None:
                    corpse.kill()  # if it was stopped within a transaction, it may hold a lock of the store
                await asyncio.sleep(0.2 * attempt)
            else:
                former = self._living_first.forget(shard_id)
                self.times_ms.append(round((time.monotonic() - began) * 1000))
                log.warning("shard %s serves again after %d ms", shard_id, self.times_ms[-1])
                self._tasks.spawn(self._living_first.report_lost(former), f"what {shard_id} lost")
                return
        log.error("shard %s is down: %d attempts failed; an operator must look", shard_id, RECOVERY_TRIES)

    async def _ask_owner(self, shard_id: str) -> None:
        """Whoever holds the shard may live elsewhere, and be back from its fallback log: then the next try succeeds."""
        row = (await self._term.table()).shards.get(shard_id)
        if row is not None and row.address is not None:
            await ask_to_give_up(self._client, row)

    async def _bury(self, corpse: ShardHandle) -> None:
        """A replaced process is fenced and ends by itself. If it still exists after a while, it is killed."""
        try:
            async with asyncio.timeout(self._settings.corpse_kill_after_ms / 1000):
                await corpse.dead()
        except TimeoutError:
            corpse.kill()
