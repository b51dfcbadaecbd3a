"""Stale reads through all layers: a real store, a shard that was killed, and the routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from actors.outcome import ask
from croupier.running import last_snapshots
from croupier.running.last_snapshots import LastSnapshots
from engine.queries import GetPlayer, GetRtp
from gateway.ports import ControlUnavailable
from snapshots.contract import StoredPlayer
from snapshots.errors import StoreUnavailable
from tests.support.gateway_doubles import app_with, calling
from tests.support.shard_harness import LOOK, catalog, snapshotter_of, spin, start_shard, table_for
from tests.unit.actors.routing.test_client import client


class InForce:
    """The catalog of the harness; `known` is False before a gateway has read it."""

    known = True

    def catalog(self) -> Any:
        if not self.known:
            raise ControlUnavailable("no catalog yet")
        return catalog()


@asynccontextmanager
async def killed(folder: Path) -> AsyncIterator[tuple[Any, Any, LastSnapshots]]:
    """Alice has 990 cents in her snapshot, and one spin more in the journal; bob has no snapshot. The shard is gone."""
    async with table_for(folder, "s0") as (store, _), client(store, deadline_ms=100) as gateway:
        async with start_shard(folder) as shard:
            await shard.asking.seat("alice")
            await ask(gateway, "alice", "gs:k1", spin())
            await snapshotter_of(shard.shard).round()  # type: ignore[arg-type]
            await ask(gateway, "alice", "gs:k2", spin())
            await shard.asking.seat("bob")
        yield store, gateway, LastSnapshots(store, gateway, InForce())  # type: ignore[arg-type]


@asynccontextmanager
async def house(gateway: Any, snapshots: LastSnapshots) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(app_with(gateway, snapshots=snapshots)) as http:
        yield http


async def test_a_killed_shards_players_are_read_from_their_snapshots_until_the_successor_serves(tmp_path: Path) -> None:
    async with killed(tmp_path) as (_, gateway, snapshots), house(gateway, snapshots) as http:
        stale = (await http.get("/players/alice")).json()
        assert (stale["stale"], stale["balance"]["real"], stale["as_of"]["version"]) == (True, 990, 3)
        assert (await http.get("/loyalty/alice")).json()["stale"] is True
        refused = await http.post("/spin?player_id=alice&game_id=book&mode=real&bet=10&win=0", headers=KEY)
        assert (refused.json()["code"], refused.headers["retry-after"]) == ("shard_unavailable", "1")
        assert (await http.get("/players/bob")).json()["code"] == "shard_unavailable"
        async with start_shard(tmp_path, lease_ms=1):
            fresh = (await http.get("/players/alice")).json()
            while fresh.get("stale", True):
                fresh = (await http.get("/players/alice")).json()
            assert (fresh["balance"]["real"], "as_of" in fresh) == (980, False)


KEY = {"idempotency-key": "k3"}


async def test_a_damaged_snapshot_is_not_shown_nor_an_older_one_in_its_place(tmp_path: Path) -> None:
    async with killed(tmp_path) as (store, gateway, _):
        stored = await store.load_player("alice")
        newest = stored.generations[0]
        damaged = replace(newest, state=newest.state[:-1] + bytes([newest.state[-1] ^ 1]))

        class Damaged:
            async def load_player(self, player_id: str) -> StoredPlayer:
                return replace(stored, generations=(damaged, newest))

        shown = await LastSnapshots(Damaged(), gateway, InForce()).show("alice", LOOK)  # type: ignore[arg-type]
        assert shown is None


@pytest.mark.parametrize("fails", [StoreUnavailable("Redis: no answer"), TimeoutError()])
async def test_a_store_that_does_not_answer_has_nothing_to_show(tmp_path: Path, fails: Exception) -> None:
    class Silent:
        async def load_player(self, player_id: str) -> StoredPlayer:
            raise fails

    assert await LastSnapshots(Silent(), None, InForce()).show("alice", GetPlayer()) is None  # type: ignore[arg-type]


async def test_a_refusal_is_not_told_from_a_snapshot(tmp_path: Path) -> None:
    async with killed(tmp_path) as (_, _, snapshots):
        assert await snapshots.show("alice", GetRtp("no such game")) is None
        assert await snapshots.show("nobody", GetPlayer()) is None


async def test_no_more_snapshots_are_read_at_once_than_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with killed(tmp_path) as (_, _, snapshots):
        monkeypatch.setattr(last_snapshots, "AT_ONCE_MAX", 0)
        assert await snapshots.show("alice", GetPlayer()) is None
        monkeypatch.setattr(last_snapshots, "AT_ONCE_MAX", 1)
        assert await snapshots.show("alice", GetPlayer()) is not None
        assert await snapshots.show("alice", GetPlayer()) is not None


async def test_before_the_first_catalog_is_known_nothing_is_shown(tmp_path: Path) -> None:
    async with killed(tmp_path) as (store, gateway, _):
        unknown = InForce()
        unknown.known = False
        assert await LastSnapshots(store, gateway, unknown).show("alice", GetPlayer()) is None  # type: ignore[arg-type]
