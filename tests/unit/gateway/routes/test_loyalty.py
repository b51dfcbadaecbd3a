"""The routes of loyalty: what reaches the player, what is refused before, and how levels and points are shown."""

from typing import Any

import msgspec
import pytest

from actors.outcome import Answered
from engine.answers import LevelAnswer, Points, Wagering
from engine.catalog import Catalog
from engine.commands import (
    AdjustPoints,
    CancelRedemption,
    CommandBody,
    ConfirmRedemption,
    ForceLevel,
    RequestRedemption,
)
from engine.deciding.syntax import POINTS_AT_ONCE_MAX
from engine.queries import GetLoyalty, GetRtp, QueryBody
from engine.views import RtpView
from tests.support.engine_players import EnginePlayers
from tests.support.gateway_doubles import (
    LOYALTY,
    ROUND,
    VIEW,
    ScriptedControl,
    ScriptedPlayers,
    app_with,
    calling,
    send,
)

KEY = {"idempotency-key": "k1"}
BUCKETS = {"available": 1_234, "locked": 1_000, "spent": 500, "expired": 20, "lifetime": 2_754}
PRIVILEGES = {
    "bonus_multiplier": "1.25",
    "cashback_percent": "2",
    "manager": "email",
    "min_rtp": "0.965",
    "withdrawal": "accelerated",
    "offers": ["tournaments"],
}
STANDING = {
    "player_id": "p1",
    "level": "gold",
    "points": BUCKETS,
    "cumulative_turnover_eur": "62000.00",  # 62 000.009999: down
    "qualifying_turnover_eur": "60000.01",
    "rolling_turnover_eur": "9999.99",
    "next_level": {"id": "platinum", "threshold_eur": "200000.00", "remaining_eur": "139999.99"},  # 139 999.980001: up
    "privileges": PRIVILEGES,
    "points_expire_at": "2027-01-01T00:00:00.000Z",
    "level_since": "2026-01-01T00:00:00.000Z",
    "downgrade_at_risk": True,
    "forced": True,
    "redemptions": [
        {
            "redemption_id": "r9",
            "points": 1_000,
            "amount": 1_000,
            "requested_at": "2026-01-01T00:00:00.000Z",
            "expires_at": "2026-01-04T00:00:00.000Z",
        }
    ],
}


@pytest.mark.parametrize(
    ("method", "path", "body", "asked"),
    [
        ("GET", "/loyalty/p1", None, GetLoyalty()),
        ("GET", "/players/p1/rtp?game_id=book-of-dunes", None, GetRtp("book-of-dunes")),
        ("POST", "/loyalty/points/add", {"points": 1, "reason": "sorry"}, AdjustPoints(1, "sorry")),
        (
            "POST",
            "/loyalty/points/add",
            {"points": -POINTS_AT_ONCE_MAX, "reason": "r"},
            AdjustPoints(-1_000_000_000, "r"),
        ),
        ("POST", "/loyalty/status/update", {"level": "gold", "reason": "vip"}, ForceLevel("gold", "vip")),
        ("POST", "/loyalty/redemptions", {"points": 1_050}, RequestRedemption(1_050)),
        ("POST", "/loyalty/redemptions/r9/confirm", {}, ConfirmRedemption("r9")),
        ("POST", "/loyalty/redemptions/r9/cancel", {}, CancelRedemption("r9")),
    ],
)
async def test_what_reaches_the_player(
    method: str, path: str, body: dict[str, Any] | None, asked: CommandBody | QueryBody
) -> None:
    players = ScriptedPlayers()
    sent = None if body is None else {"player_id": "p1", **body}
    async with calling(app_with(players)) as client:
        response = await client.request(method, path, json=sent, headers=KEY)
    assert response.status_code in (200, 201), response.text
    assert players.asked == [("p1", "" if method == "GET" else "open:k1", asked)]


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        ("/points/add", b"", "body"),
        ("/points/add", b'{"points":5,"reason":"r"}', "player_id"),
        ("/points/add", b'{"player_id":"p1","points":5}', "reason"),
        ("/points/add", b'{"player_id":"p1","points":0,"reason":"r"}', "points"),
        ("/points/add", b'{"player_id":"p1","points":0.5,"reason":"r"}', "points"),
        ("/points/add", b'{"player_id":"p1","points":1.0,"reason":"r"}', "points"),
        ("/points/add", b'{"player_id":"p1","points":"5","reason":"r"}', "points"),
        ("/points/add", b'{"player_id":"p1","points":true,"reason":"r"}', "points"),
        ("/points/add", b'{"player_id":"p1","points":1000000001,"reason":"r"}', "points"),
        ("/points/add", b'{"player_id":"p1","points":-1000000001,"reason":"r"}', "points"),
        ("/points/add", b'{"player_id":"p1","points":5,"reason":"\\n"}', "reason"),
        ("/points/add", b'{"player_id":"p 1","points":5,"reason":"r"}', "player_id"),
        ("/status/update", b'{"player_id":"p1","level":"","reason":"r"}', "level"),
        ("/status/update", b'{"player_id":"p1","level":3,"reason":"r"}', "level"),
        ("/status/update", b'{"player_id":"p1","level":"gold"}', "reason"),
        ("/redemptions", b'{"player_id":"p1"}', "points"),
        ("/redemptions", b'{"player_id":"p1","points":0}', "points"),
        ("/redemptions", b'{"player_id":"p1","points":-1000}', "points"),
        ("/redemptions", b'{"player_id":"p1","points":1000.5}', "points"),
        ("/redemptions", b'{"player_id":"p1","points":1e3}', "points"),
        ("/redemptions", b'{"player_id":"p1","points":1000000001}', "points"),
        ("/redemptions", b'{"player_id":"p1","points":1000,"amount":5}', "amount"),
        ("/redemptions/r9/confirm", b"", "body"),
        ("/redemptions/r9/confirm", b"{}", "player_id"),
        ("/redemptions/r%209/cancel", b'{"player_id":"p1"}', "redemption_id"),
    ],
)
async def test_odd_bodies_are_refused_and_reach_nobody(path: str, content: bytes, field: str) -> None:
    players = ScriptedPlayers()
    headers = {**KEY, "content-type": "application/json"}
    async with calling(app_with(players)) as client:
        response = await client.post(f"/loyalty{path}", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert response.json()["errors"][0]["field"] == field
    assert players.asked == []


@pytest.mark.parametrize(
    ("points", "reason", "told"),
    [
        (0, "a gift", "points: must not be 0"),
        (5, "", "reason: String should have at least 1 character"),
        (5, "x" * 501, "reason: String should have at most 500 characters"),
        (5, "two\nlines", "reason: must be one line, without control characters"),
    ],
)
async def test_what_is_odd_is_told_in_words(points: int, reason: str, told: str) -> None:
    async with calling(app_with()) as client:
        body = {"player_id": "p1", "points": points, "reason": reason}
        response = await client.post("/loyalty/points/add", json=body, headers=KEY)
    assert response.json()["detail"] == told


@pytest.mark.parametrize("query", ["", "?game_id=", "?game_id=a%20b", "?game_id=a&game_id=b", "?game_id=a&x=1"])
async def test_odd_games_asked_for(query: str) -> None:
    async with calling(app_with()) as client:
        response = await client.get(f"/players/p1/rtp{query}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


async def test_where_a_player_stands() -> None:
    async with calling(app_with()) as client:
        shown = (await send(client, "GET /loyalty/{player_id}")).json()
        player = (await send(client, "GET /players/{player_id}")).json()
    assert shown == STANDING
    assert player["loyalty"] == STANDING


async def test_nothing_to_climb_and_nothing_to_lose() -> None:
    """Without a ladder there is no level; on the highest rung there is no next one."""
    bare = msgspec.structs.replace(
        LOYALTY, level="", next_level=None, points_expire_ms=None, points=Points(-3, 0, 8, 0, 5), redemptions=()
    )
    async with calling(app_with(ScriptedPlayers(Answered(bare)))) as client:
        shown = (await send(client, "GET /loyalty/{player_id}")).json()
    for name in ("level", "level_since", "next_level", "points_expire_at"):
        assert shown[name] is None, name
    assert (shown["points"]["available"], shown["redemptions"]) == (-3, [])
    async with calling(app_with(ScriptedPlayers(Answered(msgspec.structs.replace(VIEW, loyalty=None))))) as client:
        assert (await send(client, "GET /players/{player_id}")).json()["loyalty"] is None


async def test_a_spin_without_a_ladder() -> None:
    plain = msgspec.structs.replace(ROUND, level="", points=0, wagering=Wagering(None, 0, 0, None))
    async with calling(app_with(ScriptedPlayers(Answered(plain)))) as client:
        assert (await send(client, "POST /spin")).json()["loyalty"] == {"level": None, "points": 0}


async def test_what_operators_change() -> None:
    async with calling(app_with()) as client:
        points = (await send(client, "POST /loyalty/points/add")).json()
        level = (await send(client, "POST /loyalty/status/update")).json()
    async with calling(app_with(ScriptedPlayers(Answered(LevelAnswer("", "gold"))))) as client:
        first = (await send(client, "POST /loyalty/status/update")).json()
    assert points == {"player_id": "p1", "points": BUCKETS, "replayed": False}
    assert level == {"player_id": "p1", "previous_level": "silver", "level": "gold", "replayed": False}
    assert first["previous_level"] is None


async def test_a_redemption_from_lock_to_grant() -> None:
    async with calling(app_with()) as client:
        locked = (await send(client, "POST /loyalty/redemptions")).json()
        confirmed = (await send(client, "POST /loyalty/redemptions/{redemption_id}/confirm")).json()
        cancelled = (await send(client, "POST /loyalty/redemptions/{redemption_id}/cancel")).json()
    assert locked == {
        "redemption_id": "r9",
        "player_id": "p1",
        "state": "locked",
        "redeemed": 1_000,
        "amount": 1_000,
        "currency": "EUR",
        "expires_at": "2026-01-04T00:00:00.000Z",
        "points": BUCKETS,
        "balance": {"real": 9_900, "bonus": 500, "bonus_usable": 300, "withdrawable": 9_900},
        "granted": [],
        "replayed": False,
    }
    (award,) = confirmed["granted"]
    assert (confirmed["state"], award["campaign_id"], award["grant_id"]) == ("confirmed", "redemption", "g-3")
    assert (cancelled["state"], cancelled["granted"]) == ("cancelled", [])


@pytest.mark.parametrize(
    ("query", "language", "names"),
    [("", "en", ["Bronze", None, "Gold"]), ("?lang=de", "de", ["Bronze (Stufe 1)", None, "Gold"])],
)
async def test_the_ladder(query: str, language: str, names: list[str | None]) -> None:
    """Silver has no text: nobody wrote one."""
    async with calling(app_with()) as client:
        shown = (await client.get(f"/loyalty/levels{query}")).json()
    assert (shown["language"], [level["name"] for level in shown["levels"]]) == (language, names)
    assert [(level["id"], level["threshold_eur"]) for level in shown["levels"]] == [
        ("bronze", "0.00"),
        ("silver", "100.00"),
        ("gold", "500.00"),
    ]
    assert shown["levels"][2]["privileges"] == PRIVILEGES


async def test_a_catalog_without_a_ladder() -> None:
    class NoLadder(ScriptedControl):
        def catalog(self) -> Catalog:
            return msgspec.structs.replace(super().catalog(), loyalty=None)

    async with calling(app_with(control=NoLadder())) as client:
        assert (await client.get("/loyalty/levels")).json() == {"levels": [], "language": "en"}


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        (RtpView(970_000, "platinum", True), {"min_rtp": "0.97", "level": "platinum", "flag": True}),
        (RtpView(None, "gold", False), {"min_rtp": None, "level": "gold", "flag": False}),
        (RtpView(None, "", True), {"min_rtp": None, "level": None, "flag": True}),
    ],
)
async def test_what_a_level_asks_of_a_game(view: RtpView, shown: dict[str, Any]) -> None:
    async with calling(app_with(ScriptedPlayers(Answered(view)))) as client:
        assert (await send(client, "GET /players/{player_id}/rtp")).json() == shown


async def test_every_answer_of_a_round_tells_level_and_points() -> None:
    """By the rules: 100.00 EUR on a slot earn 100 points and make silver; cancelled, both are gone again."""
    async with calling(app_with(EnginePlayers())) as client:

        async def post(path: str, key: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
            response = await client.request(method, path, json=body, headers={"idempotency-key": key})
            assert response.status_code in (200, 201), response.text
            return response.json()

        await post("/players/p1", "k1", {"currency": "EUR"}, "PUT")
        await post("/players/p1/deposits", "k2", {"amount": 30_000})
        spin = "/spin?player_id=p1&game_id=book-of-dunes&mode=real&bet="
        opened = await post(f"{spin}9850", "k3")
        session = f"/spin/{opened['session_id']}"
        asked = (await client.get(f"{session}?player_id=p1")).json()
        more = await post(f"{session}/bet", "k4", {"player_id": "p1", "amount": 150})
        cancelled = await post(f"{session}/cancel", "k5", {"player_id": "p1"})
        again = await post(f"{spin}10000&win=0", "k6")
        paid = await post(f"{spin}199", "k7")
        result = await post(f"/spin/{paid['session_id']}/result", "k8", {"player_id": "p1", "win": 5})
        rounds = (await client.get("/players/p1/rounds?limit=1")).json()["rounds"]
        player = (await client.get("/players/p1")).json()
    told = [(each["loyalty"]["level"], each["loyalty"]["points"]) for each in (opened, asked, more, cancelled, again)]
    assert told == [("bronze", 98), ("bronze", 98), ("silver", 100), ("bronze", 0), ("silver", 100)]
    assert paid["loyalty"] == result["loyalty"] == rounds[0]["loyalty"] == {"level": "silver", "points": 101}
    assert (player["loyalty"]["level"], player["loyalty"]["cumulative_turnover_eur"]) == ("silver", "101.99")
    assert player["loyalty"]["next_level"] == {"id": "gold", "threshold_eur": "500.00", "remaining_eur": "398.01"}
