"""What the parts of a shard share is changed in one place, and no part knows another one by its type only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

import actors
from actors.shard.geo import GeoDatabase
from engine.catalog import Catalog
from tests.support.shard_harness import catalog, desk, spin

MODULES = sorted(Path(actors.__file__).parent.rglob("*.py"))


def assigned(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Every attribute that is assigned to, as `self._context.paused` in `self._context.paused = True`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node


def test_nobody_writes_into_the_context_or_the_shard() -> None:
    """Only `controlled` is set from outside, by the process that runs the shard."""
    owners = {"context", "_context", "shard", "_shard"}
    for module in MODULES:
        for target in assigned(ast.parse(module.read_text())):
            owner = target.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            assert name not in owners or target.attr == "controlled", f"{module.name}:{target.lineno}"


def test_no_part_needs_another_one_only_for_its_type() -> None:
    """Such an import hides a circle."""
    assert [module.name for module in MODULES if "TYPE_CHECKING" in module.read_text()] == []


async def test_the_sandbox_clock_never_goes_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        context = table.shard.context
        context.advance_clock(5_000)
        context.advance_clock(1_000)
        assert context.clock_offset_ms == 5_000


@pytest.mark.parametrize("hindrance", ["pause", "drain", "end"])
async def test_work_that_nobody_asked_for_is_not_begun(tmp_path: Path, hindrance: str) -> None:
    async with desk(tmp_path) as table:
        context = table.shard.context
        assert context.at_work()
        {"pause": context.pause, "drain": context.drain, "end": lambda: context.end("told to")}[hindrance]()
        assert not context.at_work()
        context.resume()
        assert context.at_work() == (hindrance == "pause")


async def test_the_end_is_told_to_the_parts_in_their_order_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        context, told = table.shard.context, list[str]()
        context.at_end(lambda: told.append(f"first, with {len(context.residents)} player"))
        context.at_end(lambda: told.append("second"))
        context.end("one reason")
        context.end("another one")
        assert told == ["first, with 1 player", "second"] and table.ended == ["one reason"]
        assert table.resident == set() and context.residents.dirty == {}


async def test_a_command_under_way_is_decided_under_the_catalog_in_force(tmp_path: Path) -> None:
    """The parts read the catalog when they need it: none keeps the one it was made with."""
    async with desk(tmp_path) as table:
        await table.seat("alice")
        table.shard.context.use_catalog(1, catalog_without_games(), GeoDatabase(".", None))
        assert (await table.ask("alice", "k", spin())).code == "unknown_game"
        assert table.shard.context.committer.catalog_number == 1


def catalog_without_games() -> Catalog:
    return replace(catalog(), games={})
