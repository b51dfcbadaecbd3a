"""C2SP tlog-tiles: names of tiles, and proofs out of them."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from snapshots.audit.merkle import HASH_SIZE, TILE, Growing, Tile, perfect_root, root_of
from snapshots.errors import CorruptArchive

TILES_KEPT_MAX: Final = 256
Node = tuple[int, int]
"""A perfect subtree: of 2**level leaves, the `index`-th of its kind."""


class Objects(Protocol):
    """Where tiles are read: a bucket."""

    async def get(self, name: str) -> bytes:
        """The whole object. Raises ArchiveUnavailable."""


def tile_name(level: int, index: int, width: int = TILE) -> str:
    """`tile/0/x001/x234/067`, and for one that is not whole `tile/0/x001/x234/067.p/200`."""
    groups = [f"{index % 1_000:03d}"]
    while index >= 1_000:
        index //= 1_000
        groups.insert(0, f"x{index % 1_000:03d}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == TILE else f".p/{width}")


def name_of(tile: Tile) -> str:
    """Where a tile lies."""
    return tile_name(tile.level, tile.number, len(tile.content) // HASH_SIZE)


def width_of(level: int, index: int, size: int) -> int:
    """How many hashes a tile has in a tree of `size` leaves."""
    return max(0, min(TILE, (size >> (8 * level)) - index * TILE))


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Whose roots are the path of a leaf, in the order of RFC 6962: ranges of leaves (begin, end)."""
    ranges: list[tuple[int, int]] = []
    begin, end = 0, size
    while end - begin > 1:
        split = begin + _split(end - begin)
        ranges.append((split, end) if index < split else (begin, split))
        begin, end = (begin, split) if index < split else (split, end)
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """Whose roots prove that the tree of `new` leaves begins with that of `old` leaves, in the order of RFC 6962."""
    ranges: list[tuple[int, int]] = []
    begin, end, whole = 0, new, True
    while 0 < old < end:
        split = begin + _split(end - begin)
        if old <= split:
            ranges.append((split, end))
            end = split
        else:
            ranges.append((begin, split))
            begin, whole = split, False
    if old and not whole:
        ranges.append((begin, end))
    return ranges[::-1]


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def nodes_of(begin: int, end: int) -> list[Node]:
    """The perfect subtrees that a range falls into, from the left to the right."""
    nodes: list[Node] = []
    while begin < end:
        width = 1 << ((end - begin).bit_length() - 1)
        level = width.bit_length() - 1
        nodes.append((level, begin >> level))
        begin += width
    return nodes


class TileReader:
    """Hashes of the tree of `size` leaves, from its tiles."""

    def __init__(self, objects: Objects, size: int) -> None:
        self._objects, self.size = objects, size
        self._kept: dict[tuple[int, int], bytes] = {}

    async def roots(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """The root over each range of leaves. Raises ArchiveUnavailable, CorruptArchive."""
        wanted = [nodes_of(*each) for each in ranges]
        await self._fetch(_tile_of(*node) for nodes in wanted for node in nodes)
        return [root_of(self._node(*node) for node in reversed(nodes)) for nodes in wanted]

    async def path(self, index: int) -> list[bytes]:
        """The path of a leaf. Raises as `roots`."""
        return await self.roots(inclusion_ranges(index, self.size))

    async def growth(self, old: int) -> list[bytes]:
        """The proof that this tree begins with the one of `old` leaves. Raises as `roots`."""
        return await self.roots(consistency_ranges(old, self.size))

    async def growing(self) -> Growing:
        """The tree, to be extended. Raises as `roots`."""
        levels = 1
        while self.size >> (8 * levels):
            levels += 1
        edge = []
        for level in range(levels):
            index = self.size >> (8 * (level + 1))
            width = width_of(level, index, self.size)
            edge.append(await self._read(level, index) if width else b"")
        return Growing.restored(self.size, edge)

    async def _fetch(self, tiles: Iterable[tuple[int, int]]) -> None:
        wanted = list(dict.fromkeys(tiles))
        if len(self._kept) + len(wanted) > TILES_KEPT_MAX:
            self._kept.clear()
        missing = [tile for tile in wanted if tile not in self._kept]
        contents = await asyncio.gather(*(self._read(*tile) for tile in missing))
        self._kept |= dict(zip(missing, contents, strict=True))

    async def _read(self, level: int, index: int) -> bytes:
        width = width_of(level, index, self.size)
        name = tile_name(level, index, width)
        content = await self._objects.get(name)
        if len(content) != width * HASH_SIZE:
            raise CorruptArchive(f"{name} has {len(content)} bytes, not {width * HASH_SIZE}")
        return content

    def _node(self, level: int, index: int) -> bytes:
        tile = self._kept[_tile_of(level, index)]
        within = level % 8
        first = (index << within) % TILE
        return perfect_root([tile[at * HASH_SIZE : (at + 1) * HASH_SIZE] for at in range(first, first + (1 << within))])


def _tile_of(level: int, index: int) -> tuple[int, int]:
    return level // 8, (index << (level % 8)) // TILE
