"""The reader that writes the archive: it takes records, checks their chain, and has them on the disk before it says so.

A record is settled when it is synced to the disk of the spool, together with the keys that its personal fields were
sealed under, and the keys of the players that it erases are destroyed. What comes again after a restart is known by its
position and dropped.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors.routing.breaker import Breaker
from feeds.archive.disk import Disk
from feeds.archive.keys import KeyBook
from feeds.archive.metrics import ArchiveMetrics
from feeds.archive.pending import Pending
from feeds.archive.resuming import resume
from feeds.archive.rewrapping import Rewrapping
from feeds.archive.settings import ArchiveSettings
from feeds.archive.spool import Spool, SpoolFull, advanced, frame
from feeds.archive.uploading import Uploader
from feeds.reading import Followed, Notes, SinkFailed
from snapshots.archive.format import Found, archived, encode_record, search
from snapshots.archive.index import End
from snapshots.archive.place import Bucket
from snapshots.contract import GENESIS, Position, next_hash
from snapshots.errors import CorruptLog, StoreError, StoreUnavailable

log = logging.getLogger("croupier.archive")

_Told = TypeVar("_Told")

BUFFER_BYTES_MAX = 4_194_304
"""Bytes that wait in memory for the disk; beyond, `take` waits."""
NOTES_AT_ONCE = 256
RETRY_S = 0.5


class ArchiveSink:
    """See `feeds.reading.Sink`."""

    def __init__(
        self,
        settings: ArchiveSettings,
        bucket: Bucket,
        notes: Notes,
        kek: bytes,
        metrics: ArchiveMetrics,
        disk: Disk | None = None,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1_000),
        previous: Sequence[bytes] = (),
        stored: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings, self._bucket, self._notes, self._metrics = settings, bucket, notes, metrics
        self._now_ms, self._segment_stored = now_ms, stored
        self._keys = KeyBook(notes, kek, previous)
        self._rewrapping = Rewrapping(notes, self._keys, metrics, self._wake) if previous else None
        self._spool = Spool(Path(settings.spool), settings.spool_bytes_max, disk)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive")
        self._breaker = Breaker("archive", settings.failures_max, settings.open_s)
        metrics.watch(self._breaker)
        self._uploader = Uploader(bucket, self._spool, self._thread, self._breaker, metrics)
        self._pending = Pending()
        self._buffer_max = min(BUFFER_BYTES_MAX, settings.spool_bytes_max // 4)
        self._taken: dict[str, End] = {}
        self._seen: set[str] = set()
        """Shards of which a record was taken in this life."""
        self._stored: dict[str, End] = {}
        self._settled: dict[str, Position] = {}
        self._next_number = 1
        self._begun_s = 0.0
        self._cut_ms = 0
        self._failure: SinkFailed | None = None
        self._more, self._room, self._room_on_disk = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Goes on where the spool stands. Raises SinkFailed if the spool is not to be had, or if neither the spool nor
        the archive can tell how far the archive has come.
        """
        try:
            standing = await resume(self._bucket, self._spool, self._on_disk, self._now_ms())
        except BaseException:
            await self._on_disk(self._spool.close)  # so that the next one can have it
            raise
        self._next_number, self._cut_ms = standing.number + 1, standing.cut_ms
        self._taken, self._stored = dict(standing.ends), dict(standing.ends)
        self._start(self._flushing)
        self._start(lambda: self._uploader.run(self._brought))
        if self._rewrapping is not None:
            self._start(self._rewrapping.run)

    async def take(self, followed: Followed) -> None:
        """Checks and seals one record; waits while memory or disk have no room. Raises SinkFailed."""
        while self._failure is None and self._pending.bytes >= self._buffer_max:
            self._room.clear()
            await self._room.wait()
        if self._failure is not None:
            raise self._failure
        record, shard_id = followed.record, followed.shard_id
        if next_hash(record.previous, record.payload) != record.hash:
            raise SinkFailed(f"Log {followed.log_id} record {record.seq} fails its hash: it can't be archived.")
        try:
            found = search(record.payload)
        except CorruptLog as error:
            raise SinkFailed(f"Log {followed.log_id} record {record.seq} can't be archived: {error}") from error
        known = self._taken.get(shard_id)
        if known is not None and (followed.position.epoch, followed.position.seq) <= known.place:
            self._metrics.duplicates.inc()
        else:
            self._check_chain(followed, known)
            await self._add(followed, found)
        self._seen.add(shard_id)
        await self._erase(found)
        self._pending.positions[shard_id] = followed.position
        self._more.set()

    async def _add(self, followed: Followed, found: Found) -> None:
        """`_taken` moves last: what comes in between is of other shards."""
        record, place = followed.record, (followed.shard_id, followed.position.epoch, followed.log_id)
        keys: Mapping[str, bytes | None] = {}
        if found.personal:
            keys = await self._known(self._keys.keys(dict.fromkeys(one.entry.player_id for one in found.personal)))
            self._metrics.sealed.inc(len(found.personal))
        end = End(followed.position.epoch, record.seq, followed.log_id, record.hash)
        self._pending.add(frame(encode_record(archived(place, record, found.personal, keys))), followed.shard_id, end)
        self._taken[followed.shard_id] = end

    async def _erase(self, found: Found) -> None:
        """In a record that comes again, too: the last life may have ended before the key was destroyed."""
        for player_id in found.erased:
            if await self._known(self._keys.erase(player_id)):
                self._metrics.erased.inc()

    async def _known(self, asked: Awaitable[_Told]) -> _Told:
        try:
            return await asked
        except StoreError as error:
            raise SinkFailed(f"Keys of players can't be read: {error}") from error

    def _check_chain(self, followed: Followed, known: End | None) -> None:
        """The record follows the one before it. What was lost before this life began is counted and told, and the
        archive goes on: nobody could bring it back. An archive may begin in the middle of a log.
        """
        record = followed.record
        if known is None:
            log.info(
                "the archive of shard %s begins with log %s record %d", followed.shard_id, followed.log_id, record.seq
            )
            return
        same = known.log_id == followed.log_id
        seq, previous = (known.seq, known.hash) if same else (0, GENESIS)
        if (record.seq, record.previous) == (seq + 1, previous):
            return
        message = f"log {followed.log_id}: record {record.seq} does not follow record {seq}, the last one archived"
        if same and followed.shard_id in self._seen:
            raise SinkFailed(f"The archive's chain is broken, {message}.")
        self._metrics.gaps.inc()
        log.error("records are missing in the archive, %s", message)

    def settled(self) -> Mapping[str, Position]:
        """By shard, what is on the disk for good."""
        return dict(self._settled)

    async def ask(self, request: bytes) -> bytes:
        """Whatever is asked: how the archive stands."""
        state = {
            "spool_bytes": self._spool.held_bytes,
            "segments_waiting": len(self._spool.waiting()),
            "breaker": self._breaker.state,
            "failure": None if self._failure is None else str(self._failure),
        }
        return msgspec.json.encode(state)

    async def close(self) -> None:
        """Ends. What is on the disk is brought away by the next one."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._on_disk(self._spool.close)
        self._thread.shutdown()

    # --- from memory to the disk

    async def _flushing(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._left_s()):
                    await self._more.wait()
            except TimeoutError:
                pass
            self._more.clear()
            if self._pending.positions or self._keys.changed:
                await self._flush()
            if self._spool.has_records and (self._due() or self._spool.open_bytes >= self._settings.segment_bytes):
                await self._cut()

    def _left_s(self) -> float | None:
        """Until the open file is to be cut for its age."""
        if not self._spool.has_records:
            return None
        return max(0.0, self._begun_s + self._settings.segment_age_s - time.monotonic())

    def _due(self) -> bool:
        return self._left_s() == 0.0

    async def _flush(self) -> None:
        """Keys first, new ones and destroyed ones, then the records that they belong to."""
        batch, self._pending = self._pending, Pending()
        keys = list(self._keys.changes().items())
        self._room.set()
        for begin in range(0, len(keys), NOTES_AT_ONCE):
            await self._write_notes(dict(keys[begin : begin + NOTES_AT_ONCE]))
        self._keys.written()
        if batch.frames:
            await self._append(b"".join(batch.frames))
            self._stored = advanced(self._stored, batch.ends)
            self._metrics.records.inc(len(batch.frames))
        self._settled |= batch.positions

    async def _write_notes(self, notes: Mapping[str, bytes]) -> None:
        while True:
            try:
                await self._notes.write(notes)
                return
            except StoreUnavailable as failure:
                log.warning("the archive's keys can't be written now: %s", failure)
                await asyncio.sleep(RETRY_S)
            except StoreError as error:
                raise SinkFailed(f"The archive's keys can't be written: {error}") from error

    async def _append(self, frames: bytes) -> None:
        """Waits until there is room (06, stop 6)."""
        while True:
            try:
                if not self._spool.writing:
                    await self._on_disk(self._spool.begin, self._next_number, self._stored)
                    self._next_number += 1
                    self._begun_s = time.monotonic()
                await self._on_disk(self._spool.append, frames)
                self._has_room()
                return
            except SpoolFull as failure:
                await self._no_room(failure)
            except OSError as error:
                raise SinkFailed(f"The archive's spool can't be written: {error}") from error

    async def _no_room(self, failure: SpoolFull) -> None:
        if not self._metrics.full:
            log.error("the archive takes no more records: %s", failure)
        self._metrics.show_full(True)
        if self._spool.writing and self._spool.has_records:
            await self._cut()
        self._room_on_disk.clear()
        try:
            async with asyncio.timeout(RETRY_S):
                await self._room_on_disk.wait()
        except TimeoutError:
            pass

    def _has_room(self) -> None:
        if self._metrics.full:
            log.warning("the archive takes records again")
        self._metrics.show_full(False)
        self._metrics.spool_bytes.set(self._spool.held_bytes)

    async def _cut(self) -> None:
        """A clock that goes back must not put a segment on an earlier day than the one before it."""
        self._cut_ms = max(self._cut_ms, self._now_ms())
        try:
            await self._on_disk(self._spool.cut, self._cut_ms)
        except OSError as error:
            raise SinkFailed(f"The archive's spool can't be written: {error}") from error
        self._uploader.wake()

    def _wake(self) -> None:
        """Keys have changed."""
        self._more.set()

    def _brought(self) -> None:
        self._metrics.spool_bytes.set(self._spool.held_bytes)
        self._room_on_disk.set()
        self._segment_stored()

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.get_running_loop().create_task(self._watched(work), name="archive")
        self._tasks.append(task)

    async def _watched(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever ends a task ends the sink: the next `take` says so."""
        try:
            await work()
        except SinkFailed as failure:
            self._failure = failure
        except Exception as error:
            log.exception("the archive failed")
            self._failure = SinkFailed(f"The archive failed: {error!r}")
        self._room.set()

    async def _on_disk(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
