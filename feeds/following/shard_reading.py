"""One shard name, log after log in the order of their epochs, each to its end; every record checked, then passed on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from actors.host.clock import now_ms
from feeds.following.handing import Handovers, Progress
from feeds.following.metrics import ReaderMetrics
from feeds.following.stopped import StoppedPlayers
from feeds.following.versions import Versions
from feeds.following.view import JournalView
from feeds.reading import Followed
from snapshots.codec import KeyedEntry, decode_entry, read_batch
from snapshots.contract import GENESIS, LogInfo, LogRecord, Position, Store, next_hash
from snapshots.errors import Corrupt, CorruptLog, Fenced, StoreError
from snapshots.rows import log_origin

log = logging.getLogger("croupier.reader")

PAGE_BYTES = 2 * 1024 * 1024
PAGE_RECORDS_MAX = 1_000
PAGE_RECORDS_FIRST = 16
RETRY_S = 0.5
STALLED_S = 10.0
"""How long a shard rests whose log can't be read."""


class Archived(Protocol):
    """Records that the store has no more, as they were written; verified."""

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """Records with seq > after_seq in order, at most `limit`; empty if there are none yet. Raises StoreError."""


class Trimmed(StoreError):
    """Records that this reader has not read are gone from the store, and the archive does not have them."""


class Reading:
    """What the readings of all shards share. `positions` is how far each has been passed on."""

    def __init__(
        self,
        store: Store,
        archived: Archived | None,
        take: Callable[[Followed], Awaitable[None]],
        metrics: ReaderMetrics,
        view: JournalView,
        positions: dict[str, Position],
        stopped: StoppedPlayers,
        confirm: Callable[[], Awaitable[None]],
    ) -> None:
        self.store, self.archived, self.take, self.metrics = store, archived, take, metrics
        self.confirm = confirm
        """Raises Fenced if another process has claimed the reader. Ask it before anything is called lost: the records
        may be gone because that one has read them.
        """
        self.view, self.positions = view, positions
        self.progress, self.looked = Progress(), Progress()
        self.handovers = Handovers(store, positions)
        self.versions = Versions(stopped)
        self.handed: dict[str, Position] = {}
        """By shard, the last record that the sink was given."""
        self.first_ages: dict[str, float] = {}
        """By shard, how old the first record was when it was given (s)."""


class ShardReading:
    """The task of one shard."""

    def __init__(self, reading: Reading, shard_id: str) -> None:
        self._reading, self._shard_id = reading, shard_id
        self._hash: bytes | None = None
        """Of the record at the position; None while it is not known."""
        self._page_records = PAGE_RECORDS_FIRST
        self._stalled = ""

    @property
    def position(self) -> Position:
        """The last record that was passed on."""
        return self._reading.positions.get(self._shard_id, Position(0, 0))

    async def run(self) -> None:
        """Reads until it is cancelled. Raises Fenced, and what `take` raises."""
        while True:
            looks = self._reading.view.looks
            try:
                advanced = await self._advance()
            except (Trimmed, Corrupt) as failure:
                self._report_stall(failure)
                await asyncio.sleep(STALLED_S)
            except Fenced:
                raise
            except StoreError as failure:
                log.warning("shard %s can't be read: %s", self._shard_id, failure)
                self._reading.metrics.stalled("store_unavailable")
                await asyncio.sleep(RETRY_S)
            else:
                if not advanced and looks == self._reading.view.looks:
                    await self._reading.looked.wait()

    def _report_stall(self, failure: StoreError) -> None:
        reason = "trimmed" if isinstance(failure, Trimmed) else "corrupt"
        self._reading.metrics.stalled(reason)
        if str(failure) != self._stalled:
            log.error("shard %s is not read any further: %s", self._shard_id, failure)
        self._stalled = str(failure)

    async def _advance(self) -> bool:
        """One page, or one step to the next log; False if there is nothing to do now."""
        view, position = self._reading.view, self.position
        info = view.at(self._shard_id, position.epoch)
        if info is None:
            return False
        epoch = log_origin(info.log_id)[1]
        if epoch > position.epoch:  # logs in between are gone because all readers had passed them, or never were
            self._move(Position(epoch, 0), GENESIS)
            return True
        safe_seq = view.safe_seq(info.log_id)
        if position.seq < safe_seq:
            return await self._read_page(info, min(safe_seq - position.seq, self._page_records))
        following = view.at(self._shard_id, epoch + 1)
        if following is None or not view.is_over(info.log_id) or position.seq < info.last_seq:
            return False
        self._move(Position(log_origin(following.log_id)[1], 0), GENESIS)
        return True

    def _move(self, to: Position, record_hash: bytes | None) -> None:
        self._hash = record_hash
        self._reading.positions[self._shard_id] = to
        self._reading.progress.made()

    # --- a page

    async def _read_page(self, info: LogInfo, limit: int) -> bool:
        after_seq = self.position.seq
        stored = after_seq >= info.trimmed_seq
        if not stored and self._reading.archived is None:
            await self._reading.confirm()
            self._skip(info)
            return True
        if stored:
            records = await self._reading.store.read_log(info.log_id, after_seq, limit)
            if records and records[0].seq > after_seq + 1:  # trimmed since the logs were listed
                return False
        else:
            records = await self._read_archived(self._reading.archived, info, limit)
        if not records:
            return False
        await self._reading.handovers.refresh()
        for record in records:
            self._check(info, record, stored)
            await self._pass_on(info, record)
        self._adapt(records)
        self._stalled = ""
        return True

    def _skip(self, info: LogInfo) -> None:
        """Goes on behind the trim point. Whoever runs without an archive has chosen that what is trimmed is gone."""
        log.error("%s; there is no archive, so they are lost to this reader", _trimmed(info, self.position.seq))
        self._reading.metrics.stalled("trimmed")
        self._reading.versions.forget()
        self._move(Position(self.position.epoch, info.trimmed_seq), None)

    async def _read_archived(self, archived: Archived | None, info: LogInfo, limit: int) -> Sequence[LogRecord]:
        assert archived is not None
        records = await archived.read_log(info.log_id, self.position.seq, limit)
        if not records:
            await self._reading.confirm()
            raise Trimmed(
                f"{_trimmed(info, self.position.seq)}, and the archive does not have them;"
                " start once with --no-archive to go on without them"
            )
        return records

    def _check(self, info: LogInfo, record: LogRecord, stored: bool) -> None:
        """The record continues the chain. What comes from an archive was verified there, and may lack what was erased.

        Raises CorruptLog.
        """
        name = f"log {info.log_id} record {record.seq}"
        if record.seq != self.position.seq + 1:
            raise CorruptLog(f"{name}: follows record {self.position.seq}")
        known = self._hash if self.position.seq else GENESIS
        if known is not None and record.previous != known:
            raise CorruptLog(f"{name}: does not continue the chain")
        if stored and record.hash != next_hash(record.previous, record.payload):
            raise CorruptLog(f"{name}: its bytes do not match its hash")

    async def _pass_on(self, info: LogInfo, record: LogRecord) -> None:
        reading, at = self._reading, Position(log_origin(info.log_id)[1], record.seq)
        entries: Sequence[KeyedEntry] = read_batch(record.payload).entries
        while reading.handovers.hold(self._shard_id, at, entries):
            await reading.progress.wait()
        entries = reading.versions.passing(entries, checked=at > reading.view.first_end(self._shard_id))
        await reading.versions.stopped.noted()
        if self._shard_id not in reading.handed and entries:
            reading.first_ages[self._shard_id] = _age_s(entries[0])
        reading.handed[self._shard_id] = at
        await reading.take(Followed(self._shard_id, info.log_id, at, record, entries))
        reading.metrics.read(len(record.payload))
        self._move(at, record.hash)

    def _adapt(self, records: Sequence[LogRecord]) -> None:
        """So many records at once that a page has about `PAGE_BYTES`."""
        mean = max(1, sum(len(record.payload) for record in records) // len(records))
        self._page_records = max(1, min(PAGE_RECORDS_MAX, 2 * self._page_records, PAGE_BYTES // mean))


def _trimmed(info: LogInfo, seq: int) -> str:
    return f"records {seq + 1} to {info.trimmed_seq} of log {info.log_id} are gone from the store"


def _age_s(entry: KeyedEntry) -> float:
    """How old an entry is by the player's time. 0 if it can't be read, which is the sink's to say."""
    try:
        return max(0.0, (now_ms() - decode_entry(entry).time_ms) / 1000)
    except CorruptLog:
        return 0.0
