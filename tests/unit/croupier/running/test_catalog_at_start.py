"""A catalog that comes into force because Croupier starts is in the control log like any other deploy."""

import asyncio
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from actors.stored_catalogs import CatalogContent, encode_content
from croupier.running.catalog_at_start import Standing, catalog_standing
from croupier.running.operators import os_user
from croupier.running.up import tell_catalog
from croupier.settings import Settings
from engine.control_entries import ControlEntry, decode_control_entry
from snapshots.contract import CatalogRow, Store
from snapshots.opening import open_store
from tests.support.engine_players import CATALOG

CATALOGS = (
    CatalogContent(replace(CATALOG, version="v1")),
    CatalogContent(replace(CATALOG, version="v2", campaigns={})),
)


def told(folder: Path, before: int, after: int) -> list[ControlEntry]:
    """What the log tells if so many catalogs had been put in force before the start, and after it."""
    settings = Settings(store=f"sqlite:{folder}", catalog=folder / "catalog")

    async def use(act: Any) -> Any:
        store = open_store(settings.store)
        await store.open()
        try:
            return await act(store)
        finally:
            await store.close()

    async def put(store: Store) -> Standing:
        term, former = await store.take_term(), await catalog_standing(store)
        for number, content in enumerate(CATALOGS[:after], 1):
            version = content.catalog.version
            await store.put_catalog(version, encode_content(content))
            await store.commit_catalog(term, CatalogRow(number, version, 1_000, "ann"))
            former = await catalog_standing(store) if number == before else former
        return former

    async def entries(store: Store) -> list[ControlEntry]:
        return [decode_control_entry(encoded) for _, encoded in await store.control_entries(0, 10)]

    tell_catalog(settings, asyncio.run(use(put)))
    found: list[ControlEntry] = asyncio.run(use(entries))
    return found


def test_another_version_is_told_with_what_it_changes(tmp_path: Path) -> None:
    (entry,) = told(tmp_path, 1, 2)
    assert (entry.who, entry.role, entry.outcome) == (os_user(), "os_user", "done")
    assert (entry.operation, entry.subject) == ("deploy of the folder catalog", "v2")
    assert entry.before == {"version": "v1", "number": 1, "by": "ann"}
    assert (entry.after["version"], entry.after["number"]) == ("v2", 2)
    assert entry.after["diff"]["removed"] == [f"campaigns.{name}" for name in sorted(CATALOG.campaigns)]


def test_the_first_one_is_told_too(tmp_path: Path) -> None:
    (entry,) = told(tmp_path, 0, 1)
    assert (entry.before, entry.after) == (None, {"version": "v1", "number": 1})


def test_a_start_under_the_catalog_in_force_tells_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, 2, 2) == []
