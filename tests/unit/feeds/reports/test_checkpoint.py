"""The checkpoint that a report names covers all of its period, and stays the same for the same period."""

from pathlib import Path

from feeds.facts.manifest import ShardEnd
from feeds.reports.checkpoint import vouching
from snapshots.archive.naming import day_of, segment_name
from snapshots.audit.checkpoints import checkpoint_name, day_end_name, key_name
from snapshots.audit.extents import FORMAT, Extent, encode_extent, extent_name
from snapshots.audit.notes import Signer
from tests.support.playing import DAY_MS, START_MS, Table
from tests.support.sealed_archive import SealedArchive

SIGNER, FORGER = Signer(bytes(32), "house"), Signer(bytes(range(32)), "house")
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
MIDNIGHT = START_MS + DAY_MS


class Proved:
    """An archive of one shard with the extents of its tree, 10 leaves to a segment."""

    def __init__(self, folder: Path) -> None:
        self.sealed, self.bucket, self.table = SealedArchive(folder), SealedArchive(folder).bucket, Table(real=100_000)
        self.ends: dict[str, ShardEnd] = {}

    async def begin(self) -> None:
        await self.bucket.put_new(key_name(SIGNER.verifier), str(SIGNER.verifier).encode())

    async def segment(self, *spins_ms: int, cut_ms: int) -> None:
        self.table.transitions.clear()
        for at in spins_ms:
            self.table.now = at
            self.table.spin(20, 10)
        await self.sealed.seal(list(self.table.transitions), cut_ms)
        end = self.sealed.ends["s0"]
        self.ends["s0"] = ShardEnd(end.epoch, end.seq, max(spins_ms))
        number = self.sealed.number
        extent = Extent(
            format=FORMAT,
            number=number - 1,
            kind="segment",
            object=segment_name(day_of(cut_ms), number),
            sha256="",
            first=10 * (number - 1),
            leaves=10,
            blocks=(9,),
            segments=number,
            controls=0,
        )
        await self.bucket.put_new(extent_name(number - 1), encode_extent(extent))

    async def sign(self, name: str, size: int, signer: Signer = SIGNER) -> None:
        await self.bucket.put_new(name, signer.sign(size, bytes(32)).encode())

    async def asked(self, until_ms: int = MIDNIGHT) -> tuple[str, bool]:
        words, covers = await vouching(self.bucket, until_ms, self.ends)
        return ", ".join(words.split(", ")[:2]), covers


async def test_it_is_the_first_one_over_the_last_segment_with_entries_of_the_period(tmp_path: Path) -> None:
    """A segment is cut, and signed, some time after its entries: the first checkpoint after the end may not have it."""
    archive = Proved(tmp_path)
    assert await archive.asked() == ("", False)
    await archive.begin()
    await archive.segment(MIDNIGHT - 2 * HOUR_MS, cut_ms=MIDNIGHT - HOUR_MS)
    await archive.sign(checkpoint_name(MIDNIGHT - HOUR_MS, 10), 10)
    await archive.segment(MIDNIGHT - 2, MIDNIGHT + 2, cut_ms=MIDNIGHT + MINUTE_MS)
    await archive.sign(checkpoint_name(MIDNIGHT + 1_000, 10), 10)
    assert await archive.asked() == ("house, 10 entries", False), "the newest for the time being"
    await archive.sign(checkpoint_name(MIDNIGHT + 2 * MINUTE_MS, 20), 20)
    assert await archive.asked() == ("house, 20 entries", True)
    await archive.segment(MIDNIGHT + HOUR_MS, cut_ms=MIDNIGHT + 2 * HOUR_MS)
    await archive.sign(checkpoint_name(MIDNIGHT + 2 * HOUR_MS, 30), 30)
    await archive.sign(day_end_name("2026/01/02", 30), 30)
    assert await archive.asked() == ("house, 20 entries", True)


async def test_entries_that_were_archived_hours_late_are_covered(tmp_path: Path) -> None:
    archive = Proved(tmp_path)
    await archive.begin()
    await archive.segment(MIDNIGHT - 3, cut_ms=MIDNIGHT + 5 * HOUR_MS)
    await archive.segment(MIDNIGHT - 2, cut_ms=MIDNIGHT + 6 * HOUR_MS)
    await archive.segment(MIDNIGHT + 2, cut_ms=MIDNIGHT + 7 * HOUR_MS)
    for size in (10, 20, 30):
        await archive.sign(checkpoint_name(MIDNIGHT + 8 * HOUR_MS, size), size)
    assert await archive.asked() == ("house, 20 entries", True)


async def test_what_was_cut_before_the_end_covers_a_period_after_which_nothing_happened(tmp_path: Path) -> None:
    archive = Proved(tmp_path)
    await archive.begin()
    await archive.segment(MIDNIGHT - 2 * HOUR_MS, cut_ms=MIDNIGHT - HOUR_MS)
    await archive.sign(day_end_name("2026/01/01", 10), 10)
    assert await archive.asked() == ("house, 10 entries", True)
    assert await archive.asked(MIDNIGHT - 1) == ("house, 10 entries", True)


async def test_a_note_that_nobody_known_has_signed_vouches_for_nothing(tmp_path: Path) -> None:
    archive = Proved(tmp_path)
    await archive.begin()
    await archive.segment(MIDNIGHT - 2, cut_ms=MIDNIGHT + MINUTE_MS)
    await archive.sign(checkpoint_name(MIDNIGHT + 2 * MINUTE_MS, 10), 10, FORGER)
    assert await archive.asked() == ("", False)
