"""Reading the archive: a log behind its trim point, and what became of a player."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import msgspec

from snapshots.archive.catalogue import Catalogue
from snapshots.archive.finding import blocks_of
from snapshots.archive.format import ArchivedRecord, ReadRecord, opened, public_payload
from snapshots.archive.index import End, Head
from snapshots.archive.place import Bucket
from snapshots.archive.sealing import KeyRing
from snapshots.archive.segment import read_block
from snapshots.codec import KeyedEntry, decode_batch
from snapshots.contract import LogInfo, Position
from snapshots.errors import ArchiveBehind

LOOKED_BACK_MAX = 64
"""Segments that are looked into before the one that was found, which an archiver may have stored that was replaced
since: what it says of other shards is older than what is said before it.
"""
PLACES_KEPT_MAX = 256
BLOCKS_KEPT_MAX = 4


class ArchivedLog(msgspec.Struct, frozen=True):
    """A log that the archive holds up to `last_seq`; `complete`: a later one of its shard is there, so it has ended."""

    log_id: str
    epoch: int
    last_seq: int
    complete: bool


class _Place(msgspec.Struct, frozen=True):
    """Where the records of a log after `seq` begin."""

    seq: int
    head: Head
    block: int


class ArchivedRecords:
    """One archive, for reading. Without `keys` personal fields stay sealed: entries come without them."""

    def __init__(self, bucket: Bucket, keys: KeyRing | None = None) -> None:
        self._bucket, self._keys = bucket, keys
        self._catalogue = Catalogue(bucket)
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._blocks: OrderedDict[tuple[str, int], Sequence[ArchivedRecord]] = OrderedDict()

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[ReadRecord]:
        """Records with seq > after_seq in order, at most `limit`: the journal's own bytes, verified.

        Fewer than `limit` does not mean the end; an empty answer means that nothing more is stored yet. A record that
        names players in `erased` lacks their personal fields and does not match its hash. Raises ArchiveUnavailable,
        CorruptArchive, StoreError.
        """
        place = await self._find(log_id, after_seq)
        if place is None:
            return []
        found: list[ArchivedRecord] = []
        block = place.block
        while not found and block < len(place.head.blocks):
            records = await self._block(place.head, block)
            found = [record for record in records if record.log_id == log_id and record.seq > after_seq][:limit]
            block += 1
        if found:
            self._remember(log_id, _Place(found[-1].seq, place.head, block - 1))
        return [await self._opened(record) for record in found]

    async def logs(self, shard_id: str, after: Position) -> Sequence[ArchivedLog]:
        """The shard's logs from epoch `after.epoch` on that hold anything, in the order of their epochs.

        Raises ArchiveUnavailable, CorruptArchive.
        """
        newest = await self._catalogue.newest()
        end = newest.ends.get(shard_id) if newest is not None else None
        found: list[ArchivedLog] = []
        while end is not None and end.epoch >= after.epoch:
            found.insert(0, ArchivedLog(end.log_id, end.epoch, end.seq, bool(found)))
            end = await self._end_before(shard_id, end.epoch)
        return found

    async def ends(self) -> Mapping[str, End]:
        """How far the archive's segments go, by shard. Raises ArchiveUnavailable, CorruptArchive."""
        newest = await self._catalogue.newest()
        return {} if newest is None else newest.ends

    async def history(
        self, player_id: str, since_ms: int, cursors: Mapping[str, Position], logs: Sequence[LogInfo]
    ) -> list[KeyedEntry]:
        """See `snapshots.recovery.PlayerArchive`."""
        demand_overlap(await self.ends(), cursors, logs)
        return await self.player_entries(player_id, since_ms)

    async def player_entries(self, player_id: str, since_ms: int) -> list[KeyedEntry]:
        """A player's entries without personal fields, from all that was archived since the day of `since_ms` (Unix ms).

        Raises ArchiveUnavailable, CorruptArchive.
        """
        found: list[KeyedEntry] = []
        for place in await blocks_of(self._bucket, player_id, since_ms):
            frame = await self._bucket.get_range(place.segment, place.offset, place.length)
            for record in read_block(frame):
                found += [entry for entry in decode_batch(public_payload(record)) if entry.player_id == player_id]
        return found

    async def _find(self, log_id: str, after_seq: int) -> _Place | None:
        known = self._places.get(log_id)
        if known is not None and known.seq <= after_seq < known.head.logs[log_id].last_seq:
            return known
        shard_id, _, epoch = log_id.rpartition("-")
        wanted = int(epoch), after_seq + 1

        def reaches(head: Head) -> bool:
            end = head.ends.get(shard_id)
            return end is not None and end.place >= wanted

        head = await self._catalogue.first(reaches)
        for _ in range(LOOKED_BACK_MAX):
            if head is None or _holds(head, log_id, after_seq + 1):
                break
            head = await self._catalogue.before(head)
        span = head.logs.get(log_id) if head is not None else None
        return _Place(after_seq, head, span.first_block) if head is not None and span is not None else None

    async def _end_before(self, shard_id: str, epoch: int) -> End | None:
        """How far the archive had come with the shard before it had anything of `epoch`."""

        def begins(head: Head) -> bool:
            end = head.ends.get(shard_id)
            return end is not None and end.epoch >= epoch

        head = await self._catalogue.first(begins)
        if head is None:
            return None
        within = [
            End(_epoch(log_id), span.last_seq, log_id, b"")
            for log_id, span in head.logs.items()
            if span.shard_id == shard_id and _epoch(log_id) < epoch
        ]
        if within:
            return max(within, key=lambda end: end.epoch)
        before = await self._catalogue.before(head)
        return before.ends.get(shard_id) if before is not None else None

    async def _block(self, head: Head, block: int) -> Sequence[ArchivedRecord]:
        key = head.segment, block
        if key not in self._blocks:
            self._blocks[key] = await self._read_block(head, block)
            if len(self._blocks) > BLOCKS_KEPT_MAX:
                self._blocks.popitem(last=False)
        return self._blocks[key]

    async def _read_block(self, head: Head, block: int) -> Sequence[ArchivedRecord]:
        offset, length = head.blocks[block]
        return read_block(await self._bucket.get_range(head.segment, offset, length))

    async def _opened(self, record: ArchivedRecord) -> ReadRecord:
        keys: dict[str, bytes | None] = {}
        for part in record.sealed:
            if part.player_id not in keys:
                keys[part.player_id] = None if self._keys is None else await self._keys.key(part.player_id)
        return opened(record, keys)

    def _remember(self, log_id: str, place: _Place) -> None:
        self._places[log_id] = place
        self._places.move_to_end(log_id)
        if len(self._places) > PLACES_KEPT_MAX:
            self._places.popitem(last=False)


def _holds(head: Head, log_id: str, seq: int) -> bool:
    span = head.logs.get(log_id)
    return span is not None and span.first_seq <= seq <= span.last_seq


def _epoch(log_id: str) -> int:
    return int(log_id.rpartition("-")[2])


def demand_overlap(ends: Mapping[str, End], cursors: Mapping[str, Position], logs: Sequence[LogInfo]) -> None:
    """Raises ArchiveBehind if records may be on their way: no more in the journal, and not in a segment yet.

    `cursors` say how far the archive's reader has come, `logs` what the journal still holds.
    """
    held = {log.log_id: log.trimmed_seq for log in logs}
    for log in logs:
        end = ends.get(log.shard_id, End(0, 0, "", b""))
        stored = end.seq if end.epoch == _epoch(log.log_id) else 0
        if end.epoch <= _epoch(log.log_id) and log.trimmed_seq > stored:
            raise ArchiveBehind(f"records of log {log.log_id} up to {log.trimmed_seq} are on their way there")
    for shard_id, cursor in cursors.items():
        stored_end = ends.get(shard_id)
        if stored_end is None or stored_end.place >= (cursor.epoch, cursor.seq):
            continue
        if stored_end.log_id not in held:
            raise ArchiveBehind(f"the end of log {stored_end.log_id} is on its way there")
