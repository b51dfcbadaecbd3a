"""Watching the shards: a probe on the players' own channel, and sealed logs that nobody needs any more."""

import asyncio
import logging
import time
from collections.abc import Sequence

from actors.host.trouble import Trouble
from actors.routing.client import ShardClient
from actors.settings import SupervisorSettings
from actors.supervision.crew import Crew
from actors.supervision.granting import Granting
from actors.supervision.held_term import HeldTerm
from actors.supervision.living_first import LivingFirst
from actors.supervision.recovering import Recovery
from actors.supervision.tasks import Tasks
from actors.wire.frames import ShardReport
from snapshots.contract import Routing, Store
from snapshots.errors import Fenced, StoreError

log = logging.getLogger("croupier.supervisor")

FINISH_LOGS_EVERY = 10


class Watch:
    """`run` goes on until it is cancelled, or the term is over."""

    def __init__(
        self,
        store: Store,
        client: ShardClient,
        term: HeldTerm,
        crew: Crew,
        recovery: Recovery,
        living_first: LivingFirst,
        settings: SupervisorSettings,
        tasks: Tasks,
    ) -> None:
        self._store, self._client, self._term = store, client, term
        self._crew, self._recovery, self._settings = crew, recovery, settings
        self._granting = Granting(client, term) if settings.fallback else None
        self._judged_at = time.monotonic()
        """When it was last asked whether a shard has been silent for too long."""
        self._living_first, self._tasks = living_first, tasks
        self._following: asyncio.Task[None] | None = None
        self._trouble = Trouble(log, "what follows from the store's other history waits")

    async def run(self) -> None:
        """Probes all shards again and again."""
        beats, self._judged_at = 0, time.monotonic()
        trouble = Trouble(log, "the supervisor can't reach the store")
        while True:
            await asyncio.sleep(self._settings.probe_ms / 1000)
            if self._term.over:  # a cancellation may get lost in what was awaited
                return
            beats += 1
            try:
                reports = await self.probe_all()
                if self._granting is not None and not await self._living_first.changed():
                    await self._granting.look(reports)
                if beats % FINISH_LOGS_EVERY == 0:
                    await self.finish_logs()
                    await self._sweep_journal()
                await self._follow()
                trouble.over()
            except Fenced as refusal:
                if await self._term.is_over(refusal):
                    return
            except StoreError as failure:
                trouble.met(failure)
            except Exception:
                log.exception("a watch round failed; the next one tries again")

    async def probe_all(self) -> dict[str, ShardReport]:
        """Asks every live shard about itself on the players' channel, and recovers the shards that are silent for too
        long.
        """
        crew, recovery = self._crew, self._recovery
        routing = await self._term.table()
        for shard_id in crew.wanted:
            if shard_id not in crew.live:
                recovery.begin(shard_id, "it does not run")
        names = [shard_id for shard_id in crew.live if shard_id not in recovery.under_way]
        reports = await asyncio.gather(*(self._probe(routing, shard_id) for shard_id in names))
        self._judge(names)
        return {report.shard_id: report for report in reports if report is not None}

    def _judge(self, names: Sequence[str]) -> None:
        """Recovers those of them that have been silent for too long.

        If nobody asked that for as long, because the supervisor itself was stopped, the time-out of a probe proves
        nothing: what the shard has answered may lie there unread. Then silence counts from now.
        """
        crew, recovery = self._crew, self._recovery
        limit_s, before = self._settings.probe_timeout_ms / 1000, self._judged_at
        self._judged_at = time.monotonic()
        if self._judged_at - before > limit_s:
            log.info("nobody looked at the shards for %.1f s: silence counts from now", self._judged_at - before)
            crew.hear_anew()
        for shard_id in names:
            silent_s = crew.silent_s(shard_id)
            if silent_s > limit_s and shard_id in crew.live and shard_id not in recovery.under_way:
                recovery.begin(shard_id, f"it has been silent for {silent_s:.1f} s")

    async def _probe(self, routing: Routing, shard_id: str) -> ShardReport | None:
        try:
            report = await self._client.report(routing.shards[shard_id], self._settings.probe_timeout_ms / 2000)
        except (OSError, TimeoutError, KeyError):
            return None
        self._crew.heard_of(shard_id)
        self._living_first.heard(report)
        return report

    async def _follow(self) -> None:
        """Waits beside the probes until all shards follow a history that has changed."""
        waiting = self._following is not None and not self._following.done()
        if not waiting and await self._living_first.changed():
            self._following = self._tasks.spawn(self._until_followed(), "shards follow the store's history")

    async def _until_followed(self) -> None:
        try:
            await self._living_first.until_followed()
            self._trouble.over()
        except StoreError as failure:
            self._trouble.met(failure)

    async def finish_logs(self) -> None:
        """Removes sealed logs that no shard needs: every owner has snapshots beyond them."""
        sealed = [info for info in await self._store.unfinished_logs() if info.sealed]
        if not sealed:
            return
        reports = await self.probe_all()
        if self._recovery.under_way or set(reports) != set(self._crew.wanted):
            return
        if await self._living_first.changed():
            return
        needed = self._living_first.unreported.union(*(report.needs_logs for report in reports.values()))
        for info in sealed:
            if info.log_id not in needed:
                await self._store.finish_log(self._term.number, info.log_id)

    async def _sweep_journal(self) -> None:
        """Removes what readers of the journal need no more."""
        if any(info.finished for info in await self._store.journal_logs()) or await self._store.handovers():
            await self._store.sweep_journal(self._term.number)
