"""What a shard does when a supervisor or a gateway asks it for something that is of no player."""

from actors.background.due_sweep import DueSweep
from actors.background.due_work import Scheduler
from actors.background.slot_counts import players_by_slot
from actors.shard.context import ShardContext
from actors.shard.shard import Shard
from actors.wire.cluster_requests import CountSlots, SlotCounts
from actors.wire.frames import (
    AbandonCatalog,
    ControlAnswer,
    ControlBody,
    Done,
    Failed,
    FinishCatalog,
    GiveUpFallback,
    GrantFallback,
    PrepareCatalog,
    RecordsLost,
    SetClock,
    ShardStatus,
)
from snapshots.errors import StoreUnavailable


async def carry_out(body: ControlBody, shard: Shard, scheduler: Scheduler, due_sweep: DueSweep) -> ControlAnswer:
    """The answer, once it is done. A shard whose store refuses to write tells its status and does nothing else."""
    if isinstance(body, ShardStatus):
        return shard.report()
    if shard.context.ended:
        return Failed("the store refuses to write")
    if isinstance(body, CountSlots):
        return SlotCounts(await players_by_slot(shard.context))
    if isinstance(body, PrepareCatalog):
        await _prepare(shard, body)
    elif isinstance(body, FinishCatalog):
        shard.swap.finish(body.number, body.version)
    elif isinstance(body, AbandonCatalog):
        shard.swap.abandon()
    elif isinstance(body, RecordsLost):
        shard.context.metrics.count("journal_records_lost", body.count)
    elif isinstance(body, SetClock):
        shard.context.advance_clock(body.offset_ms)
        await shard.swap.undisturbed(lambda: _do_all_due(scheduler, due_sweep))
        await shard.context.committer.until_idle()
    else:
        return Failed("a shard does not know this request")
    return Done()


async def _do_all_due(scheduler: Scheduler, due_sweep: DueSweep) -> None:
    await due_sweep.catch_up()
    await scheduler.catch_up(afresh=True)


async def _prepare(shard: Shard, body: PrepareCatalog) -> None:
    """Not while the shard goes on without the store: what it has decided is to be stored under the old catalog."""
    committer = shard.context.committer
    committer.check_stored()
    await shard.swap.prepare(body.number, body.version, body.due_since_ms)
    try:
        committer.check_stored()
    except StoreUnavailable:
        shard.swap.abandon()
        raise


async def change_grant(body: GrantFallback | GiveUpFallback, context: ShardContext) -> ControlAnswer:
    """The supervisor has it granted that the shard goes on without the store, or wants the grant back (rule 16)."""
    fallback = context.committer.fallback
    if fallback is None or context.ended:
        return Failed("this shard has no folder to fall back to, or has ended")
    await (fallback.accept(body.term) if isinstance(body, GrantFallback) else fallback.give_up())
    return Done()
