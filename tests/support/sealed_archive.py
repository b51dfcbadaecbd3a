"""An archive in a folder, written at once: transitions in, segments out. No journal, no archiver."""

from collections.abc import Sequence
from pathlib import Path

from engine.transition import Transition
from snapshots.archive.bucket import open_bucket
from snapshots.archive.format import archived, encode_record
from snapshots.archive.index import End
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.archive.segment import build_segment
from snapshots.codec import encode_batch, encode_entry
from snapshots.records import GENESIS, LogRecord, next_hash
from tests.support.playing import START_MS

BATCH = 64


class SealedArchive:
    """One shard's records. Every call of `seal` makes one segment, cut a minute after the one before."""

    def __init__(self, folder: Path, shard_id: str = "s0") -> None:
        self.folder = folder
        self.bucket: Bucket = open_bucket(ArchivePlace(str(folder)))
        self.ends: dict[str, End] = {}
        self.number = 0
        self._place = (shard_id, 1, f"{shard_id}-1")
        self._seq, self._previous = 0, GENESIS
        self._last: list[bytes] = []

    async def seal(self, transitions: Sequence[Transition], cut_ms: int | None = None) -> None:
        """The next segment."""
        records = [self._record(transitions[at : at + BATCH]) for at in range(0, len(transitions), BATCH)]
        await self._store(records, cut_ms)

    async def seal_again(self) -> None:
        """The records of the last segment once more, as another archiver would have stored them."""
        await self._store(self._last, None)

    async def _store(self, records: list[bytes], cut_ms: int | None) -> None:
        self.number += 1
        self._last = records
        built = build_segment(self.number, cut_ms or START_MS + self.number * 60_000, self.ends, records)
        self.ends = dict(built.ends)
        await self.bucket.put_new(built.segment_name, built.segment)
        await self.bucket.put_new(built.index_name, built.index_bytes)

    def _record(self, batch: Sequence[Transition]) -> bytes:
        payload = encode_batch([(done.player_id, done.version, encode_entry(done)) for done in batch])
        self._seq += 1
        record = LogRecord(self._seq, self._previous, next_hash(self._previous, payload), payload)
        self._previous = record.hash
        return encode_record(archived(self._place, record, [], {}))
