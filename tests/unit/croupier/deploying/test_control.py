"""A gateway's picture of the catalog in force: it only ever goes forward."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from actors.routing.client import ShardClient
from actors.stored_catalogs import CatalogContent, encode_content
from croupier.catalog import load_catalog
from croupier.deploying.control import CatalogControl
from croupier.settings import default_catalog
from gateway.ports import ControlUnavailable
from gateway.texts import Texts
from snapshots.contract import CatalogRow, Routing, Store
from snapshots.errors import StoreUnavailable


class StoredCatalogs:
    """A store of two catalogs under the versions `old` and `new`; the new one is in force."""

    def __init__(self, in_force: CatalogRow) -> None:
        texts = msgspec.msgpack.encode(Texts())
        self._content = encode_content(CatalogContent(load_catalog(default_catalog()), texts))
        self._in_force = in_force

    async def get_catalog(self, version: str) -> bytes | None:
        return self._content

    async def routing(self) -> Routing:
        return table(self._in_force)


def table(row: CatalogRow) -> Routing:
    return Routing(1, (), {}, {}, catalog=row)


async def test_a_gateway_can_be_there_before_any_catalog_is() -> None:
    """It starts, says that there is none, and takes the first one when the shards have come."""
    first = CatalogRow(1, "first", 0, "ann")
    client = SimpleNamespace(routing=None)
    control = CatalogControl(cast(Store, StoredCatalogs(first)), cast(ShardClient, client))
    await control.start()
    assert control.version == ""
    for ask in (control.catalog, control.in_force):
        with pytest.raises(ControlUnavailable, match="No catalog is in force yet"):
            ask()
    client.routing = table(first)
    await control._follow()
    assert control.in_force().version == "first"


async def test_a_routing_table_read_before_a_deploy_does_not_bring_the_old_catalog_back() -> None:
    """The client's table is refreshed now and then; the answer to a deploy is newer."""
    old, new = CatalogRow(1, "old", 0, "ann"), CatalogRow(2, "new", 0, "ann")
    client = SimpleNamespace(routing=table(old))
    control = CatalogControl(cast(Store, StoredCatalogs(new)), cast(ShardClient, client))
    await control.start()
    assert control.in_force().version == "old"
    await control._await_number(2)
    await control._follow()
    assert control.in_force().version == "new"
    client.routing = table(CatalogRow(3, "newer", 0, "ben"))
    await control._follow()
    assert control.in_force().version == "newer"


class CountingStore(StoredCatalogs):
    """Has counted some players, and may be away."""

    away = False

    async def tallies(self, names: Sequence[str]) -> dict[str, int]:
        if self.away:
            raise StoreUnavailable("the store is away")
        counted = {"players": 7, "points": 3_500_000, "level:bronze": 4, "level:gold": 2}
        return {name: counted.get(name, 0) for name in names}


async def test_who_holds_which_level_is_told_in_the_order_of_the_ladder() -> None:
    row = CatalogRow(1, "old", 0, "ann")
    store = CountingStore(row)
    control = CatalogControl(cast(Store, store), cast(ShardClient, SimpleNamespace(routing=table(row))))
    await control.start()
    population = await control.population()
    assert population is not None and (population.players, population.points_micro) == (7, 3_500_000)
    assert list(population.levels.items()) == [("bronze", 4), ("silver", 0), ("gold", 2), ("platinum", 0)]
    store.away = True
    assert await control.population() is None
