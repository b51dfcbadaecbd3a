"""The hot routes: what reaches the player, what callers get back, and what never gets that far."""

from typing import Any

import pytest

from actors.outcome import Answered
from engine.commands import AddBet, CancelRound, Result, Rollback, Spin
from engine.queries import GetRound
from gateway.settings import GatewaySettings
from tests.support.gateway_doubles import ROUND, SPIN, ScriptedPlayers, app_with, calling

KEY = {"idempotency-key": "k1"}
BASE = "/spin?player_id=p1&game_id=book-of-dunes"


async def call(method: str, path: str, players: ScriptedPlayers | None = None, **request: Any) -> Any:
    async with calling(app_with(players)) as client:
        return await client.request(method, path, **{"headers": KEY, **request})


async def test_spin_answers_with_the_fixed_fields() -> None:
    response = await call("POST", SPIN)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "session_id": "s-1",
        "round_id": None,
        "player_id": "p1",
        "game_id": "book-of-dunes",
        "mode": "real",
        "state": "open",
        "bet_amount": 100,
        "win_amount": 0,
        "win_reported": 0,
        "remaining_spins": 0,
        "currency": "EUR",
        "funds": {"real": 100, "bonus": 0},
        "balance": {"real": 9_900, "bonus": 500, "bonus_usable": 300, "withdrawable": 9_900},
        "wagering": {"grant_id": "g-1", "remaining": 3_400, "counted": 100, "max_bet": 500},
        "loyalty": {"level": "gold", "points": 1_234},
        "replayed": False,
        "flagged": False,
    }


async def test_a_replay_is_told() -> None:
    response = await call("POST", SPIN, ScriptedPlayers(Answered(ROUND, replayed=True)))
    assert (response.status_code, response.json()["replayed"]) == (200, True)


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("&mode=real&bet=100", Spin("book-of-dunes", "real", 100)),
        ("&mode=real&bet=1000000000000000", Spin("book-of-dunes", "real", 10**15)),
        ("&mode=real&bet=007", Spin("book-of-dunes", "real", 7)),
        ("&mode=real&bet=100&win=0", Spin("book-of-dunes", "real", 100, 0)),
        ("&mode=real&bet=100&win=250&round_id=R/7", Spin("book-of-dunes", "real", 100, 250, "R/7")),
        ("&mode=real&bet=100&round_id=a%2Bb%26c", Spin("book-of-dunes", "real", 100, None, "a+b&c")),
        ("&mode=real&bet=%31%30", Spin("book-of-dunes", "real", 10)),
        ("&mode=real&bet=100&round_id=a=b", Spin("book-of-dunes", "real", 100, None, "a=b")),
        ("&mode=freespin", Spin("book-of-dunes", "freespin")),
        ("&mode=freespin&bet=10", Spin("book-of-dunes", "freespin", 10)),
    ],
)
async def test_spin_parameters(query: str, asked: Spin) -> None:
    players = ScriptedPlayers()
    assert (await call("POST", BASE + query, players)).status_code == 200
    assert players.asked == [("p1", "open:k1", asked)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "mode"),
        ("&mode=", "mode"),
        ("&mode=REAL&bet=100", "mode"),
        ("&mode=demo&bet=100", "mode"),
        ("&mode=real", "bet"),
        ("&mode=real&bet", "bet"),
        ("&mode=real&bet=", "bet"),
        ("&mode=real&bet=0", "bet"),
        ("&mode=real&bet=-1", "bet"),
        ("&mode=real&bet=%2B5", "bet"),
        ("&mode=real&bet=+5", "bet"),
        ("&mode=real&bet=%205", "bet"),
        ("&mode=real&bet=5%0A", "bet"),
        ("&mode=real&bet=1.0", "bet"),
        ("&mode=real&bet=1e3", "bet"),
        ("&mode=real&bet=1_000", "bet"),
        ("&mode=real&bet=0x10", "bet"),
        ("&mode=real&bet=NaN", "bet"),
        ("&mode=real&bet=1000000000000001", "bet"),
        ("&mode=real&bet=" + "9" * 5_000, "bet"),
        ("&mode=real&bet=%D9%A1%D9%A2", "bet"),
        ("&mode=real&bet=%C2%B2", "bet"),
        ("&mode=real&bet=100&win=-1", "win"),
        ("&mode=real&bet=100&win=", "win"),
        ("&mode=real&bet=100&win=1000000000000001", "win"),
        ("&mode=real&bet=100&round_id=", "round_id"),
        ("&mode=real&bet=100&round_id=a+b", "round_id"),
        ("&mode=real&bet=100&round_id=%C3%A9", "round_id"),
        ("&mode=real&bet=100&round_id=" + "r" * 129, "round_id"),
        ("&mode=real&bet=100&bet=100", "bet"),
        ("&mode=real&bet=100&player_id=p2", "player_id"),
        ("&mode=real&bet=100&currency=EUR", "currency"),
        ("&mode=real&bet=100&", "query"),
        ("&mode=real&bet=100&round_id=%FF", "query"),
        ("&mode=real&bet=100&%C3%A9=1", "\\xe9"),
    ],
)
async def test_odd_spin_parameters_are_named_and_reach_nobody(query: str, field: str) -> None:
    players = ScriptedPlayers()
    response = await call("POST", BASE + query, players)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert players.asked == []


@pytest.mark.parametrize("odd", ["", "p 1", "p/1", "p1%0A", "p" * 65, "%C3%BC", "p1%00", "{p}", "..%2F"])
@pytest.mark.parametrize("name", ["player_id", "game_id"])
async def test_odd_ids(name: str, odd: str) -> None:
    ids = {"player_id": "p1", "game_id": "g1"} | {name: odd}
    path = f"/spin?player_id={ids['player_id']}&game_id={ids['game_id']}&mode=real&bet=1"
    response = await call("POST", path)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, name)


async def test_every_wrong_parameter_is_listed_at_once() -> None:
    response = await call("POST", "/spin?game_id=!&mode=x&bet=1.5&win=a")
    assert [error["field"] for error in response.json()["errors"]] == ["player_id", "game_id", "mode", "bet", "win"]


async def test_raw_bytes_in_the_query_are_refused() -> None:
    scope = {"type": "http", "method": "POST", "path": "/spin", "query_string": b"player_id=\xff", "headers": []}
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError("a request without a body is not read")

    await app_with()(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_a_spin_takes_no_body() -> None:
    response = await call("POST", SPIN, json={"bet": 100})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "body")


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("/spin/s-1/result", {"player_id": "p1", "win": 0}, Result("s-1", 0, True)),
        ("/spin/s-1/result", {"player_id": "p1", "win": 10**15, "final": False}, Result("s-1", 10**15, False)),
        ("/spin/s-1/bet", {"player_id": "p1", "amount": 50}, AddBet("s-1", 50)),
        ("/spin/s-1/cancel", {"player_id": "p1"}, CancelRound("s-1")),
    ],
)
async def test_steps_of_an_open_round(path: str, body: dict[str, Any], asked: Any) -> None:
    players = ScriptedPlayers()
    response = await call("POST", path, players, json=body)
    assert (response.status_code, response.json()["session_id"]) == (200, "s-1")
    assert players.asked == [("p1", "open:k1", asked)]


async def test_rollback_names_the_callers_own_bet() -> None:
    players = ScriptedPlayers()
    headers = {**KEY, "x-api-key": "studio-7"}
    body = {"player_id": "p1", "transaction_id": "bet-1"}
    response = await call("POST", "/spin/rollback", players, json=body, headers=headers)
    assert players.asked == [("p1", "studio-7:k1", Rollback("studio-7:bet-1"))]
    assert response.json() == {
        "status": "rolled_back",
        "kept_grants": ["g-1"],
        "player_id": "p1",
        "session_id": "s-1",
        "balance": {"real": 9_900, "bonus": 500, "bonus_usable": 300, "withdrawable": 9_900},
        "replayed": False,
    }


async def test_a_round_is_read_without_a_key() -> None:
    players = ScriptedPlayers()
    response = await call("GET", "/spin/s-1?player_id=p1", players, headers={})
    assert (response.status_code, response.json()["state"]) == (200, "open")
    assert players.asked == [("p1", "", GetRound("s-1"))]


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        ("/spin/s-1/result", b"", "body"),
        ("/spin/s-1/result", b"{", "body"),
        ("/spin/s-1/result", b"[]", "body"),
        ("/spin/s-1/result", b"null", "body"),
        ("/spin/s-1/result", b'{"player_id":"p1"}', "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":1.0}', "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":1e3}', "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":"1"}', "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":true}', "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":null}', "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":NaN}', "body"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":-1}', "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":1000000000000001}', "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":' + b"9" * 5_000 + b"}", "win"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":1,"final":1}', "final"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":1,"bonus":1}', "bonus"),
        ("/spin/s-1/result", b'{"player_id":"p1","win":' + b"[" * 30_000, "win"),
        ("/spin/s-1/result", b'{"win":1,"player_id":' + b"[" * 30_000, "player_id"),
        ("/spin/s-1/result", b'{"player_id":"p 1","win":1}', "player_id"),
        ("/spin/s-1/result", b'{"player_id":"p1\\n","win":1}', "player_id"),
        ("/spin/s-1/result", b'{"player_id":"\xff","win":1}', "body"),
        ("/spin/s-1/result", '{"player_id":"p1","win":1}'.encode("utf-16"), "body"),
        ("/spin/s-1/bet", b'{"player_id":"p1","amount":0}', "amount"),
        ("/spin/s-1/bet?bet=1", b'{"player_id":"p1","amount":1}', "bet"),
        ("/spin/s-1/cancel", b'{"player_id":7}', "player_id"),
        ("/spin/rollback", b'{"player_id":"p1","transaction_id":""}', "transaction_id"),
        ("/spin/rollback", b'{"player_id":"p1","transaction_id":"a b"}', "transaction_id"),
        ("/spin/rollback", b'{"player_id":"p1","transaction_id":"bet\\n"}', "transaction_id"),
        ("/spin/s%201/cancel", b'{"player_id":"p1"}', "session_id"),
    ],
)
async def test_odd_bodies_are_refused_and_reach_nobody(path: str, content: bytes, field: str) -> None:
    players = ScriptedPlayers()
    headers = {**KEY, "content-type": "application/json"}
    response = await call("POST", path, players, content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert response.json()["errors"][0]["field"] == field
    assert players.asked == []


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/spin", 405, "POST"),
        ("PUT", "/spin/s-1/result", 405, "POST"),
        ("GET", "/spin/rollback", 405, "POST"),
        ("POST", "/spin/s-1", 405, "GET, HEAD"),
        ("HEAD", "/spin", 405, "POST"),
        ("HEAD", "/spin/s-1/result", 405, "POST"),
        ("POST", "/spin/", 404, None),
        ("POST", "/spin//result", 404, None),
        ("POST", "/spin/s-1/gamble", 404, None),
        ("POST", "/spin/s-1/result/", 404, None),
        ("POST", "/spinning", 404, None),
    ],
)
async def test_paths_and_methods(method: str, path: str, status: int, allow: str | None) -> None:
    response = await call(method, path)
    assert (response.status_code, response.headers.get("allow")) == (status, allow)


async def test_no_more_spins_in_flight_than_allowed() -> None:
    async with calling(app_with(settings=GatewaySettings(in_flight_max=0))) as client:
        response = await client.post(SPIN, headers=KEY)
    assert (response.status_code, response.json()["code"], response.headers["retry-after"]) == (429, "overloaded", "1")


async def test_a_failure_inside_shows_nothing_and_leaves_no_spin_in_flight(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScriptedPlayers):
        def submit(self, player_id: str, command_id: str, body: Any, on_outcome: Any) -> None:
            raise RuntimeError("secret of the house")

    app = app_with(Broken(), settings=GatewaySettings(in_flight_max=1))
    async with calling(app) as client:
        for _ in range(2):
            response = await client.post(SPIN, headers=KEY)
            assert (response.status_code, response.json()["code"]) == (500, "internal_error")
            assert "secret" not in response.text
    assert "secret of the house" in caplog.text
