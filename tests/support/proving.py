"""An archive with its audit tree, made at once: segments of players who really play, and a keeper that is called."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from engine.control_entries import ControlEntry, encode_control_entry
from feeds.audit.extending import Extending
from feeds.audit.keeper import Keeper
from feeds.audit.metrics import AuditMetrics
from feeds.audit.receipts import Receipts
from feeds.audit.signed import Signed
from feeds.reading import Followed
from snapshots.archive.bucket import open_bucket
from snapshots.archive.format import archived, encode_record, search
from snapshots.archive.index import End
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.archive.segment import build_segment
from snapshots.audit.notes import Signer
from snapshots.errors import StoreUnavailable

SEED = bytes(range(32))
ORIGIN = "casino.example/log"
DAY_MS = 86_400_000
MORNING_MS = 1_795_860_000_000
"""2026-11-28, 10:00 UTC."""
PLAYER_KEY = bytes(32)


class MemoryControl:
    """The control log of a store in memory."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.trimmed = 0
        self.away = False

    def add(self, operation: str) -> None:
        """One more entry."""
        self.entries.append(encode_control_entry(ControlEntry(MORNING_MS, "ann", "ops", operation)))

    async def control_entries(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        self._answer()
        return list(enumerate(self.entries[after : after + limit], after + 1))

    async def trim_control(self, through: int) -> None:
        self._answer()
        self.trimmed = through

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("away")


class ProvenArchive:
    """One archive in a folder. `seed` and `origin` are those of its signer."""

    def __init__(
        self, folder: Path, seed: bytes = SEED, origin: str = ORIGIN, wrap: Callable[[Bucket], Bucket] | None = None
    ) -> None:
        self.folder = folder
        bucket = open_bucket(ArchivePlace(str(folder)))
        self.bucket: Bucket = bucket if wrap is None else wrap(bucket)
        self.signer = Signer(seed, origin)
        self.control = MemoryControl()
        self.now_ms = MORNING_MS
        self.signed: list[Signed] = []
        self.registry = CollectorRegistry()
        self.metrics = AuditMetrics(self.registry)
        self.keeper = self.new_keeper()
        self._ends: Mapping[str, End] = {}
        self._number = 0

    def new_keeper(self) -> Keeper:
        """Another life of the keeper. It signs whenever it is called."""
        self.registry = CollectorRegistry()
        self.metrics = AuditMetrics(self.registry)
        self.keeper = Keeper(
            bucket=self.bucket,
            signer=lambda known: self.signer,
            extending=Extending(self.bucket, self.control),
            metrics=self.metrics,
            checkpoint_s=0,
            now_ms=lambda: self.now_ms,
            published=[lambda signed: self.signed.append(signed)],
        )
        return self.keeper

    def receipts(self) -> Receipts:
        """Who answers for receipts."""
        return Receipts(self.bucket, AuditMetrics(CollectorRegistry()), 60)

    async def store(self, records: Sequence[Followed], number: int | None = None) -> str:
        """The records become the next segment, or that of the given number; its name."""
        self._number = self._number + 1 if number is None else number
        built = build_segment(self._number, self.now_ms, self._ends, [encoded(each) for each in records])
        self._ends = built.ends
        await self.bucket.put_new(built.segment_name, built.segment)
        await self.bucket.put_new(built.index_name, built.index_bytes)
        return built.segment_name

    async def keep(self, records: Sequence[Followed] = ()) -> None:
        """A second passes; the records are archived if there are any; the keeper does what is due."""
        self.now_ms += 1_000
        if records:
            await self.store(records)
        await self.keeper.keep()

    def metric(self, name: str) -> float:
        """The value of one of the audit's metrics."""
        return self.registry.get_sample_value(f"audit_{name}") or 0.0


def encoded(followed: Followed) -> bytes:
    """A record as the archive keeps it. Boxes are the same each time, so that two archives can be compared."""
    found = search(followed.record.payload)
    keys = {personal.entry.player_id: PLAYER_KEY for personal in found.personal}
    place = followed.shard_id, followed.position.epoch, followed.log_id
    record = archived(place, followed.record, found.personal, keys)
    sealed = [replace(part, box=sha256(part.blanked).digest()) for part in record.sealed]
    return encode_record(replace(record, sealed=sealed))
