"""Group commit: entries gather while an append is in flight; replies leave only after their entries are durable.

Promises: a reply handed in with an entry is sent after the append that holds the entry; a reply that depends on an
undurable version waits for it; while an outcome is unknown only the identical batch is repeated; a definite refusal
ends the incarnation and answers everybody who waits `outcome_unknown`. A store that refuses to write ends it, too: who
waits is answered `journal_unavailable` if it is proved that nothing was written, else `outcome_unknown`. A store that
lost its tail gets it again first. While the store is silent, a shard that may do so appends to its fallback log
(`fallback`). (Rules 3, 4, 15 and 16 of the architecture.)
"""

import asyncio
import logging
import time
from collections.abc import Callable

from msgspec import Raw

from actors.host.clock import boottime_s
from actors.metrics.shard import ShardMetrics
from actors.outcome import Unavailable
from actors.routing.breaker import NUMBERS, Breaker
from actors.settings import ShardSettings
from actors.shard.attempts import FailedAttempts
from actors.shard.fallback import Fallback
from actors.shard.lease import Lease
from actors.shard.lineage import Lineage
from actors.shard.ring import Ring
from actors.wire.frames import Kind, Reply, ReplyTo, encode
from snapshots.codec import encode_batch
from snapshots.contract import NO_TALLIES, AppendedRecord, Incarnation, LogHead, Store, Tallies
from snapshots.errors import Fenced, LineageChanged, StoreUnavailable

log = logging.getLogger("croupier.shard")

OUTCOME_UNKNOWN = Raw(
    encode(
        Unavailable("outcome_unknown", "The shard lost its place before this was durable; repeat with the same key.")
    )
)


NOT_WRITTEN = Raw(
    encode(Unavailable("journal_unavailable", "The store refuses to write; nothing was written of this.", 2))
)

SILENCES_MAX, SILENT_S = 3, 0.5
"""After so many attempts without outcome the breaker of the journal opens, and lets one through each time so long."""
FIRST_PAUSE_S, PAUSE_MAX_S = 0.01, 0.5
CROWDED_FROM = 4
"""Entries of a batch from which on the next append waits one turn of the loop (decision 0009)."""
Waiting = tuple[ReplyTo, Reply]
Held = tuple[ReplyTo, Reply, bool]
"""A reply that waits for a batch; True if it acknowledges an entry of it, False if it also needs a fresh lease."""
BatchEntry = tuple[str, int, bytes]


class _Batch:
    __slots__ = ("entries", "number", "replies", "tallies")

    def __init__(self, number: int) -> None:
        self.number = number
        self.entries: list[BatchEntry] = []
        self.replies: list[Held] = []
        self.tallies: dict[str, int] = {}


class Committer:
    """The only writer of one incarnation's log.

    `durable` is the number of the last durable batch; an entry handed to `add` is durable once `durable` reaches
    the number `add` answered.
    """

    def __init__(
        self,
        store: Store,
        inc: Incarnation,
        lease: Lease,
        settings: ShardSettings,
        metrics: ShardMetrics,
        on_fenced: Callable[[str], None],
        on_refused: Callable[[str, Raw], None],
    ) -> None:
        """`on_refused` is told why the store refuses to write, and the answer for those who wait."""
        self.inc = inc
        self.head = LogHead()
        self.durable = 0
        self.ended = False
        self.transferring = False
        self.catalog_number = 0
        """The catalog everything pending was decided under (rule 14)."""
        self._store, self._lease, self._settings, self._metrics = store, lease, settings, metrics
        self._on_fenced, self._on_refused = on_fenced, on_refused
        self.breaker = Breaker("journal", SILENCES_MAX, SILENT_S)
        metrics.breakers["journal"] = lambda: NUMBERS[self.breaker.state]
        self.fallback = (
            Fallback(store, self, settings, self.breaker, metrics, on_fenced) if settings.fallback_dir else None
        )
        self._pending = _Batch(1)
        self._in_flight: _Batch | None = None
        self._in_flight_since = 0.0
        self._crowded = False
        """Whether the last batch was large, so that the next one is worth a turn of the loop."""
        self._lease_waiters: list[Waiting] = []
        self.lineage = ""
        """The name of the history that the store was last compared with; empty if it can't lose anything."""
        self._ring: Ring | None = None
        self._lineage: Lineage | None = None
        """Of a store that may lose its tail (rule 15)."""
        self._puts = 0
        """How often snapshots were put by the last time that the store has confirmed."""
        self._followed = 0
        """How often the store's position was compared because of another history."""
        self.following = False
        """The store may stand elsewhere: no append to it before its position was compared with the own head."""
        self._wake = asyncio.Event()
        self._durable_waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._exclusive = asyncio.Lock()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="committer")

    # --- the shard's side

    def add(
        self, entry: BatchEntry, reply_to: ReplyTo | None, reply: Reply | None, tallies: Tallies = NO_TALLIES
    ) -> int:
        """Takes an entry, the reply that acknowledges it, and the deltas to the store's counters that go with it.

        Answers the number of its batch.
        """
        pending = self._pending
        pending.entries.append(entry)
        if tallies:
            for name, delta in tallies.items():
                pending.tallies[name] = pending.tallies.get(name, 0) + delta
        if reply_to is not None and reply is not None:
            pending.replies.append((reply_to, reply, True))
        if self._in_flight is None:
            self._wake.set()
        return pending.number

    def tally(self, name: str, delta: int) -> None:
        """Adds to one of the store's counters with the entry that is added next."""
        tallies = self._pending.tallies
        tallies[name] = tallies.get(name, 0) + delta

    def reply_after(self, batch_number: int, reply_to: ReplyTo, reply: Reply) -> None:
        """Sends a reply that needs no append: after its player's last entry is durable, and under a fresh lease."""
        if self.ended:
            reply_to.reply(Reply(reply.rid, Kind.UNAVAILABLE, OUTCOME_UNKNOWN))
        elif batch_number > self.durable:
            in_flight = self._in_flight
            batch = in_flight if in_flight is not None and in_flight.number == batch_number else self._pending
            batch.replies.append((reply_to, reply, False))
        elif self._lease.fresh():
            reply_to.reply(reply)
        else:
            self._lease_waiters.append((reply_to, reply))

    @property
    def backlog(self) -> int:
        """What waits for the store: entries not yet durable, or the replies that wait, whichever are more."""
        batches = [self._pending] if self._in_flight is None else [self._pending, self._in_flight]
        waiting = len(self._lease_waiters) + sum(len(batch.replies) for batch in batches)
        return max(waiting, sum(len(batch.entries) for batch in batches))

    def superseded(self, inc: Incarnation) -> bool:
        """Whether a refusal of a call made as `inc` says nothing: a slot move is raising, or has raised, the epoch."""
        return self.transferring or inc != self.inc

    @property
    def on_fallback(self) -> bool:
        """Whether what is durable is in the fallback log, and the store may not have it yet (rule 16)."""
        return self.fallback is not None and self.fallback.active

    def check_stored(self) -> None:
        """Raises StoreUnavailable if what is durable may be in the fallback log only: the store would not tell it."""
        if self.on_fallback:
            raise StoreUnavailable("the shard goes on without the store just now")

    def stalled(self) -> bool:
        """Whether an append has been without outcome for too long."""
        since = self._in_flight_since
        return since != 0.0 and (time.monotonic() - since) * 1000 > self._settings.journal_stall_ms

    async def until_durable(self, batch_number: int) -> None:
        """Waits for a batch. Raises Fenced if the incarnation ends first."""
        if self.ended:
            raise Fenced("the incarnation has ended")
        if batch_number > self.durable:
            waiter = asyncio.get_running_loop().create_future()
            self._durable_waiters.append((batch_number, waiter))
            await waiter

    async def until_idle(self) -> None:
        """Waits until everything handed in so far is durable."""
        await self.until_durable(self._pending.number if self._pending.entries else self._pending.number - 1)

    def exclusive(self) -> asyncio.Lock:
        """Held while the incarnation changes (slot moves): no append starts meanwhile."""
        return self._exclusive

    def keep_ring(self, ring: Ring, lineage: Lineage, name: str) -> None:
        """The store may lose what it acknowledged: the last records are kept, to be appended again (rule 15).

        `name` is that of the store's history.
        """
        self._ring, self._lineage, self.lineage = ring, lineage, name
        if self.fallback is not None:
            self.fallback.ring = ring

    async def follow_lineage(self) -> None:
        """Another call than an append met a server of another history. Raises Fenced if it can't go on with it.

        Raises StoreUnavailable, too, while the fallback log is in use: whoever drains it compares.
        """
        followed = self._followed
        async with self._exclusive:
            self.check_stored()
            if followed == self._followed:  # else an append has met that server meanwhile
                await self.follow_alone()

    async def follow_alone(self) -> None:
        """As `follow_lineage`; the caller holds `exclusive`."""
        await self.follow(None)

    def snapshotted(self, puts: int) -> None:
        """The store has confirmed snapshots, its put number `puts`: memory, and the next checkpoint, count on them."""
        self._puts = max(puts, self._puts)

    async def append_alone(self, payload: bytes) -> None:
        """Appends a record of its own, to the store only; the caller holds `exclusive`.

        Raises StoreUnavailable, and nothing was written, if the shard goes on without the store just now.
        """
        self.check_stored()
        await self._append(payload)

    def renewed(self, sent_at_s: float) -> None:
        """The store confirmed the incarnation: replies that waited for a fresh lease leave."""
        self._lease.renew(sent_at_s)
        if self._lease_waiters and self._lease.fresh():
            waiting, self._lease_waiters = self._lease_waiters, []
            for reply_to, reply in waiting:
                reply_to.reply(reply)

    def end(self, reason: str, answer: Raw = OUTCOME_UNKNOWN) -> None:
        """Stops for good: nothing is acknowledged any more, everybody who waits gets the answer."""
        if self.ended:
            return
        self.ended = True
        self._task.cancel()
        if self.fallback is not None:
            self.fallback.end()
        batches = [batch for batch in (self._in_flight, self._pending) if batch is not None]
        held = [(reply_to, reply) for batch in batches for reply_to, reply, _ in batch.replies]
        for reply_to, reply in [*self._lease_waiters, *held]:
            reply_to.reply(Reply(reply.rid, Kind.UNAVAILABLE, answer))
        for _, waiter in self._durable_waiters:
            if not waiter.done():
                waiter.set_exception(Fenced(reason))
        self._lease_waiters, self._durable_waiters = [], []

    # --- the loop

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._pending.entries:
                    if self._crowded:
                        await asyncio.sleep(0)  # a frame that has come joins this append
                    await self._commit()
            except Fenced as refusal:
                if self.ended:  # it was told already why
                    return
                log.warning("fenced: %s", refusal)
                self._on_fenced(str(refusal))
                return
            except Exception:
                log.exception("the committer failed; the incarnation ends")
                self._on_fenced("internal error in the committer")
                return

    async def _commit(self) -> None:
        async with self._exclusive:
            batch = self._take()
            self._in_flight, self._in_flight_since = batch, time.monotonic()
            await self._append(encode_batch(batch.entries), batch.tallies, self.fallback)
            self._in_flight, self._in_flight_since = None, 0.0
        self._crowded = len(batch.entries) >= CROWDED_FROM
        self.durable = batch.number
        self._metrics.batch_size.observe(len(batch.entries))
        self._release(batch)
        if self._durable_waiters:
            self._tell_waiters()

    def _release(self, batch: _Batch) -> None:
        """Acknowledgements leave now; reads, replays and refusals only if the append was answered within the lease."""
        fresh = self._lease.fresh()
        for reply_to, reply, acknowledges in batch.replies:
            if fresh or acknowledges:
                reply_to.reply(reply)
            else:
                self._lease_waiters.append((reply_to, reply))

    def _take(self) -> _Batch:
        """The pending batch, whole: gathering is bounded by `pending_entries_max`, so that a batch is, too."""
        batch, self._pending = self._pending, _Batch(self._pending.number + 1)
        return batch

    def _tell_waiters(self) -> None:
        reached = [waiter for number, waiter in self._durable_waiters if number <= self.durable]
        self._durable_waiters = [entry for entry in self._durable_waiters if entry[0] > self.durable]
        for waiter in reached:
            if not waiter.done():
                waiter.set_result(None)

    async def _append(self, payload: bytes, tallies: Tallies = NO_TALLIES, fallback: Fallback | None = None) -> None:
        """Repeats the identical batch until its outcome is known; where there is a `fallback`, it may go there.

        Raises Fenced if it was refused for good, or if the store has refused to write for `journal_refused_ms`.
        While the breaker is open it waits for the probe.
        """
        pause_s, failed = FIRST_PAUSE_S, None
        while True:
            sent_at, started = boottime_s(), time.perf_counter()
            try:
                await self._write(payload, tallies)
            except StoreUnavailable as failure:
                failed = failed or FailedAttempts(self._metrics)
                just_noticed = isinstance(failure, LineageChanged) and not self.following
                self._failed(failed, failure)
                if fallback is not None and await fallback.instead(failure, self._in_flight_since):
                    continue
                if just_noticed:
                    pause_s = FIRST_PAUSE_S  # the store answers: players wait for nothing but the comparison
                await asyncio.sleep(max(pause_s, self.breaker.left_s))
                self.breaker.allows()
                pause_s = min(pause_s * 2, PAUSE_MAX_S)
            else:
                self._metrics.journal_commit.observe(time.perf_counter() - started)
                self.renewed(sent_at)
                if failed is not None and not self.on_fallback:
                    self.breaker.succeeded()
                    failed.over()
                return

    async def _write(self, payload: bytes, tallies: Tallies) -> None:
        """One attempt, where the log goes on at the moment."""
        before, number = self.head, self.catalog_number
        if self.fallback is not None and self.fallback.active:
            self.head = await self.fallback.append(AppendedRecord(before, payload, tallies))
            return
        if self.following:
            await self.follow(payload)
        self.head = await self._store.append(self.inc, before, payload, number, tallies)
        if self._ring is not None:
            self._ring.add(before, payload, tallies)

    async def follow(self, in_flight: bytes | None) -> None:
        """Makes the store's log stand where this one stands, or, while the fallback log is in use, where that says.

        The caller holds `exclusive`, or the shard has ended, or appends go elsewhere.
        """
        assert self._lineage is not None
        self.following = True  # until the end of it: what is cut off is begun anew
        head = self.fallback.store_head if self.fallback is not None and self.fallback.active else self.head
        self.lineage = await self._lineage.follow(self.inc, head, in_flight, self._puts)
        if self.fallback is not None:
            self.fallback.doubt()
        self.following = False
        self._followed += 1

    def _failed(self, failed: FailedAttempts, failure: StoreUnavailable) -> None:
        """Returns if the append is to be repeated.

        Else the store answers, and writes nothing: what is in memory and not in the log will never be (rule 3).
        """
        if isinstance(failure, LineageChanged):
            self.following = True
            return
        self.breaker.failed(str(failure))
        failed.add(failure, time.monotonic())
        if failed.refused_for(self._settings.journal_refused_ms, time.monotonic()):
            self._on_refused(str(failure), OUTCOME_UNKNOWN if failed.may_be_written else NOT_WRITTEN)
            raise Fenced(f"the store refuses to write: {failure}")
