"""Kill-switches through two gateways: thrown at one, in force behind the other, without a supervisor."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.routing.client import ShardClient
from actors.settings import ClientSettings
from croupier.running.switches import StoredSwitches
from engine.switches import Switch
from gateway.ports import ControlUnavailable, KeyTaken, SwitchesFull
from snapshots.opening import open_store
from tests.support.faulty_store import FaultyStore
from tests.support.gateway_doubles import app_with, calling
from tests.support.shard_harness import SECRET, start_shard, table_for

BOOK = "/spin?player_id=alice&game_id=book&mode=real&bet=10&win=0"


class House:
    """Two gateways with stores of their own, and one shard; there is no supervisor."""

    def __init__(self, gateways: list[httpx.AsyncClient]) -> None:
        self.gateways = gateways
        self._keys = 0

    async def post(self, gateway: int, path: str, body: Any = None) -> Any:
        self._keys += 1
        client = self.gateways[gateway]
        return (await client.post(path, json=body, headers={"idempotency-key": f"k{self._keys}"})).json()

    async def until(self, gateway: int, code: str) -> None:
        """Spins until one ends like that; the test's time-out is the limit."""
        while (await self.post(gateway, BOOK)).get("code", "ok") != code:
            pass


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(table_for(tmp_path, "s0"))
        shard = await stack.enter_async_context(start_shard(tmp_path))
        await shard.asking.seat("alice", 1_000_000)
        gateways = []
        for _ in range(2):
            store = open_store(f"sqlite:{tmp_path}")
            await store.open()
            stack.push_async_callback(store.close)
            client = ShardClient(store.routing, SECRET, ClientSettings(deadline_ms=20_000))
            await client.start()
            stack.push_async_callback(client.stop)
            app = app_with(client, switches=StoredSwitches(store))
            gateways.append(await stack.enter_async_context(calling(app)))
        yield House(gateways)


@pytest.mark.parametrize(
    ("scope", "code"), [({"scope": "all"}, "gaming_disabled"), ({"scope": "player", "id": "alice"}, "player_blocked")]
)
async def test_what_one_gateway_switches_off_is_off_behind_the_other(
    house: House, scope: dict[str, str], code: str
) -> None:
    opened = await house.post(1, BOOK.removesuffix("&win=0"))
    assert (await house.post(0, "/switches", {**scope, "enabled": False}))["enabled"] is False
    await house.until(1, code)
    closed = await house.post(1, f"/spin/{opened['session_id']}/result", {"player_id": "alice", "win": 500})
    assert closed["state"] == "closed"
    listed = (await house.gateways[1].get("/switches")).json()
    assert [each["scope"] for each in listed["switched_off"]] == [scope["scope"]]
    assert (await house.post(1, "/switches", {**scope, "enabled": True}))["number"] == 2
    await house.until(0, "ok")


async def test_a_silent_store_is_control_unavailable_and_refusals_keep_their_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with table_for(tmp_path, "s0") as (store, _):
        faulty = FaultyStore(store)
        switches = StoredSwitches(faulty)  # type: ignore[arg-type]
        book = Switch("game", "book", 1, "ann")
        await switches.throw(book, False, "ann:k1")
        assert isinstance(await switches.throw(book, True, "ann:k1"), KeyTaken)
        monkeypatch.setattr("actors.stored_switches.SWITCHES_MAX", 1)
        assert isinstance(await switches.throw(Switch("all", "", 1, "ann"), False, "ann:k2"), SwitchesFull)
        faulty.down = {"claim_notes", "reader_notes"}
        for asked in (switches.listed(), switches.throw(book, True, "ann:k3")):
            with pytest.raises(ControlUnavailable, match="kill-switches"):
                await asked
