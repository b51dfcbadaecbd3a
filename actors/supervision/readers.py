"""Keeps the readers of the journal running: one process each, replaced when it dies or falls silent, ended last.

A process claims its reader's name by itself, which fences its predecessor, so two at a time do no harm.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence

from msgspec.structs import replace

from actors.background.backoff import Rests
from actors.settings import ReaderPlan
from actors.supervision.reader_ports import ReaderCluster, ReaderDied, ReaderHandle, ReaderRefused
from actors.wire.frames import AskReader, Failed, ReaderSaid, ReadersReport, ReaderState
from snapshots.contract import ARCHIVE, Store

log = logging.getLogger("croupier.supervisor")

PROBE_S = 1.0
SILENT_S = 10.0
"""A reader that answers no probe for this long is replaced."""
SETTLE_S = 5.0
"""How long readers may go on at the end, so that what the shards wrote last leaves."""
ASK_S = 30.0
REST_LOOK_S = 0.1


class ReaderWatch:
    """The readers of one Croupier."""

    def __init__(self, plans: Sequence[ReaderPlan], cluster: ReaderCluster, settle_s: float = SETTLE_S) -> None:
        self._plans, self._cluster, self._settle_s = plans, cluster, settle_s
        self._live: dict[str, ReaderHandle] = {}
        self._states: dict[str, ReaderState] = {}
        self._rests = Rests()
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, store: Store, term: int) -> None:
        """Makes the readers known before any shard serves, so that they miss nothing. Raises StoreError.

        If the archive is off, it holds the journal no more.
        """
        for handle in await self._cluster.existing():
            handle.kill()
        for plan in self._plans:
            await store.claim_reader(plan.name, secrets.token_hex(8))
        if all(plan.name != ARCHIVE for plan in self._plans):
            await store.forget_reader(term, ARCHIVE)

    def start(self) -> None:
        """Starts all readers; from then on each is replaced when it dies."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep(plan), name=f"reader {plan.name}") for plan in self._plans]

    async def _keep(self, plan: ReaderPlan) -> None:
        while True:
            handle = self._cluster.launch(plan)
            try:
                await self._follow(plan.name, handle)
            except ReaderDied as death:
                log.warning("reader %s is replaced: %s", plan.name, death)
            except Exception:
                log.exception("reader %s is replaced", plan.name)
            finally:
                self._live.pop(plan.name, None)
                self._states[plan.name] = ReaderState(plan.name, trouble="its process is being replaced")
            handle.kill()
            self._rests.failed(plan.name)
            while self._rests.resting(plan.name):
                await asyncio.sleep(REST_LOOK_S)

    async def _follow(self, name: str, handle: ReaderHandle) -> None:
        """Watches a process until it is dead or silent. Raises ReaderDied."""
        self._states[name] = await handle.state()
        self._live[name] = handle
        log.info("reader %s runs, process %d", name, self._states[name].pid)
        death = asyncio.ensure_future(handle.dead())
        try:
            while not death.done():
                await self._probe(name, handle)
                await asyncio.wait([death], timeout=PROBE_S)
            raise ReaderDied("its process died")
        finally:
            death.cancel()

    async def _probe(self, name: str, handle: ReaderHandle) -> None:
        asked_s = time.monotonic()
        try:
            async with asyncio.timeout(SILENT_S):
                self._states[name] = await handle.state()
        except TimeoutError:
            raise ReaderDied(f"it has been silent for {time.monotonic() - asked_s:.0f} s") from None
        if not self._states[name].trouble:
            self._rests.succeeded(name)

    # --- what operators ask

    def report(self) -> ReadersReport:
        """All readers as they were seen last."""
        starting = ReaderState("", trouble="its process is being started")
        return ReadersReport(
            tuple(self._states.get(plan.name, replace(starting, name=plan.name)) for plan in self._plans)
        )

    async def ask(self, asked: AskReader) -> ReaderSaid | Failed:
        """Passes a question on to a reader."""
        names = [plan.name for plan in self._plans]
        if asked.name not in names:
            return Failed(f"no reader {asked.name!r} is configured; there are {', '.join(names) or 'none'}")
        handle = self._live.get(asked.name)
        if handle is None:
            return Failed(f"reader {asked.name} is being started; ask again")
        try:
            async with asyncio.timeout(ASK_S):
                return ReaderSaid(await handle.ask(asked.request))
        except (ReaderDied, ReaderRefused) as failure:
            return Failed(str(failure))
        except TimeoutError:
            return Failed(f"reader {asked.name} did not answer within {ASK_S:.0f} s")

    # --- the end

    async def stop(self) -> None:
        """Lets all readers settle for a bounded time, then ends them."""
        self._cancel()
        await asyncio.gather(*(self._end(name, handle) for name, handle in self._live.items()))
        self._live.clear()

    async def _end(self, name: str, handle: ReaderHandle) -> None:
        try:
            async with asyncio.timeout(2 * self._settle_s):
                await handle.settle(self._settle_s)
        except (ReaderDied, TimeoutError) as failure:
            log.warning("reader %s could not settle: %s", name, str(failure) or "it is silent")
            handle.kill()
        else:
            handle.dismiss()

    def give_up(self) -> None:
        """Another supervisor has taken over: its readers go on, these end."""
        self._cancel()
        for handle in self._live.values():
            handle.kill()
        self._live.clear()

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
