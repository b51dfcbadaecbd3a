"""The checkpoint that a report names stays the same for the same period."""

from pathlib import Path

from feeds.reports.checkpoint import vouching
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.audit.checkpoints import checkpoint_name, day_end_name
from snapshots.audit.notes import Signer
from tests.support.playing import DAY_MS, START_MS

SIGNER = Signer(bytes(32), "house")
HOUR_MS = 3_600_000


async def put(bucket: Bucket, name: str, size: int) -> None:
    await bucket.put_new(name, SIGNER.sign(size, bytes(32)).encode())


async def test_it_is_the_first_one_behind_the_period(tmp_path: Path) -> None:
    bucket = open_bucket(ArchivePlace(str(tmp_path)))
    midnight = START_MS + DAY_MS
    assert await vouching(bucket, midnight) == ""
    await put(bucket, checkpoint_name(midnight - HOUR_MS, 7), 7)
    assert (await vouching(bucket, midnight)).startswith("house, 7 entries, root AAAA"), "the newest for the time being"
    await put(bucket, checkpoint_name(midnight + HOUR_MS, 9), 9)
    await put(bucket, checkpoint_name(midnight + 2 * HOUR_MS, 11), 11)
    await put(bucket, day_end_name("2026/01/01", 8), 8)
    await put(bucket, day_end_name("2026/01/02", 12), 12)
    for until_ms, entries in (
        (midnight - 2 * HOUR_MS, 7),
        (midnight - 1, 8),
        (midnight, 9),
        (midnight + DAY_MS - 1, 12),
    ):
        assert f", {entries} entries," in await vouching(bucket, until_ms)
