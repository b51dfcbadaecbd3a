"""Reads while a player's shard is out of reach: the last snapshot, which says so, and as of when."""

import asyncio
from typing import Any

import pytest

from actors.outcome import NEVER_SENT, NO_ANSWER, Answered, OnOutcome, Outcome, Unavailable, ask
from engine.queries import GetLoyalty, QueryBody
from engine.rejections import Rejection
from gateway.ports import AsOf, Shown
from gateway.routes.player_reads import PlayerReads
from tests.support.gateway_doubles import (
    CHANGES,
    LOYALTY,
    REPLIES,
    SAMPLES,
    RoleAuth,
    ScriptedPlayers,
    app_with,
    calling,
    send,
)

AS_OF = AsOf(41, 1_767_225_600_000)
READS = (
    "GET /players/{player_id}",
    "GET /players/{player_id}/rounds",
    "GET /players/{player_id}/bonuses",
    "GET /players/{player_id}/bonuses/{grant_id}/cancel-preview",
    "GET /players/{player_id}/rtp",
    "GET /loyalty/{player_id}",
)


class ScriptedSnapshots:
    """Snapshots of everybody, or of nobody. `down_s`: for how long every shard has been out of reach."""

    def __init__(self, there: bool = True, down_s: float = 0.0) -> None:
        self.there, self.down_s = there, down_s
        self.shown: list[QueryBody] = []

    def out_of_reach_s(self, player_id: str) -> float:
        return self.down_s

    async def show(self, player_id: str, body: QueryBody) -> Shown | None:
        self.shown.append(body)
        return Shown(REPLIES[type(body)], AS_OF) if self.there else None


class SilentPlayers(ScriptedPlayers):
    """Say nothing before `speak`."""

    def submit(self, player_id: str, command_id: str, body: Any, on_outcome: OnOutcome) -> None:
        self.speak = on_outcome


@pytest.mark.parametrize("route", READS)
async def test_every_read_of_a_player_is_answered_by_the_snapshot_and_says_so(route: str) -> None:
    async with calling(app_with(ScriptedPlayers())) as client:
        fresh = (await send(client, route)).json()
    app = app_with(ScriptedPlayers(NEVER_SENT), snapshots=ScriptedSnapshots())
    async with calling(app) as client:
        response = await send(client, route)
    assert response.status_code == 200
    assert response.json() == fresh | {"stale": True, "as_of": {"version": 41, "at": "2026-01-01T00:00:00.000Z"}}
    assert fresh.get("stale", False) is False and "as_of" not in fresh
    assert app.state.metrics.exposition().count(b'code="stale"') == 1


def test_the_reads_above_are_all_that_ask_a_player() -> None:
    asking = {route for route in SAMPLES if route.startswith("GET ") and route not in CHANGES}
    assert set(READS) <= asking


async def test_who_may_not_see_a_field_does_not_see_it_in_a_snapshot() -> None:
    app = app_with(ScriptedPlayers(NEVER_SENT), RoleAuth("marketing_manager"), snapshots=ScriptedSnapshots())
    async with calling(app) as client:
        document = (await client.get("/players/p1")).json()
    assert (document["stale"], document["as_of"]["version"]) == (True, 41)
    assert "country" not in document
    assert "stale" not in document["loyalty"]


@pytest.mark.parametrize("outcome", [NEVER_SENT, NO_ANSWER])
async def test_commands_and_rounds_are_never_answered_by_a_snapshot(outcome: Unavailable) -> None:
    snapshots = ScriptedSnapshots()
    async with calling(app_with(ScriptedPlayers(outcome), snapshots=snapshots)) as client:
        answers = [await send(client, "POST /spin"), await send(client, "POST /players/{player_id}/deposits")]
        answers.append(await send(client, "GET /spin/{session_id}"))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, outcome.code)}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert snapshots.shown == []


@pytest.mark.parametrize(
    "outcome",
    [
        Unavailable("journal_unavailable", "The journal does not answer."),
        Unavailable("shard_unavailable", "The player is stopped."),
        Unavailable("overloaded", "Too much."),
        Rejection("player_not_found", "Nobody."),
    ],
)
async def test_what_the_shard_itself_says_is_passed_on(outcome: Outcome) -> None:
    snapshots = ScriptedSnapshots()
    async with calling(app_with(ScriptedPlayers(outcome), snapshots=snapshots)) as client:
        assert (await client.get("/players/p1")).json()["code"] == outcome.code  # type: ignore[union-attr]
    assert snapshots.shown == []


async def test_without_a_snapshot_to_show_the_shard_is_unavailable() -> None:
    async with calling(app_with(ScriptedPlayers(NEVER_SENT), snapshots=ScriptedSnapshots(there=False))) as client:
        response = await client.get("/loyalty/p1")
    assert (response.status_code, response.json()["code"]) == (503, "shard_unavailable")
    assert response.headers["retry-after"] == "1"


async def test_a_shard_that_is_silent_is_waited_for_a_little() -> None:
    reads = PlayerReads(SilentPlayers(), ScriptedSnapshots(), wait_s=0.01)
    assert await reads.ask("p1", GetLoyalty()) == (Answered(LOYALTY), AS_OF)


async def test_a_shard_that_has_been_away_for_longer_is_not_waited_for() -> None:
    reads = PlayerReads(SilentPlayers(), ScriptedSnapshots(down_s=3_601), wait_s=3_600)
    assert await reads.ask("p1", GetLoyalty()) == (Answered(LOYALTY), AS_OF)


async def test_a_shard_that_answers_meanwhile_wins_over_its_snapshot() -> None:
    players = SilentPlayers()

    class Slow(ScriptedSnapshots):
        async def show(self, player_id: str, body: QueryBody) -> Shown | None:
            players.speak(Answered(LOYALTY, replayed=True))
            return await super().show(player_id, body)

    assert await PlayerReads(players, Slow(), wait_s=0.0).ask("p1", GetLoyalty()) == (Answered(LOYALTY, True), None)


async def test_a_shard_without_a_snapshot_is_waited_for_until_the_deadline() -> None:
    players = SilentPlayers()
    reading = asyncio.ensure_future(PlayerReads(players, ScriptedSnapshots(False), wait_s=0.0).ask("p1", GetLoyalty()))
    while not hasattr(players, "speak"):
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert not reading.done()
    players.speak(NO_ANSWER)
    assert await reading == (NO_ANSWER, None)


async def test_without_snapshots_reads_are_as_they_were() -> None:
    players = ScriptedPlayers(NEVER_SENT)
    assert await PlayerReads(players, None).ask("p1", GetLoyalty()) == (NEVER_SENT, None)
    assert await ask(players, "p1", "", GetLoyalty()) is NEVER_SENT
