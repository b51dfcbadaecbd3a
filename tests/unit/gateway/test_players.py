"""The routes of players, money and bonuses: validation, statuses and answers."""

from typing import Any

import pytest

from actors.outcome import Answered
from engine.answers import RegisteredAnswer
from engine.commands import Block, CommandBody, Deposit, GrantCampaign, Register, Unblock
from engine.queries import GetBonuses, GetPlayer, GetRounds, QueryBody
from tests.unit.gateway.doubles import CHANGES, ScriptedPlayers, app_with, calling, send

KEY = {"idempotency-key": "k1"}
MONEY = {"real": 9_900, "bonus": 500, "bonus_usable": 300, "withdrawable": 9_900}


@pytest.mark.parametrize(
    ("method", "path", "body", "asked"),
    [
        ("PUT", "/players/p1", {"currency": "EUR"}, Register("EUR")),
        (
            "PUT",
            "/players/a:b@c~d-e",
            {"currency": "SEK", "country": "SE", "language": "sv-SE", "segments": ["vip", "a_b-1"]},
            Register("SEK", "SE", "sv-SE", ("vip", "a_b-1")),
        ),
        ("PUT", "/players/p1", {"currency": "EUR", "segments": []}, Register("EUR", segments=())),
        ("POST", "/players/p1/deposits", {"amount": 1}, Deposit(1)),
        (
            "POST",
            "/players/p1/deposits",
            {"amount": 10**15, "payment_instrument": "visa:42", "ip": "2001:DB8::1", "device": "d1"},
            Deposit(10**15, "visa:42", "2001:db8::1", "d1"),
        ),
        ("POST", "/players/p1/block", {"reason": "chargeback"}, Block("chargeback")),
        ("POST", "/players/p1/unblock", {"reason": "geklärt"}, Unblock("geklärt")),
        ("POST", "/players/p1/bonuses", {"campaign_id": "gift", "reason": "sorry"}, GrantCampaign("gift", "sorry")),
        ("GET", "/players/p1", None, GetPlayer()),
        ("GET", "/players/p1/rounds", None, GetRounds(20)),
        ("GET", "/players/p1/rounds?limit=128", None, GetRounds(128)),
        ("GET", "/players/p1/bonuses", None, GetBonuses()),
    ],
)
async def test_what_reaches_the_player(
    method: str, path: str, body: dict[str, Any] | None, asked: CommandBody | QueryBody
) -> None:
    players = ScriptedPlayers()
    async with calling(app_with(players)) as client:
        response = await client.request(method, path, json=body, headers=KEY)
    assert response.status_code in (200, 201)
    command = "" if method == "GET" else "open:k1"
    assert players.asked == [(path.split("/")[2].partition("?")[0], command, asked)]


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        ("/deposits", b"", "body"),
        ("/deposits", b"{", "body"),
        ("/deposits", b"[]", "body"),
        ("/deposits", b"{}", "amount"),
        ("/deposits", b'{"amount":0}', "amount"),
        ("/deposits", b'{"amount":-5}', "amount"),
        ("/deposits", b'{"amount":1.0}', "amount"),
        ("/deposits", b'{"amount":1e3}', "amount"),
        ("/deposits", b'{"amount":"100"}', "amount"),
        ("/deposits", b'{"amount":true}', "amount"),
        ("/deposits", b'{"amount":NaN}', "amount"),
        ("/deposits", b'{"amount":Infinity}', "amount"),
        ("/deposits", b'{"amount":1000000000000001}', "amount"),
        ("/deposits", b'{"amount":' + b"9" * 5_000 + b"}", "body"),
        ("/deposits", b'{"amount":' + b"[" * 30_000, "body"),
        ("/deposits", b'{"amount":1,"bonus":1}', "bonus"),
        ("/deposits", b'{"amount":1,"ip":"1.2.3"}', "ip"),
        ("/deposits", b'{"amount":1,"ip":"fe80::1%eth0"}', "ip"),
        ("/deposits", b'{"amount":1,"device":"a b"}', "device"),
        ("/deposits", b'{"amount":1,"device":"d\\n"}', "device"),
        ("/deposits", b'{"amount":1,"device":""}', "device"),
        ("/deposits", b'{"amount":1,"payment_instrument":"' + b"x" * 129 + b'"}', "payment_instrument"),
        ("/deposits", '{"amount":1}'.encode("utf-16"), "body"),
        ("/deposits", '{"amount":1}'.encode("utf-16-le"), "body"),
        ("/deposits", b'{"amount":1,"device":"\xe9"}', "body"),
        ("/block", b'{"reason":""}', "reason"),
        ("/block", b'{"reason":"a\\u0000b"}', "reason"),
        ("/block", b'{"reason":"\\ud800"}', "reason"),
        ("/block", b'{"reason":"' + b"x" * 501 + b'"}', "reason"),
        ("/bonuses", b'{"campaign_id":"../x","reason":"r"}', "campaign_id"),
        ("/bonuses", b'{"campaign_id":"gift"}', "reason"),
    ],
)
async def test_odd_bodies_are_refused_and_reach_nobody(path: str, content: bytes, field: str) -> None:
    players = ScriptedPlayers()
    headers = {**KEY, "content-type": "application/json"}
    async with calling(app_with(players)) as client:
        response = await client.post(f"/players/p1{path}", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert response.json()["errors"][0]["field"] == field
    assert players.asked == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "currency"),
        ({"currency": "eur"}, "currency"),
        ({"currency": "EURO"}, "currency"),
        ({"currency": "EUR\n"}, "currency"),
        ({"currency": "EUR", "country": "DEU"}, "country"),
        ({"currency": "EUR", "language": "german"}, "language"),
        ({"currency": "EUR", "segments": "vip"}, "segments"),
        ({"currency": "EUR", "segments": ["VIP"]}, "segments.0"),
        ({"currency": "EUR", "segments": ["a"] * 33}, "segments"),
    ],
)
async def test_odd_profiles(body: dict[str, Any], field: str) -> None:
    async with calling(app_with()) as client:
        response = await client.put("/players/p1", json=body, headers=KEY)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("odd", ["p%201", "p1%0A", "%FF", "p" * 65, "p!", "%00"])
async def test_odd_player_ids(odd: str) -> None:
    async with calling(app_with()) as client:
        response = await client.get(f"/players/{odd}")
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "player_id")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=129", "limit=", "limit=5.0", "limit=%2B5", "limit=1&limit=2", "x=1"]
)
async def test_odd_limits(query: str) -> None:
    async with calling(app_with()) as client:
        response = await client.get(f"/players/p1/rounds?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


async def test_ten_thousand_errors_are_not_listed() -> None:
    async with calling(app_with()) as client:
        response = await client.put("/players/p1", json={str(n): n for n in range(5_000)}, headers=KEY)
    assert (response.status_code, len(response.json()["errors"])) == (400, 16)


CREATIONS = ["PUT /players/{player_id}", "POST /players/{player_id}/deposits", "POST /players/{player_id}/bonuses"]


@pytest.mark.parametrize("name", CHANGES)
async def test_creations_answer_201_and_their_replay_200(name: str) -> None:
    async with calling(app_with()) as client:
        first = await send(client, name)
    async with calling(app_with(ScriptedPlayers(replayed=True))) as client:
        again = await send(client, name)
    assert first.status_code == (201 if name in CREATIONS else 200)
    assert (again.status_code, again.json() | {"replayed": False}) == (200, first.json())
    assert (first.json()["replayed"], again.json()["replayed"]) == (False, True)


async def test_an_update_of_the_profile_is_no_creation() -> None:
    updated = RegisteredAnswer(False, "EUR", None, None, ())
    async with calling(app_with(ScriptedPlayers(Answered(updated)))) as client:
        response = await send(client, "PUT /players/{player_id}")
    assert response.status_code == 200
    assert response.json()["country"] is None


async def test_answers_of_money() -> None:
    async with calling(app_with()) as client:
        deposit = await send(client, "POST /players/{player_id}/deposits")
        grant = await send(client, "POST /players/{player_id}/bonuses")
    bonus = {"campaign_id": "welcome-100", "grant_id": "g-1", "amount": 5_000, "package_id": None, "free_spins": 0}
    spins = {"campaign_id": "gift", "grant_id": None, "amount": 0, "package_id": "k-1", "free_spins": 20}
    assert deposit.json() == {
        "deposit_id": "d-1",
        "player_id": "p1",
        "amount": 10_000,
        "currency": "EUR",
        "balance": MONEY,
        "granted": [bonus],
        "declined": [],
        "replayed": False,
    }
    assert grant.json() == {"player_id": "p1", "granted": spins, "balance": MONEY, "replayed": False}


async def test_everything_about_a_player() -> None:
    async with calling(app_with()) as client:
        view = (await send(client, "GET /players/{player_id}")).json()
        rounds = (await send(client, "GET /players/{player_id}/rounds")).json()
    assert view["open_rounds"] == rounds["rounds"]
    assert view["open_rounds"][0]["session_id"] == "s-1"
    assert {
        name: view[name] for name in ("player_id", "currency", "country", "language", "segments", "blocked", "stale")
    } == {
        "player_id": "p1",
        "currency": "EUR",
        "country": "DE",
        "language": "de",
        "segments": ["newcomers"],
        "blocked": False,
        "stale": False,
    }
    assert (view["balance"], view["grants"], view["free_spins"]) == (MONEY, [], [])
