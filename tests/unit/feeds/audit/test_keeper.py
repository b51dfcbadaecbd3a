"""The tree follows the archive and the control log, from the objects alone, whatever happens to the keeper."""

from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from feeds.audit.keys import signers
from feeds.audit.settings import AuditedArchiveSettings, AuditSettings
from feeds.audit.standing import RECENT_MAX, resume
from snapshots.archive.place import ArchivePlace
from snapshots.audit.checkpoints import stored_keys
from snapshots.audit.extents import leaves_of, read_extent
from snapshots.audit.merkle import Growing, leaf_hash
from snapshots.audit.notes import Signer, VerifierKey, verified_checkpoint
from snapshots.errors import ArchiveUnavailable, CorruptArchive
from tests.support.archiving import PlayedLog
from tests.support.forging import OTHER_SEED
from tests.support.proving import DAY_MS, ProvenArchive


def objects(folder: Path, prefix: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / prefix).rglob("*") if path.is_file())


async def rebuilt(archive: ProvenArchive) -> Growing:
    """The tree that the extents alone make."""
    tree = Growing()
    for number in range(len(objects(archive.folder, "extents"))):
        extent = await read_extent(archive.bucket, number)
        assert extent.first == tree.size
        leaves = leaves_of(extent, await archive.bucket.get(extent.object)).leaves
        tree.extend([leaf_hash(leaf) for leaf in leaves])
    return tree


async def sound(archive: ProvenArchive) -> None:
    """The newest checkpoint is that of the tree."""
    tree, newest = await rebuilt(archive), archive.signed[-1]
    found = verified_checkpoint(newest.note, [archive.signer.verifier])
    assert (found.size, found.root) == (tree.size, tree.root())
    assert (archive.folder / newest.name).read_text() == newest.note


async def test_what_is_archived_is_in_the_tree(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice"), *played.spins("alice", 3)])
    assert archive.signed[-1].size == 7  # three of the arrival, three spins, and the leaf that closes the segment
    archive.control.add("POST /catalog/deploy")
    archive.control.add("POST /sandbox/clock")
    await archive.keep(played.spins("alice", 300))
    assert archive.signed[-1].size == 7 + 301 + 3
    await sound(archive)
    assert archive.control.trimmed == 2
    assert objects(tmp_path, "extents") == [f"extents/000000/000/00{number}.json" for number in range(3)]
    assert objects(tmp_path, "control") == ["control/000000/000/001.msgpack.zst"]
    assert objects(tmp_path, "tile") == ["tile/0/000", "tile/0/000.p/7", "tile/0/001.p/55", "tile/1/000.p/1"]
    assert (archive.metric("tree_size"), archive.metric("checkpoints_total")) == (311, 2)


async def test_nothing_new_is_signed_once(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice")])
    await archive.keep()
    await archive.keep()
    assert len(archive.signed) == 1


async def test_a_new_life_adds_no_segment_again_because_much_was_done_by_people_since(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice")])
    for _ in range(RECENT_MAX + 2):
        archive.control.add("POST /catalog/deploy")
        await archive.keep()
    size = archive.signed[-1].size
    archive.new_keeper()
    archive.control.add("POST /catalog/deploy")
    await archive.keep()
    assert archive.signed[-1].size == size + 2
    await sound(archive)


async def test_a_new_life_goes_on_from_the_objects(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice")])
    for _ in range(5):
        archive.new_keeper()
        archive.control.add("POST /catalog/deploy")
        await archive.keep(played.spins("alice", 90))
        await sound(archive)
    assert archive.signed[-1].size == 4 + 5 * (91 + 2)


class DyingBucket:
    """Stops for good at the `last`-th object that is put: before it is there, or after."""

    def __init__(self, real: object, last: int, after: bool) -> None:
        self.real, self.left, self.after = real, last, after

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    async def put_new(self, name: str, content: bytes) -> None:
        self.left -= 1
        if self.left < 0 or (self.left == 0 and not self.after):
            raise ArchiveUnavailable("killed")
        await self.real.put_new(name, content)  # type: ignore[attr-defined]
        if self.left == 0:
            raise ArchiveUnavailable("killed")


@pytest.mark.parametrize("after", [False, True])
async def test_killed_at_any_object_it_goes_on_with_the_same_tree(tmp_path: Path, after: bool) -> None:
    """An unkilled twin has the same roots: nothing of the order depends on where the keeper died."""
    for last in range(1, 14):
        folder, played = tmp_path / str(last), PlayedLog()
        archive = ProvenArchive(folder)
        await archive.keep([played.arrive("alice"), *played.spins("alice", 250)])
        archive.control.add("POST /catalog/deploy")
        for _ in range(2):
            await archive.store(played.spins("alice", 5))
        real = archive.bucket
        archive.bucket = DyingBucket(real, last, after)  # type: ignore[assignment]
        with suppress(ArchiveUnavailable):
            await archive.new_keeper().keep()
        archive.bucket = real
        archive.new_keeper()
        await archive.keep(played.spins("alice", 5))
        await sound(archive)
        assert archive.signed[-1].size == 254 + 3 * 6 + 2


async def test_two_keepers_make_one_tree(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice")])
    first, second = archive.keeper, archive.new_keeper()
    for keeper in (second, first, first, second, second, first):
        await archive.store(played.spins("alice", 3))
        archive.now_ms += 1_000
        await keeper.keep()
        await keeper.keep()  # one that was overtaken reads anew
    await sound(archive)
    assert archive.signed[-1].size == 4 + 6 * 4


async def test_a_segment_that_comes_late_is_added(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.store([played.arrive("alice")])
    await archive.store(played.spins("alice", 2), number=4)
    await archive.keep()
    await archive.store(played.spins("alice", 2), number=3)
    archive.new_keeper()
    await archive.keep()
    assert archive.signed[-1].size == 4 + 3 + 3
    await sound(archive)


async def test_each_day_ends_with_a_checkpoint(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice")])
    archive.now_ms += 3 * DAY_MS
    archive.new_keeper()
    await archive.keep(played.spins("alice", 2))
    ends = [signed for signed in archive.signed if signed.ends_day]
    assert [signed.name for signed in ends] == [
        f"checkpoints/2026/11/{day}/end-000000000004.note" for day in (28, 29, 30)
    ]
    archive.now_ms += DAY_MS
    await archive.keep()
    assert archive.signed[-1].name == "checkpoints/2026/12/01/end-000000000007.note"
    assert (await resume(archive.bucket)).ended == "2026/12/01"


async def test_a_tile_that_was_changed_is_not_built_upon(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice")])
    tile = tmp_path / "tile/0/000.p/4"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    archive.new_keeper()
    with pytest.raises(CorruptArchive, match="do not lead to the root"):
        await archive.keep(played.spins("alice", 2))


@pytest.mark.parametrize(
    "told", [("segments", 1_000_000_000), ("segments", 9), ("controls", 2), ("controls", 1_000_000_000)]
)
async def test_how_far_an_extent_says_the_tree_has_come_is_not_believed(tmp_path: Path, told: tuple[str, int]) -> None:
    """Nobody has signed it: the tree would stop for good, or the control log be trimmed of what is not archived."""
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    archive.control.add("POST /catalog/deploy")
    await archive.keep([played.arrive("alice")])
    await archive.keep(played.spins("alice", 2))
    path = tmp_path / objects(tmp_path, "extents")[-1]
    honest = path.read_bytes()
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(honest), told[0]: told[1]}))
    archive.new_keeper()
    archive.control.trimmed = 0
    with pytest.raises(CorruptArchive, match=f"extent {path.stem.lstrip('0')} says that the tree has come farther"):
        await archive.keep(played.spins("alice", 2))
    assert archive.control.trimmed == 0
    path.write_bytes(honest)
    archive.new_keeper()
    await archive.keep(played.spins("alice", 2))
    await sound(archive)


async def test_many_extents_that_say_the_same_are_not_believed_beyond_the_archive(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    await archive.keep([played.arrive("alice")])
    for _ in range(RECENT_MAX + 2):
        await archive.store(played.spins("alice", 1))
    await archive.keep()
    for path in sorted((tmp_path / "extents").rglob("*.json"))[1:]:
        content = msgspec.json.decode(path.read_bytes())
        path.write_bytes(msgspec.json.encode({**content, "segments": 1_000_000_000}))
    with pytest.raises(CorruptArchive, match="farther than the archive"):
        await resume(archive.bucket)


async def test_a_store_that_is_away_holds_up_the_control_log_alone(tmp_path: Path) -> None:
    archive, played = ProvenArchive(tmp_path), PlayedLog()
    archive.control.add("POST /catalog/deploy")
    archive.control.away = True
    await archive.keep([played.arrive("alice")])
    assert (archive.signed[-1].size, archive.control.trimmed) == (4, 0)
    archive.control.away = False
    await archive.keep()
    assert (archive.signed[-1].size, archive.control.trimmed) == (6, 1)
    await sound(archive)


async def test_another_key_goes_on_under_the_same_name(tmp_path: Path) -> None:
    """Without an origin in the settings, that of the newest checkpoint holds."""
    archive, played = ProvenArchive(tmp_path, origin=""), PlayedLog()
    await archive.keep([played.arrive("alice")])
    first, known = archive.signer, (await resume(archive.bucket)).origin
    assert known == first.origin != Signer(OTHER_SEED).origin
    archive.signer = Signer(OTHER_SEED, known)
    archive.new_keeper()
    await archive.keep(played.spins("alice", 1))
    keys = [VerifierKey.parsed(text) for text in await stored_keys(archive.bucket)]
    assert len(keys) == 2
    assert {verified_checkpoint(signed.note, keys).origin for signed in archive.signed} == {known}


@pytest.mark.parametrize(
    ("origin", "known", "holds"), [(None, "old", "old"), ("new", "old", "new"), ("new", "", "new")]
)
def test_the_key_is_made_beside_the_archives_key(
    tmp_path: Path, origin: str | None, known: str, holds: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings = AuditedArchiveSettings(
        place=ArchivePlace(str(tmp_path / "archive")),
        spool=str(tmp_path / "spool"),
        key_file=str(tmp_path / "keys" / "archive.key"),
        audit=AuditSettings(origin=origin),
    )
    made = signers(settings)(known)
    assert made.origin == holds
    assert (tmp_path / "keys/audit.key").stat().st_mode & 0o777 == 0o600
    assert "audit.key" in caplog.text
    assert str(signers(settings)(known).verifier) == str(made.verifier)
