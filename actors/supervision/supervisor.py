"""The supervisor: places shards, watches them, fences and replaces dead ones, moves slots.

Success of `start`: every slot has a serving owner. The supervisor keeps no truth of its own: its table is the store's,
each control write is conditional on its term, and spins go on without it (rule 7). A dead shard is replaced by a warm
spare that claims the shard's name; the claim fences the former owner of that name.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b

from actors.host.processes import is_gone
from actors.routing.client import ShardClient
from actors.settings import SupervisorSettings
from actors.shard.catalog_swap import unheld_counters
from actors.stored_catalogs import CatalogContent, encode_content, next_row
from actors.supervision.deploying import advance_clock, await_due_work, deploy, recall
from actors.supervision.ports import ActivationFailed, Cluster, ShardDied, ShardHandle
from actors.supervision.readers import ReaderWatch
from actors.supervision.terms import take_term
from actors.wire.connection import Connection
from actors.wire.controls import Controls
from actors.wire.frames import (
    AdvanceClock,
    AskReader,
    ClockSet,
    ControlAnswer,
    ControlBody,
    DeployCatalog,
    Failed,
    ReadersReport,
    ReadersStatus,
    RequestFrame,
    ShardReport,
)
from actors.wire.listening import Listener
from snapshots.contract import SLOTS, Address, Incarnation, Owner, Routing, ShardRow, Store
from snapshots.errors import Fenced, StoreError

log = logging.getLogger("croupier.supervisor")

FINISH_LOGS_EVERY = 10
CONTROL_CONNECTIONS_MAX = 64
RECOVERY_TRIES = 5


def dedicated_shard(player_id: str) -> str:
    """The name of a dedicated player's shard: safe in file names whatever the player is called."""
    return "d-" + blake2b(player_id.encode(), digest_size=8).hexdigest()


class SupervisorProcess:
    """One supervisor's term. All methods run on one event loop."""

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        client: ShardClient,
        settings: SupervisorSettings,
        catalog: CatalogContent,
        lease_ms: int,
        cluster_secret: str,
        bind_host: str,
        holder: str = "",
        take_over: bool = False,
        readers: ReaderWatch | None = None,
    ) -> None:
        self.term = 0
        self.lost: str | None = None
        """Why this is not the store's supervisor any more; None while it is."""
        self.recoveries_ms: list[int] = []
        self._store, self._cluster, self._client, self._settings = store, cluster, client, settings
        self._dedicated = {player_id: dedicated_shard(player_id) for player_id in catalog.catalog.dedicated_players}
        self._catalog, self._bind_host = catalog, bind_host
        self._holder, self._take_over = holder, take_over
        self._readers = readers
        self._controls = Controls(self._control)
        self._listener = Listener(cluster_secret, self._handle, CONTROL_CONNECTIONS_MAX)
        self._lease_s = lease_ms / 1000
        self._live: dict[str, ShardHandle] = {}
        self._spares: list[ShardHandle] = []
        self._answered: dict[str, float] = {}
        self._recovering: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._moving = asyncio.Lock()
        self._stopping = False

    # --- start

    @property
    def wanted(self) -> list[str]:
        """Names of all shards there should be."""
        return [f"s{number}" for number in range(self._settings.shards)] + list(self._dedicated.values())

    async def start(self) -> None:
        """Takes a term, adopts what lives, starts what is missing. Raises ActivationFailed or StoreError.

        TermHeld if another instance holds the term and lives; then nothing was changed.
        """
        lease_ms = self._settings.term_lease_ms if self._holder else 0
        self.term = await take_term(self._store, self._holder, lease_ms, self._take_over)
        self._spawn(self._hold_term(lease_ms), "term")
        try:
            await self._serve()
        except BaseException:
            self._cancel_tasks()
            raise

    async def _serve(self) -> None:
        routing = await self._store.routing()
        await self._adopt(routing)
        missing = [shard_id for shard_id in self.wanted if shard_id not in self._live]
        while len(self._spares) < len(missing) + self._settings.spares:
            self._spares.append(self._cluster.launch())
        await self._fence([row for row in routing.shards.values() if row.shard_id not in self.wanted])
        if len(missing) == len(self.wanted):
            await self._assign_all(routing)
            await self._put_in_force(routing)
        if self._readers is not None:
            await self._readers.begin(self._store, self.term)
        await asyncio.gather(*(self._activate_first(shard_id) for shard_id in missing))
        await self._store.listen(self.term, await self._listen())
        self._spawn(self._watch(), "watch")
        if self._readers is not None:
            self._readers.start()

    async def _put_in_force(self, routing: Routing) -> None:
        """Puts the catalog in force that this Croupier was started with.

        It is called while no shard serves (rule 14).
        """
        version = self._catalog.catalog.version
        if routing.catalog is None or routing.catalog.version != version:
            await self._store.put_catalog(version, encode_content(self._catalog))
            row = await next_row(self._store, routing, version, "croupier up")
            unheld = await unheld_counters(self._store, routing.catalog, version)
            await self._store.commit_catalog(self.term, row, None, unheld)

    async def _adopt(self, routing: Routing) -> None:
        """Takes over the living shards of an earlier supervisor. All other processes are killed.

        Spares are killed, too, because the earlier supervisor may have asked one to become a shard, and that call goes
        on.
        """
        handles = await self._cluster.existing()
        incarnations = await asyncio.gather(*map(self._incarnation_of, handles))
        for handle, inc in zip(handles, incarnations, strict=True):
            if isinstance(inc, Incarnation) and self._is_current(inc, routing):
                self._enlist(inc.shard_id, handle)
            else:
                handle.kill()

    def _is_current(self, inc: Incarnation, routing: Routing) -> bool:
        """Compares the log, not the epoch, which a slot move may raise just now.

        A fenced shard has no owner.
        """
        row = routing.shards.get(inc.shard_id)
        current = row is not None and row.owner is not None and row.log_id == inc.log_id
        return current and inc.shard_id in self.wanted

    async def _incarnation_of(self, handle: ShardHandle) -> Incarnation | ShardDied | TimeoutError | None:
        """The incarnation of a process; None for a spare. A process that does not answer is treated as dead."""
        try:
            async with asyncio.timeout(self._settings.identify_timeout_ms / 1000):
                return (await handle.identity()).incarnation
        except (ShardDied, TimeoutError) as silence:
            return silence

    async def _fence(self, rows: Sequence[ShardRow]) -> None:
        """From now on nobody may write as these shards. Their logs are sealed, and on return none of them answers."""
        owned = [row for row in rows if row.owner is not None]
        owners = [await self._store.fence(self.term, row.shard_id) for row in owned]
        await self._outlive([owner for owner in owners if owner is not None])

    async def _outlive(self, owners: Sequence[Owner]) -> None:
        until = time.monotonic() + self._lease_s
        while time.monotonic() < until and not all(map(is_gone, owners)):
            await asyncio.sleep(0.02)

    async def _assign_all(self, routing: Routing) -> None:
        """Writes the table while no shard of this Croupier serves: the old one, or slots dealt out evenly to new
        shards.

        Shards of another instance may still serve, so all of them are fenced before any player changes shards.
        """
        shards = [f"s{number}" for number in range(self._settings.shards)]
        settled = set(routing.slots) == set(shards)
        table = {} if settled else {slot: shards[slot % len(shards)] for slot in range(SLOTS)}
        if not settled or routing.dedicated != self._dedicated:
            await self._fence(list(routing.shards.values()))
        await self._store.assign(self.term, table, self._dedicated)

    async def _activate_first(self, shard_id: str) -> None:
        handle = self._spares.pop(0)
        try:
            await handle.activate(shard_id)
        except BaseException:
            handle.kill()
            raise
        self._enlist(shard_id, handle)

    def _enlist(self, shard_id: str, handle: ShardHandle) -> None:
        self._live[shard_id] = handle
        self._answered[shard_id] = time.monotonic()
        self._spawn(self._await_death(shard_id, handle), f"death of {shard_id}")

    # --- watch

    async def _hold_term(self, lease_ms: int) -> None:
        while True:
            await asyncio.sleep(self._settings.term_renew_ms / 1000)
            try:
                await self._store.hold_term(self.term, lease_ms)
            except Fenced as refusal:
                self._lose(refusal)
                return
            except StoreError as failure:
                log.warning("the supervisor can't renew its term: %s", failure)

    def _lose(self, refusal: Fenced) -> None:
        """Another supervisor has taken a term: this one replaces nobody any more."""
        if self.lost is None:
            log.warning("another supervisor has taken over: %s", refusal)
            self.lost = str(refusal)
            if self._readers is not None:
                self._readers.give_up()
        self._stopping = True

    async def _await_death(self, shard_id: str, handle: ShardHandle) -> None:
        await handle.dead()
        if self._live.get(shard_id) is handle:
            self._recover(shard_id, "its process died")

    async def _watch(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(self._settings.probe_ms / 1000)
            beats += 1
            try:
                await self._probe_all()
                if beats % FINISH_LOGS_EVERY == 0:
                    await self._finish_logs()
                    await self._sweep_journal()
            except Fenced as refusal:
                self._lose(refusal)
                return
            except StoreError as failure:
                log.warning("the supervisor can't reach the store: %s", failure)
            except Exception:
                log.exception("a watch round failed; the next one tries again")

    async def _probe_all(self) -> dict[str, ShardReport]:
        """Asks every live shard about itself on the players' channel, and recovers the shards that are silent for too
        long.
        """
        routing = await self._current_routing()
        for shard_id in self.wanted:
            if shard_id not in self._live:
                self._recover(shard_id, "it does not run")
        names = [shard_id for shard_id in self._live if shard_id not in self._recovering]
        reports = await asyncio.gather(*(self._probe(routing, shard_id) for shard_id in names))
        limit_s = self._settings.probe_timeout_ms / 1000
        for shard_id in names:
            silent_s = time.monotonic() - self._answered[shard_id]
            if silent_s > limit_s and shard_id not in self._recovering:
                self._recover(shard_id, f"it has been silent for {silent_s:.1f} s")
        return {report.shard_id: report for report in reports if report is not None}

    async def _current_routing(self) -> Routing:
        """The table. Raises Fenced if another supervisor has taken a term; then this one replaces nobody any more."""
        routing = await self._store.routing()
        if routing.term != self.term:
            raise Fenced(f"term {self.term} is over, the store is at {routing.term}")
        return routing

    async def _probe(self, routing: Routing, shard_id: str) -> ShardReport | None:
        try:
            report = await self._client.report(routing.shards[shard_id], self._settings.probe_timeout_ms / 2000)
        except (OSError, TimeoutError, KeyError):
            return None
        self._answered[shard_id] = time.monotonic()
        return report

    async def _finish_logs(self) -> None:
        """Removes sealed logs that no shard needs: every owner has snapshots beyond them."""
        sealed = [info for info in await self._store.unfinished_logs() if info.sealed]
        if not sealed:
            return
        reports = await self._probe_all()
        if self._recovering or set(reports) != set(self.wanted):
            return
        needed = {log_id for report in reports.values() for log_id in report.needs_logs}
        for info in sealed:
            if info.log_id not in needed:
                await self._store.finish_log(self.term, info.log_id)

    async def _sweep_journal(self) -> None:
        """Removes what readers of the journal need no more."""
        if any(info.finished for info in await self._store.journal_logs()) or await self._store.handovers():
            await self._store.sweep_journal(self.term)

    # --- recovery

    def _recover(self, shard_id: str, why: str) -> None:
        if self._stopping or shard_id in self._recovering:
            return
        log.warning("shard %s is replaced: %s", shard_id, why)
        self._recovering[shard_id] = self._spawn(self._replace(shard_id), f"recover {shard_id}")

    async def _replace(self, shard_id: str) -> None:
        began = time.monotonic()
        corpse = self._live.pop(shard_id, None)
        try:
            await self._current_routing()
            for attempt in range(1, RECOVERY_TRIES + 1):
                handle = self._spares.pop(0) if self._spares else self._cluster.launch()
                try:
                    await handle.activate(shard_id)
                except (ShardDied, ActivationFailed) as failure:
                    log.error("shard %s, attempt %d of %d: %s", shard_id, attempt, RECOVERY_TRIES, failure)
                    handle.kill()
                    if corpse is not None:
                        corpse.kill()  # if it was stopped within a transaction, it may hold a lock of the store
                    await asyncio.sleep(0.2 * attempt)
                else:
                    self._enlist(shard_id, handle)
                    self.recoveries_ms.append(round((time.monotonic() - began) * 1000))
                    log.warning("shard %s serves again after %d ms", shard_id, self.recoveries_ms[-1])
                    break
            else:
                log.error("shard %s is down: %d attempts failed; an operator must look", shard_id, RECOVERY_TRIES)
        except Fenced as refusal:
            self._lose(refusal)
            return
        except StoreError as failure:
            log.error("shard %s can't be replaced yet: %s", shard_id, failure)
        finally:
            del self._recovering[shard_id]
        if corpse is not None:
            self._spawn(self._bury(corpse), f"bury {shard_id}")
        while len(self._spares) < self._settings.spares and not self._stopping:
            self._spares.append(self._cluster.launch())

    async def _bury(self, corpse: ShardHandle) -> None:
        """A replaced process is fenced and ends by itself. If it still exists after a while, it is killed."""
        try:
            async with asyncio.timeout(self._settings.corpse_kill_after_ms / 1000):
                await corpse.dead()
        except TimeoutError:
            corpse.kill()

    # --- what gateways ask for

    async def _listen(self) -> Address:
        return await self._listener.open(self._bind_host, "supervisor")

    def _handle(self, connection: Connection, frame: RequestFrame) -> None:
        for request in frame.requests:
            self._controls(connection, request)

    async def _control(self, body: ControlBody) -> ControlAnswer:
        """Answers about readers at once; carries out the rest one after the other, each once, not while slots move."""
        if isinstance(body, ReadersStatus):
            return ReadersReport(()) if self._readers is None else self._readers.report()
        if isinstance(body, AskReader):
            return Failed("no readers are configured") if self._readers is None else await self._readers.ask(body)
        async with self._moving:
            if not isinstance(body, DeployCatalog | AdvanceClock):
                return Failed("a supervisor does not know this request")
            first = await recall(self._store, body.keyed)
            if isinstance(first, ClockSet):  # a supervisor that died meanwhile may have left due work undone
                await await_due_work(self._store, self._client, self.wanted)
            if first is not None:
                return first
            if isinstance(body, DeployCatalog):
                return await deploy(self._store, self._client, self.term, self.wanted, body)
            return await advance_clock(self._store, self._client, self.term, self.wanted, body)

    # --- moves and the end

    async def move(self, slots: Sequence[int], gainer: str) -> None:
        """Moves slots to a live shard, one loser after the other, without losing an acknowledged command."""
        async with self._moving:
            if gainer not in self._live:
                raise KeyError(f"no live shard {gainer!r}; there are {', '.join(self._live)}")
            routing = await self._store.routing()
            for loser in sorted({routing.slots[slot] for slot in slots} - {gainer}):
                leaving = [slot for slot in slots if routing.slots[slot] == loser]
                await self._live[loser].release(self.term, leaving, [], gainer)
                await self._live[gainer].gain()

    async def stop(self) -> None:
        """Drains every shard and ends every process."""
        self._stopping = True
        self._cancel_tasks()
        live = list(self._live.values())
        outcomes = await asyncio.gather(*(handle.drain() for handle in live), return_exceptions=True)
        for handle, outcome in zip(live, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                log.error("a shard could not be drained: %s", outcome)
                handle.kill()
            else:
                handle.dismiss()
        for handle in self._spares:
            handle.dismiss()
        if self._readers is not None:
            await self._readers.stop()
        self._listener.close()
        await self._client.stop()
        with suppress(StoreError):  # the term is lost already, or its lease ends by itself
            await self._store.leave_term(self.term)
        await self._store.close()

    def _cancel_tasks(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def _spawn(self, coroutine: "asyncio._CoroutineLike[None]", name: str) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
