"""The routes of players, money and bonuses: validation, statuses and answers."""

from typing import Any

import pytest

from actors.outcome import Answered
from engine.answers import RegisteredAnswer
from engine.commands import (
    ApproveGrant,
    Block,
    CancelGrant,
    CancelWithdrawal,
    ClaimGrant,
    CommandBody,
    ConfirmWithdrawal,
    DeclineGrant,
    Deposit,
    EnterCode,
    ErasePlayer,
    GrantCampaign,
    PostEvent,
    Register,
    ReleaseGrant,
    ReportBet,
    RollbackReportedBet,
    StartSession,
    Unblock,
    Withdraw,
)
from engine.queries import GetBonuses, GetCancelPreview, GetPlayer, GetRounds, QueryBody
from tests.support.gateway_doubles import CHANGES, ScriptedPlayers, app_with, calling, send

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
        ("POST", "/players/p1/erase", {"reason": "asked"}, ErasePlayer("asked")),
        ("POST", "/players/p1/bonuses", {"campaign_id": "gift", "reason": "sorry"}, GrantCampaign("gift", "sorry")),
        ("GET", "/players/p1", None, GetPlayer()),
        ("GET", "/players/p1/rounds", None, GetRounds(20)),
        ("GET", "/players/p1/rounds?limit=128", None, GetRounds(128)),
        ("GET", "/players/p1/bonuses", None, GetBonuses()),
        ("GET", "/players/p1/bonuses?lang=de-AT", None, GetBonuses()),
        ("POST", "/players/p1/withdrawals", {"amount": 400}, Withdraw(400)),
        ("POST", "/players/p1/withdrawals", {"amount": 1, "forfeit_bonuses": True}, Withdraw(1, True)),
        ("POST", "/players/p1/withdrawals/w7/confirm", None, ConfirmWithdrawal("w7")),
        ("POST", "/players/p1/withdrawals/w7/confirm", {}, ConfirmWithdrawal("w7")),
        ("POST", "/players/p1/withdrawals/w7/cancel", None, CancelWithdrawal("w7")),
        ("POST", "/players/p1/sessions", {}, StartSession()),
        (
            "POST",
            "/players/p1/sessions",
            {"ip": "2001:DB8::1", "device": "d1", "country": "SE"},
            StartSession("2001:db8::1", "d1", "SE"),
        ),
        (
            "POST",
            "/players/p1/events",
            {"name": "app:installed!", "payload": {"a": [1, {}]}},
            PostEvent("app:installed!", '{"a":[1,{}]}'),
        ),
        (
            "POST",
            "/players/p1/events",
            {"name": "e", "payload": {"a": "x" * 4_088}},
            PostEvent("e", '{"a":"' + "x" * 4_088 + '"}'),
        ),
        ("POST", "/players/p1/codes", {"code": " spring "}, EnterCode(" spring ")),
        ("POST", "/players/p1/bets", {"amount": 333, "game_type": "live"}, ReportBet(333, "live")),
        ("POST", "/players/p1/bets/rollback", {"transaction_id": "bet-1"}, RollbackReportedBet("open:bet-1")),
        ("GET", "/players/p1/bonuses/g7-1/cancel-preview", None, GetCancelPreview("g7-1")),
        ("POST", "/players/p1/bonuses/g7-1/claim", None, ClaimGrant("g7-1")),
        ("POST", "/players/p1/bonuses/g7-1/claim", {}, ClaimGrant("g7-1")),
        ("POST", "/players/p1/bonuses/g7-1/cancel", None, CancelGrant("g7-1")),
        (
            "POST",
            "/players/p1/bonuses/g7-1/cancel",
            {"reason": "asked by phone"},
            CancelGrant("g7-1", "asked by phone"),
        ),
        ("POST", "/players/p1/bonuses/g7-1/approve", {"reason": "ok"}, ApproveGrant("g7-1", "ok")),
        ("POST", "/players/p1/bonuses/g7-1/decline", {"reason": "twins"}, DeclineGrant("g7-1", "twins")),
        ("POST", "/players/p1/bonuses/g7-1/release", {"reason": "fine"}, ReleaseGrant("g7-1", "fine")),
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
        ("/withdrawals", b"{}", "amount"),
        ("/withdrawals", b'{"amount":0}', "amount"),
        ("/withdrawals", b'{"amount":1,"forfeit_bonuses":1}', "forfeit_bonuses"),
        ("/withdrawals/w7/confirm", b'{"amount":1}', "amount"),
        ("/withdrawals/w7/cancel", b"[]", "body"),
        ("/withdrawals/w%207/cancel", b"", "withdrawal_id"),
        ("/sessions", b"", "body"),
        ("/sessions", b'{"country":"se"}', "country"),
        ("/sessions", b'{"ip":"::1%lo"}', "ip"),
        ("/events", b'{"name":""}', "name"),
        ("/events", b'{"name":"two words"}', "name"),
        ("/events", b'{"name":"' + b"n" * 65 + b'"}', "name"),
        ("/events", b'{"name":"e","payload":[]}', "payload"),
        ("/events", b'{"name":"e","payload":{"a":"' + b"x" * 4_089 + b'"}}', "payload"),
        ("/events", b'{"name":"e","payload":{"a":NaN}}', "payload"),
        ("/events", b'{"name":"e","payload":{"a":"\\ud800"}}', "payload"),
        ("/codes", b'{"code":""}', "code"),
        ("/codes", b'{"code":"a\\nb"}', "code"),
        ("/bets", b'{"amount":1}', "game_type"),
        ("/bets", b'{"amount":1,"game_type":"poker"}', "game_type"),
        ("/bets", b'{"amount":0,"game_type":"slot"}', "amount"),
        ("/bets/rollback", b'{"transaction_id":"a b"}', "transaction_id"),
        ("/bonuses/g7-1/claim", b'{"reason":"please"}', "reason"),
        ("/bonuses/g7-1/cancel", b'{"reason":""}', "reason"),
        ("/bonuses/g7-1/approve", b"", "body"),
        ("/bonuses/g7-1/approve", b"{}", "reason"),
        ("/bonuses/g!/release", b'{"reason":"r"}', "grant_id"),
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


COLLECTIONS = ("deposits", "withdrawals", "sessions", "events", "codes", "bets", "bonuses")
CREATIONS = ["PUT /players/{player_id}", *(f"POST /players/{{player_id}}/{name}" for name in COLLECTIONS)]
CREATIONS.append("POST /loyalty/redemptions")


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


def award(campaign_id: str, grant_id: str | None, amount: int) -> dict[str, Any]:
    """One that was granted."""
    names = ("campaign_id", "grant_id", "amount", "package_id", "free_spins", "state", "reasons")
    return dict(zip(names, (campaign_id, grant_id, amount, None, 0, "granted", []), strict=True))


async def test_answers_of_money() -> None:
    async with calling(app_with()) as client:
        deposit = await send(client, "POST /players/{player_id}/deposits")
        grant = await send(client, "POST /players/{player_id}/bonuses")
    bonus = award("welcome-100", "g-1", 5_000)
    spins = award("gift", None, 0) | {"package_id": "k-1", "free_spins": 20}
    assert deposit.json() == {
        "deposit_id": "d-1",
        "player_id": "p1",
        "amount": 10_000,
        "currency": "EUR",
        "balance": MONEY,
        "granted": [bonus],
        "declined": [award("spring", "g-2", 500) | {"state": "declined", "reasons": ["budget_exhausted"]}],
        "replayed": False,
    }
    assert grant.json() == {
        "player_id": "p1",
        "granted": spins,
        "balance": MONEY,
        "replayed": False,
    }


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


async def test_answers_of_withdrawals_and_other_verticals() -> None:
    async with calling(app_with()) as client:
        reserved = (await send(client, "POST /players/{player_id}/withdrawals")).json()
        bet = (await send(client, "POST /players/{player_id}/bets")).json()
        undone = (await send(client, "POST /players/{player_id}/bets/rollback")).json()
    assert reserved == {
        "withdrawal_id": "w7",
        "amount": 400,
        "state": "reserved",
        "grants": ["g-1"],
        "packages": ["k-1"],
        "player_id": "p1",
        "currency": "EUR",
        "balance": MONEY,
        "privilege": "accelerated",
        "replayed": False,
    }
    assert (bet["points_earned"], bet["level"]) == ("0.145021", "gold")
    assert (bet["bet_id"], bet["amount"], bet["game_type"], bet["turnover_eur"]) == ("b8", 333, "table", "0.29")
    assert (undone["status"], undone["session_id"]) == ("tombstoned", None)


async def test_answers_of_sessions_events_and_codes() -> None:
    async with calling(app_with()) as client:
        session = (await send(client, "POST /players/{player_id}/sessions")).json()
        event = (await send(client, "POST /players/{player_id}/events")).json()
        code = (await send(client, "POST /players/{player_id}/codes")).json()
    declined = [award("spring", "g-2", 500) | {"state": "declined", "reasons": ["budget_exhausted"]}]
    assert [opened["session_id"] for opened in session["open_rounds"]] == ["s-1"]
    assert session["min_rtp"] == "0.965"
    assert (session["granted"], session["declined"]) == ([award("gift", "g-1", 500)], declined)
    assert (event["balance"], event["granted"], event["declined"]) == (MONEY, [award("gift", "g-1", 500)], [])
    assert (code["granted"], code["declined"]) == ([award("gift", "g-1", 500)], declined)


async def test_deeply_nested_payloads_are_refused_somewhere() -> None:
    """The parser or the check gives up first: either way it is the caller's mistake."""
    async with calling(app_with()) as client:
        for depth in (500, 900, 950, 980, 990, 1_000, 1_500):
            content = b'{"name":"e","payload":{"a":' + b"[" * depth + b"]" * depth + b"}}"
            headers = {**KEY, "content-type": "application/json"}
            response = await client.post("/players/p1/events", content=content, headers=headers)
            assert response.status_code in (201, 400), (depth, response.text)
