"""Four eyes over a real store, with the rules themselves and two gateways: whoever approves, it is done once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from croupier.running.control_log import StoredControlLog
from croupier.running.proposals import StoredProposals
from engine.catalog import Catalog, FourEyes
from engine.control_entries import decode_control_entry
from gateway.app import GatewayApp
from snapshots.contract import Store
from snapshots.opening import open_store
from tests.support.engine_players import CATALOG, EnginePlayers
from tests.support.faulty_store import FaultyStore
from tests.support.gateway_doubles import ScriptedControl, app_with, calling


class Strict(ScriptedControl):
    def catalog(self) -> Catalog:
        return replace(CATALOG, four_eyes=FourEyes(points=100))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FaultyStore]:
    opened = FaultyStore(open_store(f"sqlite:{tmp_path}"))
    await opened.open()
    yield opened
    await opened.close()


def gateway(store: Store, players: EnginePlayers) -> GatewayApp:
    return app_with(players, control=Strict(), control_log=StoredControlLog(store), proposals=StoredProposals(store))


async def post(app: GatewayApp, who: str, path: str, body: object) -> httpx.Response:
    async with calling(app) as client:
        return await client.post(path, json=body, headers={"x-api-key": who, "idempotency-key": f"{who}-1"})


async def proposed(app: GatewayApp) -> str:
    async with calling(app) as client:
        await client.put("/players/p1", json={"currency": "EUR"}, headers={"idempotency-key": "r"})
    response = await post(app, "ann", "/loyalty/points/add", {"player_id": "p1", "points": 500, "reason": "sorry"})
    assert response.status_code == 202, response.text
    return f"/approvals/{response.json()['approval_id']}"


async def available(app: GatewayApp) -> int:
    async with calling(app) as client:
        return int((await client.get("/loyalty/p1")).json()["points"]["available"])


async def test_two_approve_at_once_at_two_gateways(store: FaultyStore) -> None:
    players = EnginePlayers()
    one, other = gateway(store, players), gateway(store, players)  # type: ignore[arg-type]
    path = await proposed(one)
    assert await available(one) == 0
    answers = await asyncio.gather(
        *(post(app, who, f"{path}/approve", {}) for app, who in ((one, "bob"), (other, "eve")))
    )
    assert [answer.json()["status"] for answer in answers] == ["done", "done"], [answer.text for answer in answers]
    assert len({answer.json()["decided_by"] for answer in answers}) == 1
    assert await available(one) == 500


async def test_one_approves_while_another_rejects(store: FaultyStore) -> None:
    players = EnginePlayers()
    one, other = gateway(store, players), gateway(store, players)  # type: ignore[arg-type]
    path = await proposed(one)
    answers = await asyncio.gather(
        post(one, "bob", f"{path}/approve", {}), post(other, "eve", f"{path}/reject", {"reason": "no"})
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await available(one) == (500 if answers[0].status_code == 200 else 0)


async def test_a_gateway_that_dies_after_the_verdict_leaves_it_to_the_next(store: FaultyStore) -> None:
    players = EnginePlayers()
    app = gateway(store, players)  # type: ignore[arg-type]
    path = await proposed(app)
    store.fail("proposal_body", "before")
    assert (await post(app, "bob", f"{path}/approve", {})).status_code == 503
    assert await available(app) == 0
    store.fail("decide_proposal", "after")  # the points are there, and nobody heard that this was written down
    assert (await post(app, "eve", f"{path}/approve", {})).status_code == 503
    answer = await post(gateway(store, players), "eve", f"{path}/approve", {})  # type: ignore[arg-type]
    assert (answer.json()["status"], answer.json()["decided_by"], answer.json()["replayed"]) == ("done", "bob", True)
    assert await available(app) == 500
    entries = [decode_control_entry(encoded) for _, encoded in await store.control_entries(0, 100)]
    done = [entry for entry in entries if entry.operation == "POST /loyalty/points/add" and entry.outcome == "done"]
    assert {(entry.who, entry.approved_by, entry.request_id) for entry in done} == {("ann", "bob", "ann-1")}


@pytest.mark.parametrize("again", ["the request", "the approval"])
async def test_what_was_done_days_ago_is_not_done_again(store: FaultyStore, again: str) -> None:
    """The player remembers no key from then."""
    players = EnginePlayers()
    app = gateway(store, players)  # type: ignore[arg-type]
    path = await proposed(app)
    assert (await post(app, "bob", f"{path}/approve", {})).json()["status"] == "done"
    players.forget("p1")
    if again == "the request":
        body = {"player_id": "p1", "points": 500, "reason": "sorry"}
        answer = await post(app, "ann", "/loyalty/points/add", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_state")
    else:
        assert (await post(app, "eve", f"{path}/approve", {})).json()["replayed"]
    assert await available(app) == 500
