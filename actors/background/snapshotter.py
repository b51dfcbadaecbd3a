"""Snapshots in the background: small slices, durable versions only, two generations, then checkpoint and trim.

A round snapshots every player that owes one. After a round the newest generations cover all that was in the log when
it began (the checkpoint); both generations cover all that was in the log when the round before it began (the trim
point). Rules 8 and 9 of the architecture.

A round takes a bounded share of the CPU: after each slice it rests in proportion to what that took. It rests no more
when somebody waits for it to end, or when the log has grown by a round's worth of entries meanwhile.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from msgspec.structs import replace

from actors.host.cpu_time import metered
from actors.host.trouble import Trouble
from actors.shard.context import ShardContext
from snapshots.codec import encode_snapshot
from snapshots.contract import SnapshotRecord
from snapshots.errors import Fenced, StoreUnavailable

log = logging.getLogger("croupier.shard")

PASSIVATION_SLICE = 256
TICKS_OF_A_SECOND = 10
ROOM_SHARE = 50
"""When there are too many players in memory, a 50th of those that may be there leaves on top, so that it is rare."""
CLEAN_TRIES = 4
WHOLE_CORE = 100
"""Percent."""


class Snapshotter:
    """One shard's background writer. `run` goes on until cancelled; `clean` is for drains and moves."""

    def __init__(self, context: ShardContext, arrive: Callable[[str], Awaitable[None]]) -> None:
        self._context, self._arrive = context, arrive
        self._round_began_seq = 0
        self._trimmed_seq = 0
        self._rounds = asyncio.Lock()
        self._missed: set[str] = set()
        """Who owed in the round under way and could not be loaded to be written."""
        self._waiting = 0
        """How many wait for a round to end, or write themselves."""
        self._unrested_s = 0.0
        self._hurries_at = 0
        """How many commands have been accepted when the round under way rests no more."""

    async def run(self) -> None:
        """Settles inherited tails, then a round and a sweep of idle players at every interval."""
        trouble = Trouble(log, "snapshots wait for the store")
        while True:
            inc = self._context.inc
            try:
                await self._adopt_tails()
                await self.round()
                await self._passivate()
                trouble.over()
            except StoreUnavailable as failure:
                trouble.met(failure)
            except Fenced as refusal:
                if not self._context.committer.superseded(inc):
                    self._context.end(str(refusal))
                    return
            except Exception:
                log.exception("a snapshot round failed; the next one tries again")
            await self._pause()

    async def _pause(self) -> None:
        settings, began = self._context.settings, self._context.committer.head.seq
        accepted = self._accepted
        for tick in range(max(1, settings.snapshot_interval_ms // 100)):
            await asyncio.sleep(min(0.1, settings.snapshot_interval_ms / 1000))
            if self._accepted - accepted >= settings.snapshot_entries and self._context.committer.head.seq > began:
                return
            if tick % TICKS_OF_A_SECOND == TICKS_OF_A_SECOND - 1 and self._too_many() > 0:
                return

    def _too_many(self) -> int:
        return len(self._context.residents) - self._context.settings.residents_max

    @property
    def _accepted(self) -> int:
        return self._context.metrics.counters["shard_commands_accepted"]

    async def round(self) -> None:
        """Snapshots every player that owes one, then moves checkpoint and trim point.

        While bets are stopped because the store is full, it asks to trim each time: what the archive held back may be
        read by now, and perhaps nobody sends anything that would lead to it.
        """
        async with self._rounds:
            context = self._context
            context.committer.check_stored()  # snapshots never speak of what only a fallback log has (rule 16)
            began_seq = context.committer.head.seq
            self._hurries_at = self._accepted + context.settings.snapshot_entries
            self._missed.clear()
            await self._write(list(context.residents.dirty))
            if self._missed or any(player_id not in context.residents.by_id for player_id in context.residents.dirty):
                return  # a quarantined player still owes: its entries must stay in the log
            trim_seq = self._round_began_seq
            if began_seq > context.checkpoint_seq or trim_seq > self._trimmed_seq or context.bets_stopped:
                await context.store.checkpoint(context.inc, began_seq, trim_seq)
                context.covered(began_seq)
                self._trimmed_seq = trim_seq
            self._round_began_seq = began_seq

    async def clean(self, player_ids: Sequence[str]) -> None:
        """Writes both generations of these players, so that nothing in any log is needed for them.

        A player that goes on playing meanwhile, or can't be loaded, stays dirty: the caller looks.
        """
        async with self.undisturbed():
            await self.clean_now(player_ids)

    @asynccontextmanager
    async def undisturbed(self) -> AsyncIterator[None]:
        """Within it no round begins; one that is under way hurries to its end first."""
        self._waiting += 1
        try:
            async with self._rounds:
                yield
        finally:
            self._waiting -= 1

    async def clean_now(self, player_ids: Sequence[str]) -> None:
        """As `clean`, for whoever is undisturbed already."""
        owing = list(player_ids)
        for _ in range(CLEAN_TRIES):
            await self._write(owing)
            owing = [player_id for player_id in owing if player_id in self._context.residents.dirty]

    async def _write(self, player_ids: Sequence[str]) -> None:
        size = self._context.settings.snapshot_batch
        for start in range(0, len(player_ids), size):
            await metered(self._write_batch(player_ids[start : start + size]), self._spend)

    def _spend(self, cpu_s: float) -> None:
        self._context.metrics.snapshot_cpu_s += cpu_s
        self._unrested_s += cpu_s

    async def _rest(self) -> None:
        """Others have the loop: for one turn, or for as long as the round needs to keep to its share of the CPU."""
        await asyncio.sleep(0)  # what the slice took is known only now
        spent_s, self._unrested_s = self._unrested_s, 0.0
        hurried = self._waiting or self._context.draining or self._accepted >= self._hurries_at
        percent = self._context.settings.snapshot_cpu_percent_max
        if not hurried and percent < WHOLE_CORE:
            await asyncio.sleep(spent_s * (WHOLE_CORE - percent) / percent)

    async def _write_batch(self, player_ids: Sequence[str]) -> None:
        """Encodes in slices, so that no spin waits for long; stores once the versions encoded are durable."""
        context, records, last_batch = self._context, list[SnapshotRecord](), 0
        for index, player_id in enumerate(player_ids):
            if index % context.settings.snapshot_slice == 0:
                await self._rest()
            resident = context.residents.by_id.get(player_id)
            if resident is None:
                await self._arrive(player_id)
                resident = context.residents.by_id.get(player_id)
            if resident is None:
                self._missed.add(player_id)
            elif player_id in context.residents.dirty:
                due_ms = context.scheduled.due_of(resident, context.catalog)
                records.append(replace(encode_snapshot(resident.player), due_ms=due_ms))
                last_batch = max(last_batch, resident.batch)
        if records:
            await context.committer.until_durable(last_batch)
            context.committer.check_stored()
            self._paid(records, await context.store.put_snapshots(context.inc, records))

    def _paid(self, records: Sequence[SnapshotRecord], puts: int) -> None:
        context = self._context
        context.metrics.count("shard_snapshots_written", len(records))
        context.committer.snapshotted(puts)
        for record in records:
            context.residents.paid(record.player_id, record.version)
            if (resident := context.residents.by_id.get(record.player_id)) is not None:
                resident.indexed_ms = record.due_ms
            if record.player_id not in context.residents.dirty:
                context.tails.drop(record.player_id)

    async def _adopt_tails(self) -> None:
        """Loads the players a dead incarnation left behind, so that their entries become snapshots."""
        for player_id in self._context.tails.players():
            if not self._context.ownership.owns(player_id):
                self._context.tails.drop(player_id)
            elif player_id not in self._context.residents.by_id:
                await self._arrive(player_id)

    async def _passivate(self) -> None:
        """Drops idle players, and the least used above the bound, each only after its snapshot is confirmed."""
        context = self._context
        settings, residents = context.settings, context.residents
        too_many = self._too_many()
        leaving = residents.least_used(too_many + settings.residents_max // ROOM_SHARE) if too_many > 0 else []
        leaving += residents.idle_since(context.now() - settings.passivate_after_ms, PASSIVATION_SLICE)
        versions = {
            player_id: residents.by_id[player_id].player.state.version
            for player_id in leaving
            if player_id in residents.by_id
        }
        await self.index(list(versions))
        self.let_go(versions)

    async def index(self, player_ids: Sequence[str]) -> None:
        """Writes whoever of these owes a snapshot, or has a due time that the index in the store doesn't tell.

        The catalog in force may have made due what the newest snapshot knows nothing of (rule 12).
        """
        context, residents = self._context, self._context.residents
        for player_id in player_ids:
            resident = residents.by_id.get(player_id)
            differs = (
                resident is not None and context.scheduled.due_of(resident, context.catalog) != resident.indexed_ms
            )
            if differs and context.ownership.owns(player_id):  # who is leaving is written once, by the move
                residents.owe_index(player_id)
        await self.clean([player_id for player_id in player_ids if player_id in residents.dirty])

    def let_go(self, versions: Mapping[str, int]) -> None:
        """Drops players from memory, each only if snapshots of its version are confirmed and nothing happens to it."""
        context, residents = self._context, self._context.residents
        for player_id, version in versions.items():
            resident = residents.by_id.get(player_id)
            busy = resident is not None and resident.waiting is not None
            if resident is None or busy or player_id in residents.dirty or resident.player.state.version != version:
                continue
            residents.evict(player_id)
            context.scheduled.forget(player_id)
            context.metrics.count("shard_players_passivated")
        context.metrics.gauges["shard_resident_players"] = len(residents)
