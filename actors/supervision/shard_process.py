"""One shard process from birth to end: claim, recover, serve, heartbeat, move, drain.

Plain asyncio, no Ray: `actors.ray` runs it inside a Ray actor, tests run it as it is. Before `activate` a process is a
warm spare. It serves one incarnation in its life; only if its store refused to write for a while, it claims the same
shard anew once the store writes again (decision 0036).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, start_http_server

from actors.background.due_sweep import DueSweep
from actors.background.due_work import Scheduler
from actors.background.older_generations import OlderGenerations
from actors.background.slot_moves import SlotMoves
from actors.background.snapshotter import Snapshotter
from actors.background.store_fill import StoreFill
from actors.background.suspension import Suspension
from actors.background.switch_watch import SwitchWatch
from actors.host.clock import boottime_s, now_ms
from actors.host.processes import is_gone, this_process
from actors.host.trouble import Trouble
from actors.metrics.shard import ShardMetrics
from actors.settings import ShardSettings
from actors.shard.context import ShardContext
from actors.shard.ownership import Ownership
from actors.shard.ownership_lost import FormerLog, OwnershipLost
from actors.shard.shard import Shard
from actors.stored_catalogs import read_catalog
from actors.supervision.claiming import claim_through_file, forget
from actors.supervision.ports import Adopted, Released
from actors.supervision.shard_controls import carry_out, change_grant
from actors.wire.connection import Connection
from actors.wire.controls import Controls
from actors.wire.frames import (
    ControlAnswer,
    ControlBody,
    Failed,
    GiveUpFallback,
    GrantFallback,
    RequestFrame,
    ShardStatus,
)
from actors.wire.listening import Listener
from actors.wire.socket_folder import remove_leftovers
from engine.catalog import Catalog
from snapshots.contract import Address, Claim, Incarnation, Routing
from snapshots.errors import Fenced, LineageChanged, StoreUnavailable, is_silence
from snapshots.opening import open_store
from snapshots.recovery import came_from, read_tails
from snapshots.tail_index import TailIndex

log = logging.getLogger("croupier.shard")

KEEP_UP_EVERY = 5
SILENT_BEATS = 2
"""After so many heartbeats without answer a shard that may do so goes on without the store."""


class ShardProcess:
    """The life of one shard process. All methods run on one event loop.

    `on_end(reason)` is called when the incarnation may not go on; the process must then exit.
    """

    def __init__(self, settings: ShardSettings, catalog: Catalog, on_end: Callable[[str], None]) -> None:
        self.settings, self.catalog = settings, catalog
        self.store = open_store(settings.store_url)
        self.metrics = ShardMetrics()
        self.shard: Shard | None = None
        """The one that answers what comes. While the process begins anew, that is still the one that has ended."""
        self._made: Shard | None = None
        """The newest: the same, or the one that is about to answer."""
        self._on_end = on_end
        self._snapshotter: Snapshotter | None = None
        self._older: OlderGenerations | None = None
        self._scheduler: Scheduler | None = None
        self._due_sweep: DueSweep | None = None
        self._address: Address | None = None
        self._moves: SlotMoves | None = None
        self._switches: SwitchWatch | None = None
        self._listener = Listener(
            settings.cluster_secret, lambda connection, frame: self._handle(connection, frame), settings.connections_max
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._forgetting: asyncio.Task[None] | None = None
        self._metrics_port = 0
        self._moving = asyncio.Lock()
        self.asked = False
        """Whether it was asked to become a shard."""
        self._term = 0
        """The latest one of a supervisor that counts on this process."""

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

    @property
    def incarnation(self) -> Incarnation | None:
        """The current one; None while this is a spare."""
        return None if self.shard is None else self.shard.context.inc

    async def heed(self, term: int) -> None:
        """A supervisor of this term counts on the process. What an earlier one asks from now on is refused: Adopted."""
        if term < self._term:
            raise Adopted(f"a supervisor of term {self._term} counts on this process, not that of term {term}")
        self._term = term

    async def activate(self, shard_id: str, history: str = "", term: int = 0) -> Incarnation:
        """Becomes the shard: raises its epoch, waits until the former owner can't answer any more, recovers, serves.

        `term` is that of the supervisor that asks. Raises LineageChanged, and claims nothing, if the store has another
        history than the one that is named: the former owner may live, and have something to tell that store. Raises
        Adopted, and goes on as before, if a later supervisor counts on the process.
        """
        await self.heed(term)
        self.asked = True
        try:
            return await self._activate(shard_id, history)
        except BaseException:
            self._listener.close()
            raise

    async def _activate(self, shard_id: str, history: str = "") -> Incarnation:
        began = time.perf_counter()
        lineage = await self.store.watch_lineage()
        if history and lineage != history:
            raise LineageChanged("the store is another one than the supervisor has looked at")
        claim, taken = await claim_through_file(self.store, shard_id, this_process())
        if taken is not None:
            self._forgetting = asyncio.get_running_loop().create_task(forget(self.store, taken), name="fallback file")
        claimed_at = boottime_s()
        routing = await self.store.routing()
        ownership = Ownership(shard_id, routing)
        number, catalog = await self._catalog_in_force(routing)
        former = FormerLog(self.store, claim.former_log, self.settings.journal_ring_bytes_max // 4)
        tails = await self._read_tails(claim.incarnation, ownership, former, watched=bool(lineage))
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
            context.keep_ring(OwnershipLost(self.store, claim, this_process(), former.ring), routing, lineage)
        context.start_with(number, catalog, context.geo)
        context.advance_clock(routing.clock_offset_ms)
        self._put_together(context)
        assert self._switches is not None
        try:
            await self._heartbeat()
            await self._switches.look()
            self._address = self._address or await self._listen(claim.incarnation)
            self.shard = self._made
            await self.store.serve(claim.incarnation, self._address)
            await self._keep_up()  # a catalog may have been put in force before this shard could be told
        except BaseException:
            context.committer.end("the shard could not start")
            raise
        self._start_background()
        self.metrics.recovery.observe(time.perf_counter() - began)
        log.info("shard %s serves, epoch %d, %d tail players", shard_id, claim.incarnation.epoch, len(tails))
        return claim.incarnation

    def _put_together(self, context: ShardContext) -> None:
        """Makes the shard, and what works beside it."""
        shard = self._made = Shard(context)
        context.at_end(self._cancel_tasks)
        context.at_suspension(self._stay_suspended)
        shard.controlled = Controls(self._control)
        arrive = shard.loader.arrive
        self._snapshotter = Snapshotter(context, arrive)
        self._scheduler = Scheduler(context, self._snapshotter, shard.facts, arrive, shard.turn.run_due)
        self._due_sweep = DueSweep(context, self._snapshotter, self._scheduler, arrive)
        self._switches = SwitchWatch(context)
        self.metrics.owing_snapshots = context.owing_snapshots
        self._older = OlderGenerations(context, arrive)
        self._moves = SlotMoves(context, self._snapshotter, self._older, shard.facts, arrive)

    def _start_background(self) -> None:
        assert self._snapshotter is not None and self._scheduler is not None and self._due_sweep is not None
        assert self._made is not None and self._switches is not None and self._older is not None
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._heartbeats(), name="heartbeats"),
            loop.create_task(self._snapshotter.run(), name="snapshots"),
            loop.create_task(self._older.run(), name="older snapshots"),
            loop.create_task(self._scheduler.run(), name="due work"),
            loop.create_task(self._due_sweep.run(), name="index of due work"),
            loop.create_task(StoreFill(self._made.context).run(), name="room of the store"),
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
        assert self._made is not None and self._scheduler is not None and self._due_sweep is not None
        if self.shard is not self._made and not isinstance(body, ShardStatus):
            return Failed("the shard begins anew")
        if isinstance(body, GrantFallback | GiveUpFallback):
            async with self._moving:  # a slot move raises the epoch
                return await change_grant(body, self._made.context)
        return await carry_out(body, self._made, self._scheduler, self._due_sweep)

    async def _read_tails(
        self, inc: Incarnation, ownership: Ownership, reader: FormerLog, *, watched: bool
    ) -> TailIndex:
        """Of sealed logs; if the store may lose its tail, of live ones, too, that players came from (`came_from`)."""
        logs = [info for info in await self.store.unfinished_logs() if info.log_id != inc.log_id]
        came = came_from(inc.shard_id, await self.store.handovers(), logs) if watched else set()
        return await read_tails(reader, [info for info in logs if info.sealed or info.log_id in came], ownership.owns)

    async def _outlive(self, claim: Claim, claimed_at_s: float) -> None:
        """Waits out the former owner's lease, unless its death is proved (rule 5).

        If this process was the owner itself, the incarnation that it had has ended, and answers nothing.
        """
        until, previous = claimed_at_s + self.settings.lease_ms / 1000, claim.previous
        if previous is None or (previous == this_process() and self.shard is not None):
            return
        while not is_gone(previous) and boottime_s() < until:
            await asyncio.sleep(0.02)

    async def _listen(self, inc: Incarnation) -> Address:
        return await self._listener.open(self.settings.bind_host, inc.shard_id, self._metrics_port)

    def _handle(self, connection: Connection, frame: RequestFrame) -> None:
        assert self.shard is not None
        self.shard.handle(connection, frame)

    # --- lease and clock

    async def _keep_up(self) -> None:
        """Follows the catalog and the sandbox clock that the store names, in case nobody has told this shard.

        Also the store's history, whose name may change while connections stay (rule 15).
        """
        assert self._made is not None
        committer = self._made.context.committer
        if await self.store.lineage_now() != committer.lineage:
            await committer.follow_lineage()
        routing = await self.store.routing()
        self._made.context.advance_clock(routing.clock_offset_ms)
        if (fallback := self._made.context.committer.fallback) is not None:
            fallback.doubt(routing.term)
        await self._made.swap.keep_up(routing.catalog)

    async def _heartbeats(self) -> None:
        beats, silent, trouble = 0, 0, Trouble(log, "heartbeats are not answered")
        while True:
            await asyncio.sleep(self.settings.heartbeat_ms / 1000)
            beats += 1
            assert self._made is not None
            context = self._made.context
            inc, fallback = context.inc, context.committer.fallback
            try:
                if fallback is not None and (fallback.active or silent >= SILENT_BEATS):
                    await (fallback.confirm() if fallback.active else fallback.go_over())
                    silent = 0
                    continue
                await self._heartbeat()
                silent = 0
                if beats % KEEP_UP_EVERY == 0:
                    await self._keep_up()
                if context.misrouted and not self._moving.locked():
                    await self.gain()
                trouble.over()
            except StoreUnavailable as failure:
                trouble.met(failure)
                silent += is_silence(failure)
            except Fenced as refusal:
                if not context.committer.superseded(inc):
                    self._ended_by(str(refusal))
                    return
            except Exception:
                log.exception("a heartbeat failed; the next one tries again")

    async def _heartbeat(self) -> None:
        """Renews the lease and compares clocks (rules 5 and 13)."""
        assert self._made is not None
        context = self._made.context
        sent_at, sent_ms = boottime_s(), now_ms()
        try:
            store_ms = await self.store.heartbeat(context.inc)
        except LineageChanged:
            await context.committer.follow_lineage()
            return
        context.committer.renewed(sent_at)
        context.compare_clocks(max(sent_ms - store_ms, store_ms - now_ms(), 0))

    # --- a store that refuses

    def _stay_suspended(self) -> None:
        """Only the status is told from now on, until the store writes again."""
        waiting = self._until_the_store_writes()
        self._tasks.append(asyncio.get_running_loop().create_task(waiting, name="until the store writes"))

    async def _until_the_store_writes(self) -> None:
        """Claims the shard anew once the store writes; leaves it to another process if that is not possible."""
        assert self.shard is not None and self._address is not None
        ended, context = self.shard, self.shard.context
        waiting = Suspension(context, self._address)
        while await waiting.writes_again():
            try:
                await self._activate(context.inc.shard_id)
            except StoreUnavailable as failure:
                log.warning("the store wrote, but the shard can't begin anew yet: %s", failure)
                self.shard = ended
            except Exception:
                log.exception("the shard can't begin anew in this process")
                context.leave("it can't begin anew")
                return
            else:
                self.metrics.gauges["shard_suspended"] = 0
                return

    # --- moves

    async def release(self, term: int, slots: Sequence[int], dedicated: Sequence[str], gainer: str) -> Released:
        """Gives slots to another shard (see `SlotMoves.release`)."""
        assert self._moves is not None
        async with self._moving:
            moved = await self._moves.release(term, slots, dedicated, gainer)
            return Released(moved, self._moves.paused_ms)

    async def gain(self) -> None:
        """Takes over the slots and players that the table gives to this shard by now."""
        assert self._made is not None
        async with self._moving:  # a table that was read before this shard's release must not be adopted after it
            self._made.context.trust_table()
            self._made.context.adopt(await self.store.routing())

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
        context.committer.check_stored()
        await self.store.retire(context.inc)
        if context.committer.fallback is not None:
            await context.committer.fallback.close(remove=True)
        context.committer.end("drained")
        self._listener.close()
        await self.store.close()
        log.info("shard %s drained", context.inc.shard_id)

    def _ended_by(self, reason: str) -> None:
        if self._made is not None:
            self._made.context.end(reason)

    def _ended(self, reason: str) -> None:
        self._cancel_tasks()
        self._listener.close()
        self._on_end(reason)

    def _cancel_tasks(self) -> None:
        for task in (*self._tasks, *([] if self._forgetting is None else [self._forgetting])):
            if task is not asyncio.current_task():
                task.cancel()
