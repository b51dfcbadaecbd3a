"""Checks the tree: objects against extents, leaves against tiles, the root against every checkpoint."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from croupier.audit.faults import Faults, Kind
from croupier.audit.walking import Walked, many, patiently
from snapshots.archive.format import ArchivedRecord
from snapshots.archive.place import Bucket
from snapshots.audit.control import read_control
from snapshots.audit.extents import Extent, Leaves, block_leaves, control_leaves, counted
from snapshots.audit.leaves import segment_blocks
from snapshots.audit.merkle import Growing, Tile, leaf_hash
from snapshots.audit.notes import Checkpoint
from snapshots.audit.tiles import name_of
from snapshots.errors import ArchiveUnavailable, CorruptArchive

Records = Sequence[ArchivedRecord]
"""Of one block."""


class Known(NamedTuple):
    """A checkpoint that the tree must lead to. `since`: it does not lie in the archive; somebody has kept it.

    `tiles`: the tiles that were not whole at its size are compared, too. They are of use as long as it is the newest.
    """

    name: str
    checkpoint: Checkpoint
    since: bool = False
    tiles: bool = False


class TreeCheck:
    """Grows the tree of an archive anew. `known` are its checkpoints, by size."""

    def __init__(self, bucket: Bucket, known: Sequence[Known], faults: Faults) -> None:
        self._bucket, self._faults = bucket, faults
        self._known = sorted(known, key=lambda each: each.checkpoint.size)
        self.tree = Growing()
        self.objects: set[str] = set()
        self._segments = self._controls = 0
        self.trusted = True
        """Whether the tree is complete so far: without an object, later roots can't be compared."""
        self._contradicted = False
        self.proven = 0
        """Checkpoints whose root was found."""
        while self._known and self._known[0].checkpoint.size == 0:
            self._compare_root(self._known.pop(0))

    async def take(self, walked: Walked) -> Sequence[Records]:
        """One more object, in the order of the tree; the records of a segment, block by block."""
        extent, content = walked.extent, walked.content
        if extent is None:
            self._lose("extent_missing", f"extent {walked.number}", walked.failure)
            return ()
        self._check_extent(extent, walked.number)
        self.objects.add(extent.object)
        if content is None:
            self._lose("object_missing", extent.object, walked.failure)
            return ()
        blocks: list[Records] = []
        leaves = self._leaves(extent, content, blocks)
        if leaves is None:
            self.trusted = False
        else:
            await self._grow([leaf_hash(leaf) for leaf in leaves.leaves])
        return blocks

    def _lose(self, kind: Kind, place: str, detail: str) -> None:
        self._faults.add(kind, place, detail)
        self.trusted = False

    def _check_extent(self, extent: Extent, number: int) -> None:
        if self.trusted and extent.first != self.tree.size:
            self._faults.add(
                "extent_wrong", f"extent {number}", f"it begins at leaf {extent.first}, not at {self.tree.size}"
            )
        if extent.object in self.objects:
            self._faults.add("extent_wrong", f"extent {number}", f"{extent.object} is in the tree twice")
        wanted, told = counted(extent, self._segments, self._controls), (extent.segments, extent.controls)
        if self.trusted and told != wanted:
            self._faults.add(
                "extent_wrong",
                f"extent {number}",
                f"it says that the tree has segments up to {told[0]} and control entries up to {told[1]}, "
                f"not up to {wanted[0]} and {wanted[1]}",
            )
        self._segments = wanted[0]

    def _leaves(self, extent: Extent, content: bytes, blocks: list[Records]) -> Leaves | None:
        """None if they can't be told. The blocks that can be read are added to `blocks`."""
        if sha256(content).hexdigest() != extent.sha256:
            self._faults.add("object_changed", extent.object, f"its checksum is not that of extent {extent.number}")
        try:
            if extent.kind == "control":
                found = control_leaves(extent.object, content)
                self._check_numbers(extent, content)
            else:
                blocks.extend(segment_blocks(content))
                found = block_leaves(extent.object, content, blocks)
        except CorruptArchive as error:
            self._faults.add("object_damaged", extent.object, error)
            return None
        if (len(found.leaves), list(found.blocks)) != (extent.leaves, list(extent.blocks)):
            self._faults.add(
                "extent_wrong",
                f"extent {extent.number}",
                f"{extent.object} has {len(found.leaves)} leaves, not {extent.leaves} as the extent says",
            )
        return found

    def _check_numbers(self, extent: Extent, content: bytes) -> None:
        entries = read_control(content)
        if entries[0][0] != self._controls + 1:
            self._faults.add(
                "control_missing",
                extent.object,
                f"the control log goes on with {entries[0][0]} after {self._controls}",
            )
        self._controls = entries[-1][0]

    async def _grow(self, hashes: Sequence[bytes]) -> None:
        """The tree stops at each checkpoint's size on its way."""
        begin = 0
        while begin < len(hashes):
            ahead = [each.checkpoint.size for each in self._known[:1] if each.checkpoint.size >= self.tree.size]
            end = min([len(hashes), *(begin + size - self.tree.size for size in ahead if size > self.tree.size)])
            self.tree.extend(hashes[begin:end])
            begin = end
            await self._compare()
        await self._compare_tiles(self.tree.take_whole())

    async def _compare(self) -> None:
        while self._known and self._known[0].checkpoint.size <= self.tree.size:
            known = self._known.pop(0)
            if known.checkpoint.size < self.tree.size:
                continue
            self._compare_root(known)
            if known.tiles:
                await self._compare_tiles(self.tree.partial())

    def _compare_root(self, known: Known) -> None:
        """The tree is of the checkpoint's size."""
        if known.checkpoint.root == self.tree.root():
            self.proven += 1
        elif self.trusted:
            self._contradict(known)

    def _contradict(self, known: Known) -> None:
        size = known.checkpoint.size
        if known.since:
            detail = f"the first {size} leaves are not those that this checkpoint was signed for"
            self._faults.add("history_rewritten", known.name, detail)
        elif not self._contradicted:
            self._contradicted = True  # all that follow are wrong with it
            self._faults.add("checkpoint_wrong", known.name, f"its root is not that of the first {size} leaves")

    async def _compare_tiles(self, tiles: Sequence[Tile]) -> None:
        stored = await many([name_of(tile) for tile in tiles], self._tile)
        for tile, content in zip(tiles, stored, strict=True):
            if content is None:
                self._faults.add("object_missing", name_of(tile), "the tile is not there")
            elif content != tile.content:
                self._faults.add("tile_wrong", name_of(tile), "its hashes are not those of the leaves")

    async def _tile(self, name: str) -> bytes | None:
        """None if it is not there."""
        try:
            return await patiently(lambda: self._bucket.get(name))
        except ArchiveUnavailable:
            return None

    def end(self) -> None:
        """The walk is over: what the checkpoints promise beyond it is missing."""
        for known in self._known:
            kind: Kind = "history_truncated" if known.since else "checkpoint_wrong"
            self._faults.add(
                kind, known.name, f"it is of {known.checkpoint.size} leaves; the archive has {self.tree.size}"
            )
