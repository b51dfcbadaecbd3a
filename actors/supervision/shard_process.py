"""One shard process from birth to end: claim, recover, serve, heartbeat, move, drain.

Plain asyncio, no Ray: `actors.ray` runs it inside a Ray actor, tests run it as it is. A process serves one
incarnation in its life; before `activate` it is a warm spare.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, start_http_server

from actors.background.due_sweep import DueSweep
from actors.background.due_work import Scheduler
from actors.background.slot_counts import players_by_slot
from actors.background.slot_moves import SlotMoves
from actors.background.snapshotter import Snapshotter
from actors.background.store_fill import StoreFill
from actors.background.suspension import Suspension
from actors.background.switch_watch import SwitchWatch
from actors.host.clock import boottime_s, now_ms
from actors.host.processes import is_gone, this_process
from actors.metrics.shard import ShardMetrics
from actors.settings import ShardSettings
from actors.shard.context import ShardContext
from actors.shard.ownership import Ownership
from actors.shard.shard import Shard
from actors.stored_catalogs import read_catalog
from actors.supervision.ports import Released
from actors.wire.cluster_requests import CountSlots, SlotCounts
from actors.wire.connection import Connection
from actors.wire.controls import Controls
from actors.wire.frames import (
    AbandonCatalog,
    ControlAnswer,
    ControlBody,
    Done,
    Failed,
    FinishCatalog,
    PrepareCatalog,
    RequestFrame,
    SetClock,
    ShardStatus,
)
from actors.wire.listening import Listener
from actors.wire.socket_folder import remove_leftovers
from engine.catalog import Catalog
from snapshots.contract import Address, Claim, Incarnation, Routing
from snapshots.errors import Fenced, LineageChanged, StoreUnavailable
from snapshots.opening import open_store
from snapshots.recovery import TailIndex, read_tails

log = logging.getLogger("croupier.shard")

KEEP_UP_EVERY = 5


class ShardProcess:
    """The life of one shard process. All methods run on one event loop.

    `on_end(reason)` is called when the incarnation may not go on; the process must then exit.
    """

    def __init__(self, settings: ShardSettings, catalog: Catalog, on_end: Callable[[str], None]) -> None:
        self.settings, self.catalog = settings, catalog
        self.store = open_store(settings.store_url)
        self.metrics = ShardMetrics()
        self.shard: Shard | None = None
        self._on_end = on_end
        self._snapshotter: Snapshotter | None = None
        self._scheduler: Scheduler | None = None
        self._due_sweep: DueSweep | None = None
        self._address: Address | None = None
        self._moves: SlotMoves | None = None
        self._switches: SwitchWatch | None = None
        self._listener = Listener(
            settings.cluster_secret, lambda connection, frame: self._handle(connection, frame), settings.connections_max
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._metrics_port = 0
        self._moving = asyncio.Lock()

    async def prepare(self) -> None:
        """Does what needs no shard yet: opens the store and the metrics port, and removes old sockets."""
        await self.store.open()
        if removed := await asyncio.to_thread(remove_leftovers):
            log.info("removed the sockets of %d processes that are gone", removed)
        registry = CollectorRegistry()
        registry.register(self.metrics)
        server, _ = start_http_server(0, addr=self.settings.bind_host, registry=registry)
        self._metrics_port = server.server_port

    # --- activation

    async def activate(self, shard_id: str) -> Incarnation:
        """Becomes the shard: raises its epoch, waits until the former owner can't answer any more, recovers, serves."""
        began = time.perf_counter()
        lineage = await self.store.watch_lineage()
        claim = await self.store.claim(shard_id, this_process(), secrets.token_hex(8))
        claimed_at = boottime_s()
        routing = await self.store.routing()
        ownership = Ownership(shard_id, routing)
        number, catalog = await self._catalog_in_force(routing)
        tails = await self._read_tails(claim.incarnation, ownership)
        await self._outlive(claim, claimed_at)
        context = ShardContext(
            store=self.store,
            inc=claim.incarnation,
            catalog=catalog,
            ownership=ownership,
            tails=tails,
            settings=self.settings,
            metrics=self.metrics,
            on_end=self._ended,
        )
        if lineage:
            context.committer.keep_ring(self.settings.journal_ring_bytes_max, lineage)
        context.start_with(number, catalog, context.geo)
        context.advance_clock(routing.clock_offset_ms)
        self._put_together(context)
        assert self._switches is not None
        try:
            await self._heartbeat()
            await self._switches.look()
            self._address = await self._listen(claim.incarnation)
            await self.store.serve(claim.incarnation, self._address)
            await self._keep_up()  # a catalog may have been put in force before this shard could be told
        except BaseException:
            context.committer.end("the shard could not start")
            self._listener.close()
            raise
        self._start_background()
        self.metrics.recovery.observe(time.perf_counter() - began)
        log.info("shard %s serves, epoch %d, %d tail players", shard_id, claim.incarnation.epoch, len(tails))
        return claim.incarnation

    def _put_together(self, context: ShardContext) -> None:
        """Makes the shard, and what works beside it."""
        shard = self.shard = Shard(context)
        context.at_end(self._cancel_tasks)
        context.at_suspension(self._stay_suspended)
        shard.controlled = Controls(self._control)
        arrive = shard.loader.arrive
        self._snapshotter = Snapshotter(context, arrive)
        self._scheduler = Scheduler(context, self._snapshotter, shard.facts, arrive, shard.turn.run_due)
        self._due_sweep = DueSweep(context, self._snapshotter, self._scheduler, arrive)
        self._switches = SwitchWatch(context)
        self.metrics.owing_snapshots = context.owing_snapshots
        self._moves = SlotMoves(context, self._snapshotter, shard.facts, arrive)

    def _start_background(self) -> None:
        assert self._snapshotter is not None and self._scheduler is not None and self._due_sweep is not None
        assert self.shard is not None and self._switches is not None
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._heartbeats(), name="heartbeats"),
            loop.create_task(self._snapshotter.run(), name="snapshots"),
            loop.create_task(self._scheduler.run(), name="due work"),
            loop.create_task(self._due_sweep.run(), name="index of due work"),
            loop.create_task(StoreFill(self.shard.context).run(), name="room of the store"),
            loop.create_task(self._switches.run(), name="kill-switches"),
        ]

    async def _catalog_in_force(self, routing: Routing) -> tuple[int, Catalog]:
        """The committed catalog; if none was ever committed, the one that this process was started with (rule 14)."""
        if routing.catalog is None:
            return 0, self.catalog
        row = routing.catalog
        return row.number, await read_catalog(self.store, row.version, row.due_since_ms)

    async def _control(self, body: ControlBody) -> ControlAnswer:
        """Answers what a supervisor or gateway asks of the process itself."""
        shard, scheduler, due_sweep = self.shard, self._scheduler, self._due_sweep
        assert shard is not None and scheduler is not None and due_sweep is not None
        if isinstance(body, ShardStatus):
            return shard.report()
        if shard.context.ended:
            return Failed("the store refuses to write")
        if isinstance(body, CountSlots):
            return SlotCounts(await players_by_slot(shard.context))
        if isinstance(body, PrepareCatalog):
            await shard.swap.prepare(body.number, body.version, body.due_since_ms)
        elif isinstance(body, FinishCatalog):
            shard.swap.finish(body.number, body.version)
        elif isinstance(body, AbandonCatalog):
            shard.swap.abandon()
        elif isinstance(body, SetClock):
            shard.context.advance_clock(body.offset_ms)
            await shard.swap.until_over()
            await due_sweep.catch_up()
            await scheduler.catch_up()
            await shard.context.committer.until_idle()
        else:
            return Failed("a shard does not know this request")
        return Done()

    async def _read_tails(self, inc: Incarnation, ownership: Ownership) -> TailIndex:
        logs = [info for info in await self.store.unfinished_logs() if info.sealed and info.log_id != inc.log_id]
        return await read_tails(self.store, logs, ownership.owns)

    async def _outlive(self, claim: Claim, claimed_at_s: float) -> None:
        """Waits out the former owner's lease, unless its death is proved (rule 5)."""
        until = claimed_at_s + self.settings.lease_ms / 1000
        while claim.previous is not None and not is_gone(claim.previous) and boottime_s() < until:
            await asyncio.sleep(0.02)

    async def _listen(self, inc: Incarnation) -> Address:
        return await self._listener.open(self.settings.bind_host, inc.shard_id, self._metrics_port)

    def _handle(self, connection: Connection, frame: RequestFrame) -> None:
        assert self.shard is not None
        self.shard.handle(connection, frame)

    # --- lease and clock

    async def _keep_up(self) -> None:
        """Follows the catalog and the sandbox clock that the store names, in case nobody has told this shard."""
        assert self.shard is not None
        routing = await self.store.routing()
        self.shard.context.advance_clock(routing.clock_offset_ms)
        await self.shard.swap.keep_up(routing.catalog)

    async def _heartbeats(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(self.settings.heartbeat_ms / 1000)
            beats += 1
            assert self.shard is not None
            context = self.shard.context
            inc = context.inc
            try:
                await self._heartbeat()
                if beats % KEEP_UP_EVERY == 0:
                    await self._keep_up()
                if context.misrouted and not self._moving.locked():
                    await self.gain()
            except StoreUnavailable as failure:
                log.warning("heartbeat without answer: %s", failure)
            except Fenced as refusal:
                if not context.committer.superseded(inc):
                    self._ended_by(str(refusal))
                    return
            except Exception:
                log.exception("a heartbeat failed; the next one tries again")

    async def _heartbeat(self) -> None:
        """Renews the lease and compares clocks (rules 5 and 13)."""
        assert self.shard is not None
        context = self.shard.context
        sent_at, sent_ms = boottime_s(), now_ms()
        try:
            store_ms = await self.store.heartbeat(context.inc)
        except LineageChanged:
            await context.committer.follow_lineage()
            return
        context.committer.renewed(sent_at)
        context.compare_clocks(max(sent_ms - store_ms, store_ms - now_ms(), 0))

    def _stay_suspended(self) -> None:
        """Only the status is told from now on, until the store writes again."""
        assert self.shard is not None and self._address is not None
        waiting = Suspension(self.shard.context, self._address).run()
        self._tasks.append(asyncio.get_running_loop().create_task(waiting, name="until the store writes"))

    # --- moves

    async def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> Released:
        """Gives slots to another shard (see `SlotMoves.release`)."""
        assert self._moves is not None
        async with self._moving:
            moved = await self._moves.release(term, slots, dedicated, gainer)
            return Released(moved, self._moves.paused_ms)

    async def gain(self) -> None:
        """Takes over the slots and players that the table gives to this shard by now."""
        assert self.shard is not None
        async with self._moving:  # a table that was read before this shard's release must not be adopted after it
            self.shard.context.trust_table()
            self.shard.context.ownership.adopt(await self.store.routing())

    # --- the end

    async def drain(self) -> None:
        """A clean goodbye: no more commands, everything durable and snapshotted, shard retired."""
        shard, snapshotter = self.shard, self._snapshotter
        if shard is None or snapshotter is None or shard.context.ended:
            self._cancel_tasks()
            self._listener.close()
            await self.store.close()
            return
        await shard.drain()
        context = shard.context
        await snapshotter.clean([*context.residents.dirty, *context.tails.players()])
        await snapshotter.round()
        self._cancel_tasks()
        await self.store.retire(context.inc)
        context.committer.end("drained")
        self._listener.close()
        await self.store.close()
        log.info("shard %s drained", context.inc.shard_id)

    def _ended_by(self, reason: str) -> None:
        if self.shard is not None:
            self.shard.context.end(reason)

    def _ended(self, reason: str) -> None:
        self._cancel_tasks()
        self._listener.close()
        self._on_end(reason)

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
