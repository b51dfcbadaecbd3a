"""After the store has become another one, living shards come first (rule 15): they tell it what it has lost.

Nobody is claimed, fenced or moved before each living shard has compared itself with the new history. A shard that does
not is waited for. If it is silent for too long it is killed, because only a proved death says that it can tell nothing
any more; one that answers, and can't write to the store yet, is waited for as long as that takes. What a dead owner was
known to have acknowledged, and the store has not, is reported.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from actors.host.clock import now_ms
from actors.host.trouble import Trouble
from actors.routing.client import ShardClient
from actors.settings import SupervisorSettings
from actors.supervision.crew import Crew
from actors.supervision.ports import ShardHandle
from actors.wire.frames import RecordsLost, ShardReport
from engine.control_entries import ControlEntry, encode_control_entry
from snapshots.contract import Store
from snapshots.errors import StoreError, StoreUnavailable

log = logging.getLogger("croupier.supervisor")

ASK_TIMEOUT_S, ASK_AGAIN_S, TELL_AGAIN_S = 0.5, 0.05, 2.0


class LivingFirst:
    """`on_changed` is awaited once all living shards follow another history than before, again if it raises."""

    def __init__(self, store: Store, crew: Crew, client: ShardClient, settings: SupervisorSettings) -> None:
        self.on_changed: Callable[[], Awaitable[None]] | None = None
        self.unreported: set[str] = set()
        """Logs of dead owners whose end is still to be looked up: they are kept until then."""
        self._store, self._crew, self._client = store, crew, client
        self._patience_s = settings.follow_patience_ms / 1000
        self._heard: dict[str, ShardReport] = {}
        """The last report of each shard, dead ones included."""
        self._heard_at: dict[str, float] = {}
        """When that was, monotonic seconds."""
        self._leaving: dict[str, tuple[ShardHandle, asyncio.Future[None]]] = {}
        """Processes that are to be replaced, and may still tell what only they have; and the proof of each one's death.
        """
        self._settled: str | None = None
        """The history that all living shards are known to follow."""
        self._settling = asyncio.Lock()

    def heard(self, report: ShardReport) -> None:
        """A shard has told about itself."""
        self._heard[report.shard_id] = report
        self._heard_at[report.shard_id] = time.monotonic()

    async def until_followed(self) -> None:
        """Returns once all living shards follow the store's history. Raises StoreError if the store does not answer."""
        async with self._settling:
            began, told_at = time.monotonic(), 0.0
            while lagging := await self._lagging():
                waited_s = time.monotonic() - began
                if waited_s > told_at:
                    told_at = waited_s + TELL_AGAIN_S
                    log.warning("%d living shards do not follow the store's history yet, for %.1f s: %s",
                                len(lagging), waited_s, ", ".join(lagging))  # fmt: skip
                for shard_id in lagging:
                    self._kill_if_silent(shard_id, began)
                await asyncio.sleep(ASK_AGAIN_S)

    @property
    def history(self) -> str:
        """The one that all living shards were last seen to follow; empty if the store has but one."""
        return self._settled or ""

    async def changed(self) -> bool:
        """Whether the store's history is another one than all living shards are known to follow."""
        return await self._store.lineage_now() != self._settled

    async def _lagging(self) -> list[str]:
        """Living shards that do not follow; afterwards, if there are none, the history is settled."""
        now = await self._store.lineage_now()
        lagging = self._behind(now)
        if lagging:
            await asyncio.gather(*(self._ask(shard_id) for shard_id in lagging))
            lagging = self._behind(now)
        if not lagging and self._settled != now:
            if self._settled is not None and self.on_changed is not None:
                await self.on_changed()
            self._settled = now
        return lagging

    def _behind(self, now: str) -> list[str]:
        leaving = (shard_id for shard_id, (_, dying) in self._leaving.items() if not dying.done())
        living = {*self._crew.live, *leaving}
        return sorted(shard_id for shard_id in living if now and not self._follows(shard_id, now))

    def _follows(self, shard_id: str, lineage: str) -> bool:
        report = self._heard.get(shard_id)
        return report is not None and report.lineage == lineage

    async def _ask(self, shard_id: str) -> None:
        try:
            row = (await self._store.routing()).shards[shard_id]
            self.heard(await self._client.report(row, ASK_TIMEOUT_S))
        except (OSError, TimeoutError, KeyError):
            return

    def _kill_if_silent(self, shard_id: str, since: float) -> None:
        handle = self._crew.live.get(shard_id) or self._leaving[shard_id][0]
        silent_s = time.monotonic() - max(since, self._heard_at.get(shard_id, 0.0))
        if handle is not None and silent_s > self._patience_s:
            log.error("shard %s is killed: it did not follow the store's history, and is silent", shard_id)
            handle.kill()

    # --- owners that are replaced

    async def until_gone(self, shard_id: str, corpse: ShardHandle | None) -> None:
        """Of a shard that is to be replaced: it follows the store's history, or its death is proved. Until `replaced`
        says so, it is one of those who must follow.

        While the store does not answer this waits: nobody could take its place, and it may be the only one who knows
        what the next store lacks.
        """
        if corpse is None:
            return
        if shard_id not in self._leaving:
            self._leaving[shard_id] = corpse, asyncio.ensure_future(corpse.dead())
        dying = self._leaving[shard_id][1]
        began, trouble = time.monotonic(), Trouble(log, f"shard {shard_id} can't be replaced")
        while not dying.done():
            try:
                now = await self._store.lineage_now()
                if not now or self._follows(shard_id, now):
                    break
                self._kill_if_silent(shard_id, began)
                await self._ask(shard_id)
            except StoreUnavailable as failure:
                trouble.met(failure)
                began = time.monotonic()
            await asyncio.wait([dying], timeout=ASK_AGAIN_S)

    def replaced(self, shard_id: str) -> None:
        """Nobody waits for its former owner any more."""
        if (leaving := self._leaving.pop(shard_id, None)) is not None:
            leaving[1].cancel()

    def forget(self, shard_id: str) -> ShardReport | None:
        """The last report of an owner that is replaced now, whose successor will tell about itself.

        It is to be given to `report_lost`.
        """
        former = self._heard.pop(shard_id, None)
        if former is not None:
            self.unreported.add(former.log_id)
        return former

    async def report_lost(self, former: ShardReport | None) -> None:
        """A dead owner has a successor: what it was known to have acknowledged must be in its log."""
        if former is None:
            return
        try:
            if former.lineage == await self._store.lineage_now():
                return
            logs = await self._store.journal_logs()
        except StoreError as failure:
            log.warning("what a dead owner may have lost can't be told: %s", failure)
            return
        finally:
            self.unreported.discard(former.log_id)
        last = next((info.last_seq for info in logs if info.log_id == former.log_id), 0)
        if last < former.durable_seq:
            lost = former.shard_id, last + 1, former.durable_seq, former.log_id
            log.error("shard %s: acknowledged records %d to %d of %s are lost, and perhaps later ones: their owner died"
                      " before it gave them back", *lost)  # fmt: skip
            await self._tell(former.shard_id, former.log_id, last + 1, former.durable_seq)

    async def _tell(self, shard_id: str, log_id: str, first: int, last: int) -> None:
        """Into the control log, and to the new owner, which counts it."""
        entry = ControlEntry(
            time_ms=now_ms(),
            who="supervisor",
            role="ops",
            operation="shard recovery",
            outcome="records_lost",
            subject=log_id,
            after={"shard": shard_id, "first": first, "last": last},
        )
        try:
            await self._store.append_control([encode_control_entry(entry)])
            row = (await self._store.routing()).shards[shard_id]
            await self._client.control(row.address, RecordsLost(last - first + 1), ASK_TIMEOUT_S)
        except (OSError, TimeoutError, StoreError) as failure:
            log.warning("not everybody is told of the lost records of %s: %s", log_id, failure)
