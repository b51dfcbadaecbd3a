"""Going on without the store, and coming back (rule 16, docs/fallback.md): one incarnation's fallback log.

While the store is silent, batches are appended to a file on this host, if the supervisor has had that granted. The
first of them is the batch whose outcome is unknown: the store may have it, and then it is the same record. When the
store answers again, its log gets all of them in their order. Only then appends go to the store again.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from actors.host.clock import boottime_s, now_ms
from actors.metrics.shard import ShardMetrics
from actors.routing.breaker import Breaker
from actors.settings import ShardSettings
from actors.shard.ring import Ring
from snapshots.contract import ANY_CATALOG, AppendedRecord, FallbackGrant, Incarnation, LogHead, Store
from snapshots.errors import Fenced, LineageChanged, StoreRefused, StoreUnavailable, is_silence
from snapshots.fallback.file import RECORD_BYTES, file_name
from snapshots.fallback.log import FallbackLog

log = logging.getLogger("croupier.shard")

LOOK_S: Final = 0.1
"""How often, at most, the store is tried while its breaker lets nothing through."""
READ_AT_ONCE: Final = 256
KNOWN_BYTES_MAX: Final = 4 * 1_048_576
"""Of the last records that the store acknowledged, and may lose yet, the file gets so much."""


class Journal(Protocol):
    """What the fallback needs of the committer, whose log it continues."""

    inc: Incarnation
    head: LogHead
    following: bool
    """The store may stand elsewhere than `Fallback.store_head` says: `follow` comes before the next append to it."""

    def exclusive(self) -> asyncio.Lock:
        """Held while no append may begin."""

    def renewed(self, sent_at_s: float) -> None:
        """Nobody else had the shard at that time."""

    async def follow(self, in_flight: bytes | None) -> None:
        """The store has another history: makes its log stand where `Fallback.store_head` says."""


class Fallback:
    """`active`: batches are appended to the file now. `term` is that of the supervisor that had it granted, 0: of none.

    `store_head`: where the store's log stands while the file is in use, as far as it has acknowledged.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        settings: ShardSettings,
        breaker: Breaker,
        metrics: ShardMetrics,
        on_fenced: Callable[[str], None],
    ) -> None:
        self.active = False
        self.ring: Ring | None = None
        """Of a store that may lose what it has acknowledged."""
        self.term = 0
        self.store_head = LogHead()
        self._store, self._journal, self._breaker, self._metrics = store, journal, breaker, metrics
        self._on_fenced = on_fenced
        self._folder, self._bytes_max = Path(settings.fallback_dir), settings.fallback_bytes_max
        self._after_s = settings.fallback_after_ms / 1_000
        self._grant: FallbackGrant | None = None
        self._usable_at_s = 0.0
        self._bytes = 0
        self._log: FallbackLog | None = None
        self._given_up = False
        """The file has records that the store has, too, and its grant is given up, or about to be: it takes nothing."""
        self._draining = asyncio.Lock()
        """Whoever waits for it may hold `exclusive`, never the other way round."""
        self._ends: Fenced | None = None
        """Why the incarnation ends once everything is drained."""
        self._returning: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        metrics.gauges["shard_on_fallback"] = 0

    # --- the grant

    async def accept(self, term: int) -> None:
        """The supervisor of this term lets the shard go on without the store. The file exists before the store says so.

        The grant is used once the store can't lose it any more. Raises StoreError.
        """
        inc = self._journal.inc
        if self.active:
            raise StoreUnavailable("the fallback log is in use")
        if self._log is None:
            self._log = await FallbackLog.create(self._folder / file_name(inc), inc)
        elif self._given_up:
            await self._log.empty()
            self._given_up = False
        horizon_ms = await self._store.horizon_ms()
        grant = FallbackGrant(inc.nonce, term, socket.gethostname(), str(self._log.path.absolute()), now_ms())
        await self._store.grant_fallback(inc, grant)
        self._grant = grant
        self._usable_at_s = boottime_s() + horizon_ms / 1_000
        self.term = term

    @property
    def grant(self) -> FallbackGrant | None:
        """What keeps everybody away who does not ask for the file: a store that has lost it is told it again.

        None if there is nothing in the file, and nothing will be.
        """
        return self._grant if self.active or self.term else None

    async def give_up(self) -> None:
        """The shard goes nowhere without the store any more, so that another may take it. Raises StoreUnavailable."""
        async with self._journal.exclusive():
            if self.active:
                raise StoreUnavailable("the fallback log is in use")
            self.term = 0
            await self._store.give_up_fallback(self._journal.inc)

    def doubt(self, term: int | None = None) -> None:
        """There is a supervisor of a later term, or (None) the store may have lost the grant: a new one is needed."""
        if term is None or term > self.term:
            self.term = 0

    def end(self) -> None:
        """The incarnation has ended: the store is tried no more."""
        if self._returning is not None and self._returning is not asyncio.current_task():
            self._returning.cancel()
        if self._log is not None:
            self._closing = asyncio.get_running_loop().create_task(self.close(), name="fallback file")

    async def close(self, *, remove: bool = False) -> None:
        """The incarnation is over. `remove`: it has retired, and nobody needs its file."""
        file, self._log = self._log, None
        if file is not None:
            await (file.remove() if remove else file.close())

    # --- going over

    async def instead(self, failure: StoreUnavailable, since_s: float) -> bool:
        """Whether the batch that the store does not acknowledge is to be tried elsewhere now: in the file, or, if that
        takes nothing more, in the store again. `failure` is what it met now, `since_s` (monotonic) when it came.

        The caller holds `exclusive`. Fenced if a successor has sealed the file.
        """
        if not is_silence(failure):
            return False
        try:
            if self.active:
                await self._come_back()
                return True
            if time.monotonic() - since_s < self._after_s and self._breaker.state == "closed":
                return False
            return await self._begin()
        except StoreUnavailable as trouble:
            log.warning("neither store nor fallback log: %s", trouble)
            return False

    async def go_over(self) -> None:
        """The store has not answered for a while, and nothing waits to be written: those who only ask need no store.

        Raises as `instead`.
        """
        if not self._journal.exclusive().locked():
            async with self._journal.exclusive():
                if not self.active:
                    await self._begin()

    async def _begin(self) -> bool:
        """From now on batches go to the file; False if there is no grant. The caller holds `exclusive`.

        Raises Fenced if a successor has sealed the file, StoreUnavailable if the disk fails.
        """
        journal, file = self._journal, self._log
        if file is None or not self.term or boottime_s() < self._usable_at_s:
            return False
        known = [] if self.ring is None else self.ring.newest(KNOWN_BYTES_MAX)
        await file.begin(journal.inc, journal.head, known)
        self.store_head, self._bytes = journal.head, sum(map(_size, known))
        self._ends = None
        self._breaker.open("the shard goes on without the store")
        self._shown(True)
        log.warning("shard %s goes on without the store, in %s, behind record %d of %s",
                    journal.inc.shard_id, file.path, journal.head.seq, journal.inc.log_id)  # fmt: skip
        self._returning = asyncio.get_running_loop().create_task(self._return(), name="back to the store")
        return True

    async def append(self, record: AppendedRecord) -> LogHead:
        """As `Store.append`, to the file. StoreUnavailable if it has its size, or the disk fails: nothing is lost."""
        file = self._log
        assert file is not None
        self._check_kept()
        if self._bytes + _size(record) > self._bytes_max:
            raise StoreUnavailable(f"{file.path} has {self._bytes} bytes of {self._bytes_max}")
        try:
            head = await file.append(record)
        except StoreRefused as refusal:  # not the store's refusal: nobody gives up because of it
            raise StoreUnavailable(f"{file.path}: {refusal}") from refusal
        self._bytes += _size(record)
        self._metrics.counters["fallback_records"] += 1
        self._metrics.gauges["fallback_bytes"] = self._bytes
        return head

    async def confirm(self) -> None:
        """The heartbeat while the file is in use: it says whether anybody else may have the shard. Raises Fenced."""
        assert self._log is not None
        self._check_kept()
        sent_at = boottime_s()
        await self._log.confirm()
        self._journal.renewed(sent_at)

    # --- coming back

    async def _return(self) -> None:
        """Tries the store again and again. The larger part is drained while batches go on to the file."""
        while self.active:
            await asyncio.sleep(max(self._breaker.left_s, LOOK_S))
            if not self._breaker.allows():
                continue
            try:
                await self._drain()
                async with self._journal.exclusive():
                    await self._come_back()
            except StoreUnavailable as failure:
                self._breaker.failed(str(failure))
            except Fenced as refusal:
                self._on_fenced(str(refusal))
                return
            except Exception:
                log.exception("the fallback log can't be drained; it is tried again")
                self._breaker.failed("draining raised")

    async def _come_back(self) -> None:
        """Drains the rest, and appends go to the store again. The caller holds `exclusive`.

        Raises StoreUnavailable, Fenced; then the file stays in use, or is left to a successor.
        """
        if not self.active:
            return
        await self._drain()
        if self._ends is not None:
            raise self._ends
        file, journal = self._log, self._journal
        assert file is not None
        try:
            await self._store.heartbeat(journal.inc)
        except LineageChanged:
            await journal.follow(None)
        await self._empty(file)
        self._shown(False)
        self._breaker.succeeded()
        log.warning("shard %s: the store has all records of the fallback log, up to %d of %s",
                    journal.inc.shard_id, journal.head.seq, journal.inc.log_id)  # fmt: skip

    async def _empty(self, file: FallbackLog) -> None:
        """If the disk does not let it, the grant is given up instead: then nobody asks for the file."""
        try:
            await file.empty()
        except StoreUnavailable as failure:
            log.warning("%s can't be emptied, its grant is given up: %s", file.path, failure)
            self.term, self._given_up = 0, True
            await self._store.give_up_fallback(self._journal.inc)

    def _check_kept(self) -> None:
        """Whether the store still has the grant is not known before it answers, so nobody counts on the file."""
        if self._given_up:
            raise StoreUnavailable("the fallback log is given up")

    async def _drain(self) -> None:
        """Appends to the store what is in the file now, in its order; the store checks each sequence and hash."""
        file = self._log
        assert file is not None
        async with self._draining:
            try:
                while self.active and (records := await file.read(self.store_head.seq, READ_AT_ONCE)):
                    for record in records:
                        await self._put(record)
            except Fenced as refusal:
                inc, kept = self._journal.inc, f"{self.store_head.seq + 1} to {self._journal.head.seq}"
                log.error("shard %s: acknowledged records %s of %s are in %s; the store does not take them: %s",
                          inc.shard_id, kept, inc.log_id, file.path, refusal)  # fmt: skip
                raise

    async def _put(self, record: AppendedRecord) -> None:
        while True:
            try:
                if self._journal.following and self._ends is None:
                    await self._follow(record.payload)
                self.store_head = await self._store.append(
                    self._journal.inc, record.before, record.payload, ANY_CATALOG, record.tallies
                )
            except LineageChanged:
                await self._follow(record.payload)
            else:
                if self.ring is not None:
                    self.ring.add(*record)
                return

    async def _follow(self, in_flight: bytes) -> None:
        """If the incarnation may not go on with that history, the store still gets all that it takes before the end."""
        try:
            await self._journal.follow(in_flight)
        except Fenced as refusal:
            if self._ends is not None:
                raise
            self._ends = refusal

    def _shown(self, active: bool) -> None:
        self.active = active
        self._metrics.gauges["shard_on_fallback"] = int(active)
        if not active:
            self._bytes = 0
            self._metrics.gauges["fallback_bytes"] = 0


def _size(record: AppendedRecord) -> int:
    return len(record.payload) + RECORD_BYTES
