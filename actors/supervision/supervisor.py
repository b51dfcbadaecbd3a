"""The supervisor: places shards, and has them watched, replaced and moved by its parts.

Success of `start`: every slot has a serving owner. The supervisor keeps no truth of its own: its table is the store's,
each control write is conditional on its term, and spins go on without it (rule 7). A dead shard is replaced by a warm
spare that claims the shard's name; the claim fences the former owner of that name.
"""

from collections.abc import Sequence
from contextlib import suppress

from actors.routing.client import ShardClient
from actors.settings import SupervisorSettings
from actors.stored_catalogs import CatalogContent
from actors.supervision.beginning import Beginning
from actors.supervision.crew import Crew
from actors.supervision.deploying import advance_clock, await_due_work, deploy, recall
from actors.supervision.granting import check_takeable
from actors.supervision.held_term import HeldTerm
from actors.supervision.kept_catalogs import KeptCatalogs
from actors.supervision.kept_operations import KeptOperations
from actors.supervision.living_first import LivingFirst
from actors.supervision.moving import Mover
from actors.supervision.operation_steps import OperationSteps
from actors.supervision.operations import Operations
from actors.supervision.ports import Cluster
from actors.supervision.readers import ReaderWatch
from actors.supervision.recovering import Recovery
from actors.supervision.tasks import Tasks
from actors.supervision.watching import Watch
from actors.wire.cluster_requests import ChangeCluster, ClusterStatus
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
)
from actors.wire.listening import Listener
from snapshots.contract import Address, Store
from snapshots.errors import StoreError

CONTROL_CONNECTIONS_MAX = 64


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
        self._store, self._client = store, client
        self._bind_host, self._take_over = bind_host, take_over
        self._readers = readers
        self._tasks = Tasks()
        self._held = HeldTerm(store, holder, settings.term_lease_ms, settings.term_renew_ms)
        self._held.on_lost = self._step_down
        self._held.before_taking_over = lambda: check_takeable(store, client)
        self._crew = Crew(cluster, settings.spares, self._tasks)
        living_first = LivingFirst(store, self._crew, client, settings)
        self._catalogs = KeptCatalogs(store, self._held)
        self._held.living_first = living_first.until_followed
        living_first.on_changed = self._catalogs.tell_all_again
        self._recovery = Recovery(
            term=self._held,
            crew=self._crew,
            living_first=living_first,
            client=client,
            settings=settings,
            tasks=self._tasks,
        )
        self._watch = Watch(
            store=store,
            client=client,
            term=self._held,
            crew=self._crew,
            recovery=self._recovery,
            living_first=living_first,
            settings=settings,
            tasks=self._tasks,
        )
        self._mover = Mover(self._held, self._crew, client, settings)
        kept = KeptOperations(store, self._held)
        self._beginning = Beginning(
            store=store,
            term=self._held,
            cluster=cluster,
            crew=self._crew,
            kept=kept,
            client=client,
            settings=settings,
            catalog=catalog,
            lease_ms=lease_ms,
        )
        steps = OperationSteps(
            store=store,
            term=self._held,
            crew=self._crew,
            mover=self._mover,
            recovery=self._recovery,
            kept=kept,
            settings=settings,
        )
        self._operations = Operations(
            store=store,
            cluster=cluster,
            term=self._held,
            crew=self._crew,
            steps=steps,
            kept=kept,
            settings=settings,
            tasks=self._tasks,
        )
        self._controls = Controls(self._control)
        self._listener = Listener(cluster_secret, self._handle, CONTROL_CONNECTIONS_MAX)

    @property
    def term(self) -> int:
        """The number of its term; 0 before it has taken one."""
        return self._held.number

    @property
    def lost(self) -> str | None:
        """Why this is not the store's supervisor any more; None while it is."""
        return self._held.lost

    @property
    def recoveries_ms(self) -> list[int]:
        """How long each recovery took, in milliseconds, from the notice of the death to serving again."""
        return self._recovery.times_ms

    # --- start

    async def start(self) -> None:
        """Takes a term, adopts what lives, starts what is missing. Raises ActivationFailed or StoreError.

        TermHeld if another instance holds the term and lives, FallbackHeld if it is to be taken over, and one of its
        shards could not be; then it goes on.
        """
        await self._held.take(self._take_over)
        self._tasks.spawn(self._held.renew(), "term")
        try:
            await self._serve()
        except BaseException:
            self._tasks.cancel()
            raise

    async def _serve(self) -> None:
        missing = await self._beginning.settle()
        if self._readers is not None:
            await self._readers.begin(self._store, self.term)
        await self._beginning.activate(missing)
        self._tasks.spawn(self._recovery.refill(), "spares")
        await self._beginning.catch_up()
        await self._catalogs.look()
        await self._store.listen(self.term, await self._listen())
        self._tasks.spawn(self._watch.run(), "watch")
        if self._readers is not None:
            self._readers.start()
        await self._operations.resume()

    def _step_down(self) -> None:
        """Another supervisor has taken a term: its readers go on, these end."""
        if self._readers is not None:
            self._readers.give_up()

    # --- what gateways ask for

    async def _listen(self) -> Address:
        return await self._listener.open(self._bind_host, "supervisor")

    def _handle(self, connection: Connection, frame: RequestFrame) -> None:
        for request in frame.requests:
            self._controls(connection, request)

    async def _control(self, body: ControlBody) -> ControlAnswer:
        """Answers about readers and operations at once; carries out the rest one after the other, each once, not while
        slots move.
        """
        if isinstance(body, ReadersStatus):
            return ReadersReport(()) if self._readers is None else self._readers.report()
        if isinstance(body, AskReader):
            return Failed("no readers are configured") if self._readers is None else await self._readers.ask(body)
        if isinstance(body, ClusterStatus):
            return self._operations.report()
        if isinstance(body, ChangeCluster):
            return await self._operations.begin(body)
        async with self._mover.lock:
            return await self._for_all_shards(body)

    async def _for_all_shards(self, body: ControlBody) -> ControlAnswer:
        shards = self._crew.wanted
        if not isinstance(body, DeployCatalog | AdvanceClock):
            return Failed("a supervisor does not know this request")
        first = await recall(self._store, body.keyed)
        if isinstance(first, ClockSet):  # a supervisor that died meanwhile may have left due work undone
            await await_due_work(self._store, self._client, shards)
        if first is not None:
            return first
        await self._held.routing()
        if isinstance(body, DeployCatalog):
            deployed = await deploy(self._store, self._client, self.term, shards, body)
            await self._catalogs.look()
            return deployed
        return await advance_clock(self._store, self._client, self.term, shards, body)

    # --- moves and the end

    async def move(self, slots: Sequence[int], gainer: str) -> None:
        """Moves slots to a live shard, one loser after the other, without losing an acknowledged command."""
        await self._mover.move(slots, gainer)

    def handed_over(self) -> bool:
        """For a supervisor that has lost its term: whether its successor has claimed all shards that it had."""
        return not self._crew.live

    async def stop(self) -> None:
        """Drains every shard and ends every process."""
        self._held.over = True
        self._tasks.cancel()
        await self._crew.drain()
        if self._readers is not None:
            await self._readers.stop()
        self._listener.close()
        await self._client.stop()
        with suppress(StoreError):  # the term is lost already, or its lease ends by itself
            await self._store.leave_term(self.term)
        await self._store.close()
