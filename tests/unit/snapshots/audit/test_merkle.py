"""Hashing as RFC 6962 says it, against the vectors of Certificate Transparency and against the definition itself."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshots.audit.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    Growing,
    ProofInvalid,
    check_consistency,
    check_inclusion,
    leaf_hash,
)
from snapshots.audit.tiles import TileReader, name_of, tile_name

LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
HASHES = [leaf_hash(str(number).encode()) for number in range(66_100)]


class Shelf:
    """Tiles by name."""

    def __init__(self) -> None:
        self.tiles: dict[str, bytes] = {}

    async def get(self, name: str) -> bytes:
        return self.tiles[name]

    def keep(self, tree: Growing) -> None:
        for tile in (*tree.take_whole(), *tree.partial()):
            self.tiles[name_of(tile)] = tile.content


def grown(size: int) -> tuple[Growing, Shelf]:
    tree, shelf = Growing(), Shelf()
    tree.extend(HASHES[:size])
    shelf.keep(tree)
    return tree, shelf


def by_definition(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    return sha256(b"\x01" + by_definition(hashes[:split]) + by_definition(hashes[split:])).digest()


def path_by_definition(index: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(hashes) == 1:
        return []
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    if index < split:
        return [*path_by_definition(index, hashes[:split]), by_definition(hashes[split:])]
    return [*path_by_definition(index - split, hashes[split:]), by_definition(hashes[:split])]


def growth_by_definition(old: int, hashes: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962, section 2.1.2."""
    if old == len(hashes):
        return [] if whole else [by_definition(hashes)]
    split = 1
    while 2 * split < len(hashes):
        split *= 2
    if old <= split:
        return [*growth_by_definition(old, hashes[:split], whole), by_definition(hashes[split:])]
    return [*growth_by_definition(old - split, hashes[split:], False), by_definition(hashes[:split])]


def test_the_vectors_of_certificate_transparency() -> None:
    tree = Growing()
    assert (
        tree.root() == EMPTY_ROOT == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    )
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree.extend([leaf_hash(leaf)])
        assert tree.root().hex() == root


@pytest.mark.parametrize("size", [*range(1, 20), 255, 256, 257, 511, 512, 700, 65_537])
def test_the_root_is_that_of_the_definition(size: int) -> None:
    tree, _ = grown(size)
    assert tree.root() == by_definition(HASHES[:size])


@given(st.data())
@settings(max_examples=25, deadline=None)
async def test_proofs_from_tiles_are_those_of_the_definition(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 1_200) | st.sampled_from([255, 256, 257, 512, 513, 768]))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree, shelf = grown(size)
    reader = TileReader(shelf, size)
    path, growth = await reader.path(index), await reader.growth(old)
    assert path == path_by_definition(index, HASHES[:size])
    assert growth == growth_by_definition(old, HASHES[:size])
    check_inclusion(index, size, HASHES[index], path, tree.root())
    check_consistency(old, size, growth, by_definition(HASHES[:old]), tree.root())


@given(st.data())
@settings(max_examples=25, deadline=None)
async def test_a_proof_of_something_else_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 400))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size - 1))
    tree, shelf = grown(size)
    reader = TileReader(shelf, size)
    path, growth = await reader.path(index), await reader.growth(old)
    old_root, root, other = by_definition(HASHES[:old]), tree.root(), bytes(HASH_SIZE)
    leaf = HASHES[index]
    wrong = {
        "leaf": lambda: check_inclusion(index, size, leaf_hash(b"other"), path, root),
        "index": lambda: check_inclusion((index + 1) % size, size, leaf, path, root),
        "short": lambda: check_inclusion(index, size, leaf, path[:-1], root),
        "long": lambda: check_inclusion(index, size, leaf, [*path, other], root),
        "hash": lambda: check_inclusion(index, size, leaf, [*path[:-1], other], root),
        "old root": lambda: check_consistency(old, size, growth, other, root),
        "new root": lambda: check_consistency(old, size, growth, old_root, other),
        "growth": lambda: check_consistency(old, size, [*growth[:-1], other], old_root, root),
    }
    with pytest.raises(ProofInvalid):
        wrong[data.draw(st.sampled_from(sorted(wrong)))]()


@given(st.lists(st.integers(1, 700), min_size=1, max_size=8))
@settings(max_examples=12, deadline=None)
async def test_a_tree_goes_on_from_its_tiles(steps: list[int]) -> None:
    tree, shelf = Growing(), Shelf()
    for step in steps:
        tree.extend(HASHES[tree.size : tree.size + step])
        shelf.keep(tree)
        tree = await TileReader(shelf, tree.size).growing()
        assert tree.root() == by_definition(HASHES[: tree.size])


async def test_a_tree_of_three_levels_of_tiles() -> None:
    tree, shelf = grown(66_000)
    assert sorted({name.split("/")[1] for name in shelf.tiles}) == ["0", "1", "2"]
    reader = TileReader(shelf, 66_000)
    for index in (0, 65_535, 65_536, 65_999):
        check_inclusion(index, 66_000, HASHES[index], await reader.path(index), tree.root())
    again = await reader.growing()
    again.extend(HASHES[66_000:])
    assert again.root() == by_definition(HASHES)


def test_names_of_tiles_as_c2sp_has_them() -> None:
    assert tile_name(0, 0) == "tile/0/000"
    assert tile_name(1, 1_234_067) == "tile/1/x001/x234/067"
    assert tile_name(0, 1_234_067, 8) == "tile/0/x001/x234/067.p/8"
    assert tile_name(0, 1_000) == "tile/0/x001/000"
