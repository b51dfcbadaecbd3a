"""Histories and explained rounds over HTTP: what is passed on, what is hidden, what is refused."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.gateway_doubles import (
    DISPUTE,
    EXPLAINED,
    HISTORY,
    LINE,
    RECEIPT,
    SECRET_LINE,
    STEP,
    MemoryControlLog,
    RoleAuth,
    ScriptedHistory,
    ScriptedReaders,
    app_with,
    calling,
)

TARGET = "/players/p1/history"
ROUND = "/players/p1/rounds/p1-3/explain"


async def test_a_history_is_passed_on() -> None:
    history = ScriptedHistory()
    async with calling(app_with(history=history)) as client:
        response = await client.get(f"{TARGET}?limit=7&cursor=abc&from=2026-01-01&to=2026-02-01T00:00:00Z")
    document = response.json()
    assert response.status_code == 200
    assert (document["cursor"], document["currency"], document["complete"]) == ("sealed", "EUR", True)
    [entry] = document["entries"]
    assert entry["after"] == HISTORY["entries"][0]["after"]
    assert entry["lines"][0] == {name: LINE[name] for name in ("event", "text", "rules", "moved")}
    period = {"from_ms": 1_767_225_600_000, "to_ms": 1_769_904_000_000}
    assert history.asked == [{"do": "history", "player_id": "p1", "limit": 7, "cursor": "abc", **period}]


async def test_a_round_is_explained() -> None:
    history = ScriptedHistory()
    async with calling(app_with(history=history)) as client:
        response = await client.get(f"{ROUND}?day=2026-11-28")
    assert response.json()["receipt_url"] == EXPLAINED["receipt_url"]
    assert history.asked == [{"do": "round", "player_id": "p1", "session_id": "p1-3", "day": "2026/11/28"}]


@pytest.mark.parametrize(("role", "sees"), [("platform", True), ("support", False), ("auditor", False)])
async def test_how_a_player_is_valued_is_hidden_from_roles_that_may_not_know(role: str, sees: bool) -> None:
    async with calling(app_with(auth=RoleAuth(role))) as client:
        timeline, round_ = (await client.get(TARGET)).json(), (await client.get(ROUND)).json()
    [_, secret] = timeline["entries"][0]["lines"]
    assert secret["text"] == SECRET_LINE["text" if sees else "instead"] and "instead" not in secret
    assert secret["moved"] == LINE["moved"]
    assert ("level" in round_["entries"][0]) == sees


async def test_who_looks_is_told_of() -> None:
    log = MemoryControlLog()
    async with calling(app_with(auth=RoleAuth("support"), control_log=log)) as client:
        await client.get(TARGET)
        await client.get(ROUND)
    assert [(entry.player_id, entry.operation) for entry in log.entries] == [
        ("p1", "GET /players/{player_id}/history"),
        ("p1", "GET /players/{player_id}/rounds/{session_id}/explain"),
    ]


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        ({"outcome": "no_player"}, "player_not_found", 404),
        ({"outcome": "behind"}, "journal_unavailable", 503),
        ({"outcome": "damaged"}, "journal_unavailable", 503),
        ({"outcome": "unavailable", "detail": "no answer"}, "outcome_unknown", 503),
        ({"outcome": "wrong", "field": "cursor", "detail": "is not a cursor"}, "invalid_request", 400),
    ],
)
async def test_why_there_is_none(said: Mapping[str, Any], code: str, status: int) -> None:
    async with calling(app_with(history=ScriptedHistory(said))) as client:
        for target in (TARGET, ROUND):
            response = await client.get(target)
            assert (response.status_code, response.json()["code"]) == (status, code)
            assert ("retry-after" in response.headers) == (status == 503)


async def test_too_much_at_once_is_refused() -> None:
    async with calling(app_with(history=ScriptedHistory(busy=True))) as client:
        response = await client.get(TARGET)
    assert (response.status_code, response.json()["code"]) == (429, "overloaded")
    assert "retry-after" in response.headers


async def test_a_round_that_is_not_there() -> None:
    async with calling(app_with(history=ScriptedHistory({"outcome": "not_found"}))) as client:
        response = await client.get(ROUND)
    assert response.json()["code"] == "session_not_found"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=1e2", "from=yesterday", "from=2026-02-01&to=2026-01-01", "page=2", "cursor="],
)
async def test_what_is_asked_wrongly_is_refused(query: str) -> None:
    history = ScriptedHistory({"outcome": "wrong", "field": "cursor", "detail": "is not a cursor"})
    async with calling(app_with(history=history)) as client:
        response = await client.get(f"{TARGET}?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


async def test_a_dispute_is_a_file() -> None:
    history = ScriptedHistory()
    async with calling(app_with(history=history)) as client:
        file = await client.get("/players/p1/bonuses/g-1/dispute.json?day=2026-11-28")
        paper = await client.get("/players/p1/bonuses/g-1/dispute.pdf")
    assert file.json()["terms"]["words"] == ["To be wagered: 350.00 EUR (multiplier 35)."]
    assert (paper.headers["content-type"], paper.content) == ("application/pdf", b"%PDF-1.7")
    assert 'filename="dispute-g-1.pdf"' in paper.headers["content-disposition"]
    asked = {"do": "dispute", "player_id": "p1", "grant_id": "g-1"}
    assert history.asked == [asked | {"form": "json", "day": "2026/11/28"}, asked | {"form": "pdf", "may_value": True}]


@pytest.mark.parametrize(
    ("roles", "sees"), [(("support",), False), (("auditor",), False), (("support", "marketing_manager"), True)]
)
async def test_the_steps_of_a_dispute_hide_what_the_role_may_not_know(roles: tuple[str, ...], sees: bool) -> None:
    found = ScriptedHistory({"outcome": "found", "document": {**DISPUTE, "steps": [STEP]}})
    async with calling(app_with(auth=RoleAuth(*roles), history=found)) as client:
        file = (await client.get("/players/p1/bonuses/g-1/dispute.json")).json()
        await client.get("/players/p1/bonuses/g-1/dispute.pdf")
    told = {name: value for name, value in STEP.items() if name != "instead"}
    assert file["steps"] == [told | {"text": STEP["text" if sees else "instead"]}]
    assert found.asked[-1]["may_value"] is sees


async def test_a_bonus_that_is_not_there() -> None:
    async with calling(app_with(history=ScriptedHistory({"outcome": "not_found"}))) as client:
        response = await client.get("/players/p1/bonuses/g-1/dispute.pdf")
    assert response.json()["code"] == "grant_not_found"


def a_bet(session_id: str) -> Mapping[str, Any]:
    numbers = dict.fromkeys(("stake", "real", "bonus", "counted", "contribution", "remaining"), 100)
    named = {"session_id": session_id, "game_id": "book", "receipt_url": f"/players/p1/receipts/{session_id}"}
    more = {"version": 3, "time": "2026-01-01T00:00:00.000Z", "over_limit": False, "undone": False, "receipt": None}
    return numbers | named | more


async def test_a_dispute_comes_with_receipts_if_they_are_asked_for() -> None:
    file = {**DISPUTE, "bets": [a_bet("s-1"), a_bet("s-1"), a_bet("s-2")]}
    readers = ScriptedReaders()
    async with calling(
        app_with(history=ScriptedHistory({"outcome": "found", "document": file}), readers=readers)
    ) as client:
        with_them = (await client.get("/players/p1/bonuses/g-1/dispute.json?receipts=true")).json()
        without = (await client.get("/players/p1/bonuses/g-1/dispute.json")).json()
    assert [bet["receipt"] for bet in with_them["bets"]] == [RECEIPT] * 3 and with_them["notes"] == []
    assert [bet["receipt"] for bet in without["bets"]] == [None] * 3
    asked = {"do": "receipt", "player_id": "p1", "day": "2026/01/01"}
    assert readers.asked == [("archive", asked | {"session_id": each}) for each in ("s-1", "s-2")]


async def test_a_dispute_on_paper_comes_with_receipts_if_they_are_asked_for() -> None:
    """The file is asked for first, because it says of which rounds; it is one look in the control log."""
    file = {**DISPUTE, "bets": [a_bet("s-1"), a_bet("s-2")]}
    history = ScriptedHistory({"outcome": "found", "document": file, "pdf": b64encode(b"%PDF-1.7").decode()})
    async with calling(app_with(history=history, readers=ScriptedReaders())) as client:
        paper = await client.get("/players/p1/bonuses/g-1/dispute.pdf?receipts=true")
    assert paper.content == b"%PDF-1.7"
    assert [asked["form"] for asked in history.asked] == ["json", "pdf"]
    assert history.asked[1]["receipts"] == [RECEIPT] * 2 and "receipts" not in history.asked[0]


async def test_a_dispute_without_an_archive_says_that_receipts_are_missing() -> None:
    file = {**DISPUTE, "bets": [a_bet("s-1")]}
    history = ScriptedHistory({"outcome": "found", "document": file})
    async with calling(app_with(history=history, reader_names=("webhooks",))) as client:
        document = (await client.get("/players/p1/bonuses/g-1/dispute.json?receipts=true")).json()
    assert document["notes"] == ["Bets without a receipt here: 1; ask for it at their receipt_url."]


async def test_paper_needs_the_extra_and_says_how_to_get_it() -> None:
    said = {"outcome": "no_paper", "detail": "A PDF needs typst: install it with pip install 'croupier[reports]'."}
    async with calling(app_with(history=ScriptedHistory(said))) as client:
        document = (await client.get("/players/p1/bonuses/g-1/dispute.pdf")).json()
    assert (document["code"], document["detail"]) == ("report_unavailable", said["detail"])
