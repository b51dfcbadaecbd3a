"""Live operations: scale, drain, rolling restart, rebalance, on a cluster that goes on serving.

One at a time. What is wanted lies in the store (`kept_operations`); each step is worked out anew from the table there.
So an operation goes on where it was, whoever died meanwhile, and a step that failed is simply the next one again. A
shard that slots leave is only ended once the table names it no more.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from actors.host.clock import now_ms
from actors.settings import SupervisorSettings
from actors.supervision.crew import Crew
from actors.supervision.held_term import HeldTerm
from actors.supervision.kept_operations import Kept, KeptOperations, Scaled, Work
from actors.supervision.operation_plans import Plan, Standing, planned
from actors.supervision.operation_steps import OperationSteps
from actors.supervision.ports import ActivationFailed, Cluster, ShardDied, SlotMoveFailed
from actors.supervision.tasks import Tasks
from actors.wire.cluster_requests import ChangeCluster, ClusterReport, NotPossible, Operation, OperationBegun
from actors.wire.frames import KeyTaken
from engine.control_entries import ControlEntry, encode_control_entry
from snapshots.contract import Store
from snapshots.errors import Fenced, StoreError, StoreUnavailable

log = logging.getLogger("croupier.supervisor")

ROLE = "ops"
REASON_CHARS_MAX = 300


class Operations:
    """`begin` answers at once; the operation goes on as a task. `resume` goes on with one of an earlier supervisor."""

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        term: HeldTerm,
        crew: Crew,
        steps: OperationSteps,
        kept: KeptOperations,
        settings: SupervisorSettings,
        tasks: Tasks,
    ) -> None:
        self._store, self._cluster, self._term, self._crew = store, cluster, term, crew
        self._steps, self._kept, self._settings, self._tasks = steps, kept, settings, tasks
        self._beginning = asyncio.Lock()
        self._stuck: tuple[Work | None, str] = None, ""
        """How far the operation was when something was in its way, and what."""

    # --- what operators ask

    def report(self) -> ClusterReport:
        """The operation that runs, or ran last, and where shards run."""
        last = self._kept.last
        operation = None if last is None else self._shown(last)
        return ClusterReport(operation, dict(self._crew.nodes))

    def _shown(self, work: Work) -> Operation:
        """With what is in its way just now; a step forward has shown that nothing is."""
        stuck_at, trouble = self._stuck
        return replace(work.operation, trouble=trouble) if work == stuck_at else work.operation

    async def begin(self, asked: ChangeCluster) -> OperationBegun | NotPossible | KeyTaken:
        """Begins an operation, once per key. Raises StoreError, Fenced."""
        async with self._beginning:
            first, running = self._kept.begun_by(asked.keyed), self._kept.running
            if first is not None and asked.keyed is not None:
                same = first.content == asked.keyed.content
                return OperationBegun(self._shown(first), replayed=True) if same else KeyTaken()
            if running is not None:
                under_way = f"{running.operation.kind} ({running.operation.asked}) is under way: wait for its end"
                return NotPossible("invalid_state", under_way)
            now = await self._standing()
            plan = planned(asked, now)
            if isinstance(plan, NotPossible):
                return plan
            work = self._work(asked, plan)
            avoided = [node for node in dict.fromkeys((*self._kept.kept.avoided, *plan.avoided)) if node in now.nodes]
            await self._kept.put(self._with(work, plan, avoided))
            if plan.avoided:
                await self._crew.avoid(avoided)
            self._tasks.spawn(self._run(), f"operation {work.operation.number}")
            return OperationBegun(work.operation)

    async def _standing(self) -> Standing:
        crew = self._crew
        await crew.locate()
        return Standing(
            list(crew.shards), dict(crew.dedicated), await self._cluster.nodes(), dict(crew.nodes), crew.avoided
        )

    def _work(self, asked: ChangeCluster, plan: Plan) -> Work:
        last = self._kept.last
        operation = Operation(
            number=1 if last is None else last.operation.number + 1,
            kind=asked.kind,
            asked=plan.asked,
            by=asked.by,
            began_ms=now_ms(),
            shards_left=len(plan.replace),
        )
        keyed = asked.keyed
        key, content = (b"", b"") if keyed is None else (keyed.key, keyed.content)
        return Work(operation=operation, key=key, content=content, shards=plan.shards, replace=plan.replace)

    def _with(self, work: Work, plan: Plan, avoided: Sequence[str]) -> Kept:
        kept = self._kept.kept
        scaled = kept.scaled if plan.scaled is None else Scaled(self._settings.shards, plan.scaled)
        return Kept(scaled, tuple(avoided), (*kept.works, work))

    async def resume(self) -> None:
        """Goes on with what was under way when the earlier supervisor ended; nodes that are gone are avoided no more.

        Raises StoreError.
        """
        avoided = self._kept.kept.avoided
        if avoided:
            nodes = await self._cluster.nodes()
            await self._crew.avoid([node for node in avoided if node in nodes])
        if self._kept.running is not None:
            self._tasks.spawn(self._run(), "the operation under way")

    # --- until its end

    async def _run(self) -> None:
        """Until it is done, has failed, or is the business of the next supervisor."""
        failures = 0
        try:
            while (before := self._kept.running) is not None:
                trouble = await self._try(failing=failures >= self._settings.operation_tries)
                if not trouble:
                    return
                after = self._kept.running
                failures = 0 if after != before else failures + 1
                self._stuck = after, trouble
                log.warning("operation %d waits: %s", before.operation.number, trouble)
                await asyncio.sleep(self._settings.operation_rest_ms / 1000)
                await self._until_the_store_answers()
        except Fenced as refusal:
            self._term.lose(refusal)

    async def _try(self, failing: bool) -> str:
        """Carries it out as far as that is possible now; answers what is in the way, "" if nothing is.

        `failing`: it has been tried often enough, and is given up.
        """
        try:
            if failing:
                await self._give_up()
            else:
                await self._steps.carry_out()
                await self._end("done")
        except (ShardDied, SlotMoveFailed, ActivationFailed, StoreError, OSError) as failure:
            return _reason(failure)
        except Exception as failure:
            log.exception("a step of an operation failed")
            return _reason(failure)
        return ""

    async def _until_the_store_answers(self) -> None:
        """Raises Fenced if the term is over."""
        while True:
            try:
                await self._term.routing()
            except StoreUnavailable:
                await asyncio.sleep(self._settings.operation_rest_ms / 1000)
            else:
                return

    async def _end(self, state: Literal["done", "failed"], trouble: str = "") -> None:
        work = self._kept.under_way
        left = 0 if state == "done" else work.operation.slots_left
        operation = replace(work.operation, state=state, trouble=trouble, ended_ms=now_ms(), slots_left=left)
        await self._kept.progress(replace(work, operation=operation))
        log.warning("operation %d (%s) is %s", operation.number, operation.asked, state)
        try:
            await self._store.append_control([encode_control_entry(_entry(operation))])
        except StoreError as failure:
            log.warning("the control log does not tell of the end of operation %d: %s", operation.number, failure)

    async def _give_up(self) -> None:
        """It has failed: shards that have players stay, those without end, and so many there are to be from now on."""
        routing = await self._term.routing()
        self._steps.follow(routing)
        used = {*routing.slots, *routing.dedicated.values()}
        for shard_id in [name for name in {*self._crew.shards, *self._crew.live} if name not in used]:
            await self._steps.retire(shard_id)
        kept = self._kept.kept
        if kept.scaled is not None:
            await self._kept.put(replace(kept, scaled=Scaled(self._settings.shards, len(self._crew.shards))))
        await self._end("failed", self._stuck[1])


def _reason(failure: Exception) -> str:
    """In one line: what Ray says of a death has many, the last of which has the cause."""
    lines = str(failure).strip().splitlines() or [type(failure).__name__]
    return lines[-1].strip()[:REASON_CHARS_MAX]


def _entry(operation: Operation) -> ControlEntry:
    """What the control log tells of the end of an operation; who asked for it, and what it came to."""
    return ControlEntry(
        time_ms=operation.ended_ms,
        who=operation.by,
        role=ROLE,
        operation=f"cluster {operation.kind}",
        outcome=operation.state,
        subject=str(operation.number),
        after={
            "asked": operation.asked,
            "slots_moved": operation.slots_moved,
            "shards_replaced": operation.shards_done,
            "longest_wait_ms": operation.longest_wait_ms,
            "trouble": operation.trouble,
        },
    )
