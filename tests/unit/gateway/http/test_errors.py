"""The error table: every refusal has a row, and every row is produced here over HTTP."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import httpx
import pytest

from actors.outcome import Unavailable, UnavailableCode
from engine.rejections import CODES, Rejection
from engine.state import (
    BETS_PER_ROUND_MAX,
    LIVE_GRANTS_MAX,
    OPEN_REDEMPTIONS_MAX,
    OPEN_WITHDRAWALS_MAX,
    RESULTS_PER_ROUND_MAX,
)
from engine.state.window import REMEMBERED_MAX
from gateway.access.auth import ProofAuth
from gateway.access.keys import ApiKeys
from gateway.app import GatewayApp
from gateway.http.errors import TABLE
from gateway.live_operations import OperationRefused
from gateway.ports import Checked, Finding, KeyTaken, ReportRefused, SandboxClock
from tests.support.engine_players import EnginePlayers
from tests.support.gateway_doubles import (
    SPIN,
    WAITS,
    RoleAuth,
    ScriptedControl,
    ScriptedOperations,
    ScriptedPlayers,
    ScriptedReaders,
    ScriptedReports,
    app_with,
    calling,
)


class Step(NamedTuple):
    """`{session}` in the path stands for the last round's session id."""

    method: str
    path: str
    json: Mapping[str, Any] | None = None
    key: str | None = None


def spin(tail: str, key: str | None = None) -> Step:
    return Step("POST", f"/spin?player_id=p1&{tail}", None, key)


def step(verb: str, key: str | None = None, **body: Any) -> Step:
    return Step("POST", f"/spin/{{session}}/{verb}", {"player_id": "p1", **body}, key)


def grant(campaign_id: str) -> Step:
    return Step("POST", "/players/p1/bonuses", {"campaign_id": campaign_id, "reason": "test"})


def rollback(transaction_id: str) -> Step:
    return Step("POST", "/spin/rollback", {"player_id": "p1", "transaction_id": transaction_id})


def withdraw(amount: int, key: str | None = None) -> Step:
    return Step("POST", "/players/p1/withdrawals", {"amount": amount}, key)


def points(count: int) -> Step:
    return Step("POST", "/loyalty/points/add", {"player_id": "p1", "points": count, "reason": "test"})


def force(level: str) -> Step:
    return Step("POST", "/loyalty/status/update", {"player_id": "p1", "level": level, "reason": "test"})


def redeem(count: int) -> Step:
    return Step("POST", "/loyalty/redemptions", {"player_id": "p1", "points": count})


def redemption(redemption_id: str, verb: str) -> Step:
    return Step("POST", f"/loyalty/redemptions/{redemption_id}/{verb}", {"player_id": "p1"})


def deposit(amount: int, key: str | None = None) -> Step:
    return Step("POST", "/players/p1/deposits", {"amount": amount}, key)


DUNES = "game_id=book-of-dunes&mode=real"
REEF = "game_id=coral-reef&mode=real"
FREE = "game_id=book-of-dunes&mode=freespin"
REGISTER = Step("PUT", "/players/p1", {"currency": "EUR"})
BLOCK = Step("POST", "/players/p1/block", {"reason": "fraud"})
ERASE = Step("POST", "/players/p1/erase", {"reason": "asked"})
DAY = Step("POST", "/sandbox/clock", {"advance_seconds": 86_400})
RICH = (REGISTER, deposit(100_000))
OPEN = (*RICH, spin(f"{DUNES}&bet=100"))

BY_THE_RULES: Mapping[str, Sequence[Step]] = {
    "player_not_found": [deposit(100)],
    "player_exists": [REGISTER, Step("PUT", "/players/p1", {"currency": "SEK"})],
    "unsupported_currency": [Step("PUT", "/players/p1", {"currency": "NOK"})],
    "player_blocked": [*RICH, BLOCK, spin(f"{DUNES}&bet=100")],
    "unknown_game": [*RICH, spin("game_id=nope&mode=real&bet=100")],
    "session_not_found": [*RICH, Step("GET", "/spin/nope?player_id=p1")],
    "campaign_not_found": [REGISTER, grant("nope")],
    "not_eligible": [REGISTER, grant("personal")],
    "grant_declined": [REGISTER, grant("fortune")],
    "round_open": [*OPEN, spin(f"{DUNES}&bet=100&win=0")],
    "round_closed": [*OPEN, step("result", win=0), step("result", win=5)],
    "round_has_result": [*OPEN, step("result", win=5, final=False), step("cancel")],
    "rolled_back": [*RICH, rollback("late"), spin(f"{DUNES}&bet=100", "late")],
    "win_already_spent": [
        REGISTER,
        deposit(100),
        spin(f"{DUNES}&bet=100&win=1000", "lucky"),
        spin(f"{REEF}&bet=1000&win=0"),
        rollback("lucky"),
    ],
    "not_a_bet": [REGISTER, deposit(100, "dep"), rollback("dep")],
    "flag_not_found": [REGISTER, Step("POST", "/players/p1/flags/f0/clear", {"reason": "done"})],
    "no_free_spins": [REGISTER, spin(FREE)],
    "free_spin_game_mismatch": [REGISTER, grant("spins"), spin("game_id=coral-reef&mode=freespin")],
    "free_spin_bet_mismatch": [REGISTER, grant("spins"), spin(f"{FREE}&bet=20")],
    "bet_below_min": [*RICH, spin(f"{DUNES}&bet=9")],
    "bet_above_max": [*RICH, spin(f"{DUNES}&bet=10001")],
    "bonus_max_bet": [*RICH, grant("gift"), spin(f"{DUNES}&bet=51")],
    "insufficient_funds": [REGISTER, deposit(99), spin(f"{DUNES}&bet=100")],
    "idempotency_conflict": [REGISTER, deposit(100, "same"), deposit(200, "same")],
    "already_processed": [REGISTER, deposit(1, "first"), *[deposit(1)] * REMEMBERED_MAX, deposit(1, "first")],
    "player_erased": [REGISTER, ERASE, REGISTER],
    "account_not_empty": [*RICH, ERASE],
    "geo_blocked": [REGISTER, Step("POST", "/players/p1/sessions", {"country": "KP"})],
    "code_not_found": [REGISTER, Step("POST", "/players/p1/codes", {"code": "nobodys"})],
    "grant_not_found": [REGISTER, Step("POST", "/players/p1/bonuses/g1-1/claim")],
    "withdrawal_not_found": [REGISTER, Step("POST", "/players/p1/withdrawals/w1/confirm")],
    "invalid_state": [*RICH, withdraw(400), *[Step("POST", "/players/p1/withdrawals/w3/cancel", {})] * 2],
    "bonus_would_be_lost": [*RICH, grant("gift"), withdraw(400)],
    "round_refunded": [*OPEN, DAY, step("result", win=750)],
    "insufficient_points": [*RICH, points(1_000), redeem(1_000), redeem(1_000)],
    "invalid_redemption": [*RICH, points(2_000), redeem(1_050)],
    "redemption_not_found": [*RICH, redemption("r1", "confirm")],
    "level_not_found": [*RICH, force("adamantium")],
}
FULL: Mapping[str, tuple[str, Sequence[Step]]] = {
    "bets of a round": ("fix_request", [*OPEN, *[step("bet", amount=10)] * BETS_PER_ROUND_MAX]),
    "results of a round": (
        "fix_request",
        [*OPEN, *[step("result", win=0, final=False)] * RESULTS_PER_ROUND_MAX, step("result", win=0, final=False)],
    ),
    "live grants": ("refresh", [*RICH, *[grant("often")] * LIVE_GRANTS_MAX, grant("often")]),
    "open withdrawals": ("refresh", [*RICH, *[withdraw(1)] * OPEN_WITHDRAWALS_MAX, withdraw(1, "more")]),
    "open redemptions": (
        "refresh",
        [*RICH, points(100_000), *[redeem(1_000)] * OPEN_REDEMPTIONS_MAX, redeem(1_000)],
    ),
}
"""Bounds of the player's own: the action that helps."""
DECLINED_REDEMPTION = [*RICH, points(100_100), redeem(100_100), redemption("r4", "confirm")]
"""1 001 EUR in a week."""


async def play(client: httpx.AsyncClient, steps: Sequence[Step]) -> httpx.Response:
    """Plays all steps, of which only the last may be refused."""
    session = ""
    for number, each in enumerate(steps):
        path = each.path.replace("{session}", session)
        headers = {} if each.method == "GET" else {"idempotency-key": each.key or f"k{number}"}
        response = await client.request(each.method, path, json=each.json, headers=headers)
        assert number == len(steps) - 1 or response.status_code < 300, response.text
        session = response.json().get("session_id") or session
    return response


class Clockwork(ScriptedControl):
    """The sandbox clock is the players'."""

    def __init__(self, players: EnginePlayers) -> None:
        super().__init__()
        self._players = players

    async def advance_clock(self, seconds: int, command_id: str) -> SandboxClock | KeyTaken:
        self._players.now_ms += seconds * 1000
        return await super().advance_clock(seconds, command_id)


def house() -> GatewayApp:
    """The rules behind the gateway."""
    players = EnginePlayers()
    return app_with(players, control=Clockwork(players))


@pytest.mark.parametrize("code", BY_THE_RULES)
async def test_refusals_of_the_rules(code: str) -> None:
    async with calling(house()) as client:
        check(await play(client, BY_THE_RULES[code]), code)


@pytest.mark.parametrize("bound", FULL)
async def test_a_full_bound_says_what_helps(bound: str) -> None:
    action, steps = FULL[bound]
    async with calling(house()) as client:
        response = await play(client, steps)
    check(response, "overloaded", action)


async def test_what_a_full_bound_says_does_help() -> None:
    async with calling(house()) as client:
        refused = await play(client, FULL["open withdrawals"][1])
        opened = (await client.get("/players/p1")).json()["withdrawals"]
        await play(client, [Step("POST", f"/players/p1/withdrawals/{opened[0]['withdrawal_id']}/cancel", {}, "free")])
        again = await play(client, [withdraw(1, "more")])
    assert (refused.status_code, again.status_code) == (429, 201)


async def test_campaigns_that_changed_meanwhile_are_looked_up_anew_by_the_same_key() -> None:
    players = ScriptedPlayers(Rejection("overloaded", "The campaigns changed."))
    async with calling(app_with(players)) as client:
        check(await client.get("/players/p1"), "overloaded")


async def test_refusals_carry_what_helps() -> None:
    async with calling(house()) as client:
        poor = (await play(client, BY_THE_RULES["insufficient_funds"])).json()
    async with calling(house()) as client:
        resume = (await play(client, BY_THE_RULES["round_open"])).json()
        found = await client.get(f"/spin/{resume['session_id']}?player_id=p1")
    async with calling(house()) as client:
        lost = (await play(client, BY_THE_RULES["bonus_would_be_lost"])).json()
    async with calling(house()) as client:
        refunded = (await play(client, BY_THE_RULES["round_refunded"])).json()
    async with calling(house()) as client:
        declined = (await play(client, DECLINED_REDEMPTION)).json()
        kept = (await client.get("/loyalty/p1")).json()
    async with calling(house()) as client:
        few = (await play(client, BY_THE_RULES["insufficient_points"])).json()
    async with calling(house()) as client:
        odd = (await play(client, BY_THE_RULES["invalid_redemption"])).json()
    assert (declined["reasons"], kept["points"]["locked"]) == (["max_bonus_per_player"], 100_100)
    assert (few["available"], odd["min_points"], odd["step"]) == (0, 1_000, 100)
    assert (lost["grants"], lost["free_spins"]) == ([{"grant_id": "g3-1", "balance": 500}], [])
    assert (refunded["session_id"], refunded["amount"]) == ("p1-3", 750)
    assert poor["balance"] == {"real": 99, "bonus": 0, "bonus_usable": 0, "withdrawable": 99}
    assert found.json()["state"] == "open"


BY_THE_GATEWAY: Mapping[str, Callable[[httpx.AsyncClient], Any]] = {
    "invalid_request": lambda client: client.post("/spin"),
    "idempotency_key_required": lambda client: client.post(SPIN),
    "not_found": lambda client: client.get("/nope"),
    "method_not_allowed": lambda client: client.delete("/players/p1"),
    "body_too_large": lambda client: client.post("/players/p1/deposits", content=b"x" * 2_000_000),
    "unsupported_media_type": lambda client: client.post("/players/p1/deposits", data={"amount": "1"}),
}


@pytest.mark.parametrize("code", BY_THE_GATEWAY)
async def test_refusals_of_the_gateway(code: str) -> None:
    async with calling(app_with()) as client:
        check(await BY_THE_GATEWAY[code](client), code)


@pytest.mark.parametrize("path", ["/spin/s-1?player_id=p1", "/players/p1"])
async def test_unauthenticated(path: str) -> None:
    async with calling(app_with(auth=ProofAuth(ApiKeys()))) as client:
        response = await client.get(path)
    check(response, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/spin/s-1?player_id=p1", "/players/p1"])
async def test_forbidden(path: str) -> None:
    async with calling(app_with(auth=RoleAuth("auditor"))) as client:
        check(await client.get(path), "forbidden")


async def test_a_reader_that_is_not_there() -> None:
    async with calling(app_with(reader_names=())) as client:
        check(await client.get("/readers/archive/stopped"), "reader_not_found")


@pytest.mark.parametrize("code", ["shard_not_found", "invalid_state"])
async def test_refusals_of_the_supervisor(code: str) -> None:
    operations = ScriptedOperations(OperationRefused(code, "Words of the supervisor."))
    async with calling(app_with(operations=operations)) as client:
        response = await client.post("/cluster/drain", json={"shard": "s9"}, headers={"idempotency-key": "k1"})
    check(response, code)
    assert response.json()["detail"] == "Words of the supervisor."


@pytest.mark.parametrize("code", ["webhook_not_found", "replay_impossible"])
async def test_refusals_of_a_reader(code: str) -> None:
    readers = ScriptedReaders({"refused": code, "detail": "Words of the reader."})
    async with calling(app_with(readers=readers)) as client:
        response = await client.post("/webhooks/crm/replay", json={"ids": ["p1-1-0"]})
    check(response, code)
    assert response.json()["detail"] == "Words of the reader."


@pytest.mark.parametrize("code", ["report_not_found", "report_unavailable", "overloaded"])
async def test_refusals_of_a_report(code: str) -> None:
    reports = ScriptedReports(ReportRefused(code, "Words of whoever makes it."))
    async with calling(app_with(reports=reports)) as client:
        response = await client.get("/reports/ggr.csv")
    check(response, code)
    assert response.json()["detail"] == "Words of whoever makes it."


async def test_receipt_pending() -> None:
    readers = ScriptedReaders({"outcome": "pending", "retry_after_s": 42})
    async with calling(app_with(readers=readers)) as client:
        response = await client.get("/players/p1/receipts/s-1")
    check(response, "receipt_pending")
    assert response.headers["retry-after"] == "42"


@pytest.mark.parametrize(("approval_id", "code"), [(WAITS, "own_proposal"), ("feed", "approval_not_found")])
async def test_refusals_of_an_approval(approval_id: str, code: str) -> None:
    headers = {"idempotency-key": "k", "x-api-key": "bob"}
    async with calling(app_with()) as client:
        check(await client.post(f"/approvals/{approval_id}/approve", headers=headers), code)


async def test_catalog_invalid_lists_the_problems() -> None:
    problem = Finding("campaigns/a.yaml", 7, "write `multiplier` in quotes")
    control = ScriptedControl(Checked((problem,), (), ("campaigns/a.yaml",), 7))
    async with calling(app_with(control=control)) as client:
        files = {"files": {"campaigns/a.yaml": "a"}}
        response = await client.post("/catalog/deploy", json=files, headers={"idempotency-key": "k"})
    check(response, "catalog_invalid")
    assert response.json()["errors"] == [problem._asdict()]
    assert control.deploys == []


@pytest.mark.parametrize("code", get_args(UnavailableCode))
@pytest.mark.parametrize("path", ["/spin/s-1?player_id=p1", "/players/p1"])
async def test_unavailable(code: UnavailableCode, path: str) -> None:
    players = ScriptedPlayers(Unavailable(code, "Later.", retry_after_s=3))
    async with calling(app_with(players)) as client:
        response = await client.get(path)
    check(response, code)
    assert response.headers["retry-after"] == "3"
    assert (response.json()["retryable"], response.json()["action"]) == (True, "retry_same_key")


@pytest.mark.parametrize("path", ["/spin/s-1?player_id=p1", "/players/p1"])
async def test_a_refusal_without_a_row_is_a_bug_and_answered_as_one(path: str) -> None:
    async with calling(app_with(ScriptedPlayers(Rejection("no_such_code", "hidden")))) as client:
        response = await client.get(path)
    check(response, "internal_error")
    assert "hidden" not in response.text


def check(response: httpx.Response, code: str, action: str | None = None) -> None:
    """A complete problem document, as the table says, or with the action that the refusal brings."""
    row = TABLE[code] if action is None else TABLE[code]._replace(action=action, retryable=False)
    document = response.json()
    assert document["code"] == code, document
    assert response.status_code == document["status"] == row.status
    assert response.headers["content-type"] == "application/problem+json"
    assert document["type"] == f"urn:croupier:problem:{code}"
    assert (document["title"], document["action"], document["retryable"]) == (row.title, row.action, row.retryable)
    assert re.search(r"\w", document["detail"])
    assert ("retry-after" in response.headers) == (row.status in (429, 503) or code == "receipt_pending")


def test_every_refusal_has_a_row() -> None:
    assert CODES | set(get_args(UnavailableCode)) <= set(TABLE)


def test_every_row_is_produced_above() -> None:
    others = {"unauthenticated", "forbidden", "internal_error", *get_args(UnavailableCode)}
    others |= {"catalog_invalid", "webhook_not_found", "replay_impossible", "receipt_pending"}
    others |= {"own_proposal", "approval_not_found", "reader_not_found", "shard_not_found"}
    others |= {"report_not_found", "report_unavailable"}
    assert set(TABLE) == {*BY_THE_RULES, *BY_THE_GATEWAY, *others}


def test_only_what_may_succeed_unchanged_is_retryable() -> None:
    assert {code for code, row in TABLE.items() if row.retryable} == {
        code for code, row in TABLE.items() if row.action == "retry_same_key"
    }
