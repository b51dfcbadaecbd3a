"""The Merkle tree of RFC 6962: hashing, growing by leaves, and checking proofs. Pure.

A tree grows from its right edge alone: `Growing` keeps at most 255 hashes per level of tiles, however large it is.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

HASH_SIZE = 32
TILE = 256
"""Hashes of a whole tile: eight levels of the tree are one level of tiles."""
EMPTY_ROOT = sha256(b"").digest()


class Tile(NamedTuple):
    """Hashes side by side: of level `level` of tiles (0: leaves), the `number`-th of its level, counted from 0."""

    level: int
    number: int
    content: bytes


class ProofInvalid(Exception):
    """A proof does not prove what it should. The message is one sentence."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [sha256(b"\x01" + hashes[at] + hashes[at + 1]).digest() for at in range(0, len(hashes), 2)]
    return hashes[0]


def root_of(subtrees: Iterable[bytes]) -> bytes:
    """The root over perfect subtrees that are given from the right to the left."""
    root = b""
    for subtree in subtrees:
        root = node_hash(subtree, root) if root else subtree
    return root or EMPTY_ROOT


def perfect_parts(hashes: Sequence[bytes]) -> list[bytes]:
    """Roots of the perfect subtrees that so many hashes fall into, from the left (the largest) to the right."""
    parts, begin = [], 0
    for bit in reversed(range(len(hashes).bit_length())):
        width = 1 << bit
        if len(hashes) & width:
            parts.append(perfect_root(hashes[begin : begin + width]))
            begin += width
    return parts


class Growing:
    """The right edge of a tree that only grows. `size` is its number of leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[list[bytes]] = [[]]
        """By level of tiles: the hashes of the tile that is not whole yet."""
        self._whole: list[Tile] = []

    @classmethod
    def restored(cls, size: int, edge: Sequence[bytes]) -> "Growing":
        """A tree of `size` leaves from its partial tiles, lowest level first, as `edge` names them."""
        tree = cls()
        tree.size = size
        tree._edge = [[tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)] for tile in edge] or [[]]
        return tree

    def extend(self, leaf_hashes: Sequence[bytes]) -> None:
        """Adds leaves, given by their hashes."""
        begin = 0
        while begin < len(leaf_hashes):
            lowest = self._edge[0]
            end = min(len(leaf_hashes), begin + TILE - len(lowest))
            lowest += leaf_hashes[begin:end]
            self.size, begin = self.size + end - begin, end
            if len(lowest) == TILE:
                self._close(0)

    def _close(self, level: int) -> None:
        """The level's tile is whole: its root is one hash of the level above."""
        hashes = self._edge[level]
        index = (self.size >> (8 * (level + 1))) - 1
        self._whole.append(Tile(level, index, b"".join(hashes)))
        self._edge[level] = []
        if level + 1 == len(self._edge):
            self._edge.append([])
        self._edge[level + 1].append(perfect_root(hashes))
        if len(self._edge[level + 1]) == TILE:
            self._close(level + 1)

    def root(self) -> bytes:
        """The root over all leaves so far."""
        parts = [part for hashes in self._edge for part in reversed(perfect_parts(hashes))]
        return root_of(parts)

    def take_whole(self) -> list[Tile]:
        """The tiles that became whole since the last call."""
        whole, self._whole = self._whole, []
        return whole

    def partial(self) -> list[Tile]:
        """The tiles that are not whole, lowest level first; empty ones are left out."""
        return [
            Tile(level, self.size >> (8 * (level + 1)), b"".join(hashes))
            for level, hashes in enumerate(self._edge)
            if hashes
        ]


def check_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> None:
    """The leaf with the hash `leaf` is number `index` of the tree. Raises ProofInvalid."""
    if not 0 <= index < size:
        raise ProofInvalid(f"leaf {index} can't be in a tree of {size}")
    node, last, left = leaf, size - 1, list(path)
    while last:
        if index & 1 or index < last:
            if not left:
                raise ProofInvalid("the path is too short")
            sibling = left.pop(0)
            node = node_hash(sibling, node) if index & 1 else node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    if left:
        raise ProofInvalid("the path is too long")
    if node != root:
        raise ProofInvalid("the leaf and its path do not lead to the root")


def check_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """The tree of `new` leaves begins with the one of `old` leaves. Raises ProofInvalid."""
    if not 0 <= old <= new:
        raise ProofInvalid(f"a tree of {new} can't have grown from one of {old}")
    if old in (0, new):
        known = EMPTY_ROOT if old == 0 else new_root
        if path or old_root != known:
            raise ProofInvalid("the older root is not the one of this tree")
        return
    hashes = list(path) if old & (old - 1) else [old_root, *path]
    _check_both(old - 1, new - 1, hashes, (old_root, new_root))


def _check_both(at: int, last: int, hashes: list[bytes], roots: tuple[bytes, bytes]) -> None:
    while at & 1:
        at, last = at >> 1, last >> 1
    if not hashes:
        raise ProofInvalid("the path is too short")
    old = new = hashes.pop(0)
    while last:
        if at & 1 or at < last:
            if not hashes:
                raise ProofInvalid("the path is too short")
            sibling = hashes.pop(0)
            if at & 1:
                old, new = node_hash(sibling, old), node_hash(sibling, new)
            else:
                new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    if hashes or (old, new) != roots:
        raise ProofInvalid("the newer tree does not begin with the older one")
