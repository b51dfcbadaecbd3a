"""Kill-switches over HTTP: who throws them, what is refused in words, what the control log tells."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from actors.outcome import Unavailable
from engine.rejections import Rejection
from tests.support.gateway_doubles import (
    MemoryControlLog,
    MemorySwitches,
    RoleAuth,
    ScriptedPlayers,
    app_with,
    calling,
)

BOOK = {"scope": "game", "id": "book-of-dunes", "enabled": False, "reason": "it pays twice"}


async def throw(client: httpx.AsyncClient, body: Mapping[str, Any], key: str = "k1") -> httpx.Response:
    return await client.post("/switches", json=body, headers={"idempotency-key": key})


async def test_off_listed_and_on_again() -> None:
    async with calling(app_with(auth=RoleAuth("ops"))) as client:
        thrown = (await throw(client, BOOK)).json()
        listed = (await client.get("/switches")).json()
        again = (await throw(client, {**BOOK, "enabled": True}, "k2")).json()
        after = (await client.get("/switches")).json()
    assert thrown.pop("since").endswith("Z")
    assert thrown == {**BOOK, "by": "tester", "number": 1, "replayed": False}
    assert [{**each, "since": ""} for each in listed.pop("switched_off")] == [
        {"scope": "game", "id": "book-of-dunes", "since": "", "by": "tester", "reason": "it pays twice"}
    ]
    assert listed == {"number": 1}
    nobody = {"since": None, "by": "", "reason": ""}
    assert again == {
        "scope": "game",
        "id": "book-of-dunes",
        "enabled": True,
        "number": 2,
        "replayed": False,
        **nobody,
    }
    assert after == {"number": 2, "switched_off": []}


async def test_everything_has_no_id_and_needs_no_reason() -> None:
    async with calling(app_with()) as client:
        thrown = (await throw(client, {"scope": "all", "enabled": False})).json()
    assert (thrown["scope"], thrown["id"], thrown["enabled"], thrown["reason"]) == ("all", None, False, "")


async def test_a_key_throws_once() -> None:
    switches = MemorySwitches()
    async with calling(app_with(switches=switches)) as client:
        first, again = [await throw(client, BOOK) for _ in range(2)]
        other = await throw(client, {**BOOK, "enabled": True})
        keyless = await client.post("/switches", json=BOOK)
    assert again.json() == first.json() | {"replayed": True}
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
    assert switches.switches.number == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scope"),
        ({**BOOK, "scope": "shard"}, "scope"),
        ({**BOOK, "enabled": "no"}, "enabled"),
        ({**BOOK, "id": "a b"}, "id"),
        ({**BOOK, "reason": ""}, "reason"),
        ({**BOOK, "reason": "two\nlines"}, "reason"),
        ({**BOOK, "until": "tomorrow"}, "until"),
        ({"scope": "game", "enabled": False}, "body"),
        ({"scope": "all", "id": "x", "enabled": False}, "body"),
    ],
)
async def test_odd_requests(body: Mapping[str, Any], field: str) -> None:
    switches = MemorySwitches()
    async with calling(app_with(switches=switches)) as client:
        response = await throw(client, body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert field in {error["field"] for error in response.json()["errors"]}
    assert switches.switches.number == 0


@pytest.mark.parametrize(
    ("scope", "code"), [("game", "unknown_game"), ("campaign", "campaign_not_found"), ("player", "player_not_found")]
)
async def test_a_misspelt_name_switches_nothing_off_and_says_so(scope: str, code: str) -> None:
    switches, nobody = MemorySwitches(), ScriptedPlayers(Rejection("player_not_found", "No such player."))
    async with calling(app_with(nobody, switches=switches)) as client:
        response = await throw(client, {"scope": scope, "id": "nope", "enabled": False})
        lifted = await throw(client, {"scope": scope, "id": "nope", "enabled": True}, "k2")
    assert (response.status_code, response.json()["code"]) == (404, code)
    assert "othing was switched off" in response.json()["detail"]
    assert (lifted.status_code, lifted.json()["enabled"], switches.switches.number) == (200, True, 0)


async def test_a_player_whose_shard_is_away_can_be_switched_off() -> None:
    away = ScriptedPlayers(Unavailable("shard_unavailable", "Its shard is being replaced."))
    async with calling(app_with(away)) as client:
        response = await throw(client, {"scope": "player", "id": "p1", "enabled": False})
    assert (response.status_code, response.json()["enabled"]) == (200, False)


async def test_no_room_says_what_helps() -> None:
    async with calling(app_with(switches=MemorySwitches(most=1))) as client:
        await throw(client, BOOK)
        response = await throw(client, {"scope": "all", "enabled": False}, "k2")
    assert (response.status_code, response.json()["code"]) == (429, "overloaded")
    assert (response.json()["action"], response.json()["retryable"]) == ("fix_request", False)


async def test_a_store_that_is_silent_leaves_the_outcome_open() -> None:
    switches = MemorySwitches()
    switches.down = "the store does not answer"
    async with calling(app_with(switches=switches)) as client:
        thrown, listed = await throw(client, BOOK), await client.get("/switches")
    assert [(each.status_code, each.json()["code"]) for each in (thrown, listed)] == [(503, "outcome_unknown")] * 2


async def test_the_control_log_tells_before_and_after() -> None:
    log = MemoryControlLog()
    async with calling(app_with(auth=RoleAuth("ops"), control_log=log)) as client:
        await throw(client, BOOK)
        await throw(client, {**BOOK, "enabled": True, "reason": "mended"}, "k2")
    asked, off, _, on = log.entries
    assert (asked.outcome, asked.subject, asked.reason) == ("asked", "game book-of-dunes", "it pays twice")
    assert asked.after == {"scope": "game", "id": "book-of-dunes", "enabled": False}
    assert (off.outcome, off.before, off.after["enabled"], off.after["by"]) == (
        "done",
        {"enabled": True},
        False,
        "tester",
    )
    assert (on.before["reason"], on.after, on.reason) == ("it pays twice", {"enabled": True}, "mended")
