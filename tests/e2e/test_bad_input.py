"""Bad input over real sockets: a 4xx problem document, and nothing has changed (HTTP API, "Errors")."""

import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from croupier.catalog.folder import read_folder
from croupier.settings import default_catalog
from gateway.http.errors import TABLE
from tests.e2e.bad_requests import CASES, SPIN
from tests.support.croupier_up import SIGNERS, Api
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(240)

NewPlayer = Callable[..., str]
WITHOUT_SIGNAL = {"overloaded", "shard_unavailable", "journal_unavailable", "outcome_unknown", "internal_error"}
WITHOUT_SIGNAL |= {"round_refunded", "replay_impossible", "receipt_pending", "own_proposal", "report_unavailable"}
WITHOUT_SIGNAL |= {"rate_limited"}
"""Rows that no input can cause here: they need a failure, time, a house with `four_eyes` or a client with a limit, and
are shown in unit and integration tests.
"""

SHOWN_BELOW = {
    "idempotency_key_required", "unauthenticated", "insufficient_funds", "player_blocked", "campaign_not_found",
    "unsupported_media_type", "idempotency_conflict", "already_processed", "not_eligible", "round_open", "round_closed",
    "round_has_result", "rolled_back", "win_already_spent", "no_free_spins", "invalid_state", "catalog_invalid",
    "level_not_found", "grant_declined", "not_a_bet", "flag_not_found", "account_not_empty",
    "player_erased", "webhook_not_found", "approval_not_found", "reader_not_found", "report_not_found",
    "gaming_disabled", "game_blocked", "campaign_blocked", "shard_not_found",
}  # fmt: skip


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The document, if it is the problem expected."""
    document: dict[str, Any] = response.json()
    assert (response.status_code, document.get("code")) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "code", "detail", "retryable", "action"} <= set(document)
    assert document["status"] == status
    return document


def picture(api: Api, player_id: str) -> tuple[Any, Any]:
    """All that can be seen of a player."""
    view = api.platform("GET", f"/players/{player_id}").json()
    return view, api.game("GET", f"/players/{player_id}/rounds").json()


def next_version(api: Api, player_id: str) -> int:
    """Session ids end with the version their spin made: one accepted command more would show."""
    session: str = api.game("POST", SPIN.format(p=player_id) + "&win=0").json()["session_id"]
    return int(session.rpartition("-")[2])


def ask(api: Api, who: str, method: str, target: str, body: Any, player_id: str) -> httpx.Response:
    """A case with the player's id filled in."""
    if isinstance(body, dict):
        body = {name: value.replace("{p}", player_id) if value == "{p}" else value for name, value in body.items()}
    elif isinstance(body, bytes):
        body = body.replace(b"{p}", player_id.encode())
    caller = api.game if who == "game" else api.platform
    return caller(method, target.replace("{p}", player_id), body)


def case_id(case: tuple[str, str, str, Any, int, str]) -> str:
    return f"{case[5]}-{case[1]}-{case[2][:60]}-{str(case[3])[:30]}"


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_bad_request_is_a_problem_document_and_changes_nothing(
    api: Api, new_player: NewPlayer, case: tuple[str, str, str, Any, int, str]
) -> None:
    who, method, target, body, status, code = case
    player_id = new_player()
    before = picture(api, player_id)
    document = problem(ask(api, who, method, target, body, player_id), status, code)
    if code == "invalid_request":
        assert document["errors"][0]["field"] and document["errors"][0]["reason"]
    assert picture(api, player_id) == before
    assert next_version(api, player_id) == 3  # 1 registered, 2 deposited


def test_a_player_is_erased_once_nothing_is_owed(api: Api, new_player: NewPlayer) -> None:
    rich, poor = new_player(), new_player(0)
    erase = {"reason": "asked for"}
    refused = problem(api.person("support", "POST", f"/players/{rich}/erase", erase), 409, "account_not_empty")
    assert "real money" in refused["detail"]
    assert api.person("support", "POST", f"/players/{poor}/erase", erase).status_code == 200
    problem(api.platform("PUT", f"/players/{poor}", {"currency": "EUR"}), 403, "player_erased")


def test_a_shard_that_is_not_there_can_not_be_drained(api: Api) -> None:
    problem(api.person("ops", "POST", "/cluster/drain", {"shard": "s63"}, key="drain"), 404, "shard_not_found")


def test_an_endpoint_that_is_not_configured(api: Api) -> None:
    problem(api.person("ops", "POST", "/webhooks/pms/test", {}), 404, "webhook_not_found")
    assert api.person("ops", "GET", "/webhooks").json() == {"endpoints": []}


@pytest.mark.parametrize(
    ("role", "method", "target", "code"),
    [
        ("loyalty_admin", "POST", "/approvals/feed/approve", "approval_not_found"),
        ("ops", "GET", "/readers/nobody/stopped", "reader_not_found"),
        ("auditor", "GET", "/reports/nothing.csv", "report_not_found"),
    ],
)
def test_what_people_name_must_be_there(api: Api, role: str, method: str, target: str, code: str) -> None:
    problem(api.person(role, method, target, {} if method == "POST" else None), 404, code)


def test_every_row_of_the_error_table_is_shown() -> None:
    assert {case[5] for case in CASES} | SHOWN_BELOW | WITHOUT_SIGNAL == set(TABLE)


class TestProof:
    """Who is calling."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"x_request_sign": "0" * 64},
            {"x_request_sign": ""},
            {"x_api_key": "nobody"},
            {"x_request_timestamp": str(int(time.time()) - 301)},
            {"x_request_timestamp": "yesterday"},
        ],
    )
    def test_a_wrong_proof_is_refused(self, api: Api, new_player: NewPlayer, headers: dict[str, str]) -> None:
        player_id = new_player()
        problem(api.game("POST", SPIN.format(p=player_id), **headers), 401, "unauthenticated")
        assert next_version(api, player_id) == 3

    def test_a_correct_signature_of_an_old_request_is_refused(
        self, api: Api, new_player: NewPlayer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player_id = new_player()
        now = time.time()
        with monkeypatch.context() as patch:
            patch.setattr("croupier.demo.client.time.time", lambda: now - 301)
            refused = api.game("POST", SPIN.format(p=player_id))
        problem(refused, 401, "unauthenticated")
        assert next_version(api, player_id) == 3

    def test_the_signature_covers_the_query(self, api: Api, new_player: NewPlayer) -> None:
        player_id, key = new_player(), api.new_key()
        target = SPIN.format(p=player_id)
        lines = SIGNERS["game_server"].proof("POST", target, key, b"").split("\r\n")
        headers = dict(line.split(": ") for line in lines if line) | {"idempotency-key": key}
        problem(api.plain("POST", target.replace("bet=100", "bet=10"), headers=headers), 401, "unauthenticated")
        assert api.plain("POST", target, headers=headers).status_code == 200

    def test_no_proof_at_all(self, api: Api, new_player: NewPlayer) -> None:
        problem(api.plain("GET", f"/players/{new_player()}"), 401, "unauthenticated")


class TestKeys:
    """Idempotency keys."""

    def test_a_change_needs_one(self, api: Api, new_player: NewPlayer) -> None:
        player_id = new_player()
        problem(api.game("POST", SPIN.format(p=player_id), key=""), 400, "idempotency_key_required")
        target = f"/players/{player_id}/deposits"
        problem(api.platform("POST", target, {"amount": 5}, key=""), 400, "idempotency_key_required")
        assert next_version(api, player_id) == 3

    def test_it_must_be_visible_ascii(self, api: Api, new_player: NewPlayer) -> None:
        player_id = new_player()
        problem(api.game("POST", SPIN.format(p=player_id), key="a b"), 400, "idempotency_key_required")
        problem(api.game("POST", SPIN.format(p=player_id), key="k" * 129), 400, "idempotency_key_required")
        assert b" 40" in raw(api, SPIN.format(p=player_id), "schlüssel".encode())
        assert next_version(api, player_id) == 3

    def test_other_content_is_a_conflict(self, api: Api, new_player: NewPlayer) -> None:
        player_id, key = new_player(), api.new_key()
        first = api.game("POST", SPIN.format(p=player_id) + "&win=0", key=key).json()
        problem(api.game("POST", SPIN.format(p=player_id) + "&win=5", key=key), 409, "idempotency_conflict")
        again = api.game("POST", SPIN.format(p=player_id) + "&win=0", key=key).json()
        assert again == first | {"replayed": True}

    def test_long_past_keys_are_refused_not_repeated(self, api: Api, new_player: NewPlayer) -> None:
        player_id, key = new_player(60_000), api.new_key()
        target = SPIN.format(p=player_id) + "&win=100"
        api.game("POST", target, key=key)
        for _ in range(128):
            api.game("POST", target)
        before = picture(api, player_id)
        problem(api.game("POST", target, key=key), 409, "already_processed")
        assert picture(api, player_id) == before


def raw(api: Api, target: str, key: bytes) -> bytes:
    """What comes back for a signed spin with a key of any bytes."""
    proof = SIGNERS["game_server"].proof("POST", target, "", b"").encode()
    head = b"POST " + target.encode() + b" HTTP/1.1\r\nhost: x\r\n" + proof + b"idempotency-key: " + key + b"\r\n\r\n"
    url = httpx.URL(api.url)
    with socket.create_connection((url.host, url.port or 80), timeout=PATIENCE_S) as connection:
        connection.sendall(head)
        return connection.recv(4096)


def test_other_content_types_are_refused(api: Api, new_player: NewPlayer) -> None:
    player_id = new_player()
    for caller, target in ((api.platform, f"/players/{player_id}/deposits"), (api.game, f"/spin/{player_id}-1/result")):
        problem(caller("POST", target, b"amount=1", content_type="text/plain"), 415, "unsupported_media_type")
    assert next_version(api, player_id) == 3


def test_a_bet_beyond_all_money_moves_nothing_and_shows_the_balance(api: Api, new_player: NewPlayer) -> None:
    player_id = new_player(100)
    refused = api.game("POST", SPIN.format(p=player_id).replace("bet=100", "bet=101"))
    assert problem(refused, 402, "insufficient_funds")["balance"]["real"] == 100
    assert next_version(api, player_id) == 3


def test_a_blocked_player_can_settle_but_not_bet(api: Api, new_player: NewPlayer) -> None:
    player_id = new_player()
    session = api.game("POST", SPIN.format(p=player_id)).json()["session_id"]
    assert api.platform("POST", f"/players/{player_id}/block", {"reason": "check"}).status_code == 200
    problem(api.game("POST", SPIN.format(p=player_id)), 403, "player_blocked")
    problem(api.platform("POST", f"/players/{player_id}/deposits", {"amount": 100}), 403, "player_blocked")
    result = api.game("POST", f"/spin/{session}/result", {"player_id": player_id, "win": 50})
    assert (result.status_code, result.json()["state"]) == (200, "closed")


def test_rounds_refuse_what_their_state_forbids(api: Api, new_player: NewPlayer) -> None:
    player_id = new_player()
    session = api.game("POST", SPIN.format(p=player_id)).json()["session_id"]
    assert problem(api.game("POST", SPIN.format(p=player_id)), 409, "round_open")["session_id"] == session
    api.game("POST", f"/spin/{session}/result", {"player_id": player_id, "win": 5, "final": False})
    problem(api.game("POST", f"/spin/{session}/cancel", {"player_id": player_id}), 409, "round_has_result")
    api.game("POST", f"/spin/{session}/result", {"player_id": player_id, "win": 5})
    problem(api.game("POST", f"/spin/{session}/cancel", {"player_id": player_id}), 409, "round_closed")


def test_a_rollback_names_a_bet(api: Api, new_player: NewPlayer) -> None:
    player_id = new_player()
    opened = api.game("POST", SPIN.format(p=player_id)).json()["session_id"]
    settled = api.game("POST", f"/spin/{opened}/result", {"player_id": player_id, "win": 5}, key=f"{player_id}-r")
    assert settled.status_code == 200
    before = picture(api, player_id)
    undo = {"player_id": player_id, "transaction_id": f"{player_id}-r"}
    problem(api.game("POST", "/spin/rollback", undo), 409, "not_a_bet")
    assert picture(api, player_id) == before


def test_a_flag_that_is_not_there(api: Api, new_player: NewPlayer) -> None:
    clear = f"/players/{new_player()}/flags/f0123456789abcdef/clear"
    answer = api.person("support", "POST", clear, {"reason": "dealt with"}, key=api.new_key())
    problem(answer, 404, "flag_not_found")


def test_a_bet_after_its_rollback_is_refused(api: Api, new_player: NewPlayer) -> None:
    player_id, key = new_player(), api.new_key()
    undo = {"player_id": player_id, "transaction_id": key}
    assert api.game("POST", "/spin/rollback", undo).json()["status"] == "tombstoned"
    problem(api.game("POST", SPIN.format(p=player_id), key=key), 409, "rolled_back")


def test_a_win_that_is_gone_cannot_be_rolled_back(api: Api, new_player: NewPlayer) -> None:
    player_id, key = new_player(100), api.new_key()
    api.game("POST", SPIN.format(p=player_id) + "&win=300", key=key)
    api.game("POST", SPIN.format(p=player_id).replace("bet=100", "bet=300") + "&win=0")
    undo = {"player_id": player_id, "transaction_id": key}
    session_id = problem(api.game("POST", "/spin/rollback", undo), 409, "win_already_spent")["session_id"]
    [kept] = api.platform("GET", f"/players/{player_id}").json()["flagged"]
    assert (kept["code"], kept["session_id"], kept["amount"]) == ("win_already_spent", session_id, 300)


def test_grants_need_a_campaign_that_fits(api: Api, new_player: NewPlayer) -> None:
    target = f"/players/{new_player()}/bonuses"
    for campaign, status, code in (("no-such", 404, "campaign_not_found"), ("welcome-100", 409, "not_eligible")):
        body = {"campaign_id": campaign, "reason": "test"}
        problem(api.person("marketing_manager", "POST", target, body, key=api.new_key()), status, code)


@pytest.mark.parametrize("by", ["code", "operator"])
def test_what_the_gate_declines_says_why_and_its_key_says_it_again(api: Api, new_player: NewPlayer, by: str) -> None:
    """Two accounts paid with one card: no bonus for the second one (fraud.yaml); the declined grant is on record."""
    card = {"amount": 1_000, "payment_instrument": f"card-{by}"}
    first, second = new_player(0), new_player(0)
    assert api.platform("POST", f"/players/{first}/deposits", card).status_code == 201
    assert api.platform("POST", f"/players/{second}/deposits", card).status_code == 201
    held, key = len(api.platform("GET", f"/players/{second}/bonuses").json()["grants"]), api.new_key()
    for replayed in (False, True):
        if by == "code":
            answer = api.platform("POST", f"/players/{second}/codes", {"code": "SPRING"}, key=key)
        else:
            body = {"campaign_id": "goodwill-5", "reason": "a test"}
            answer = api.person("marketing_manager", "POST", f"/players/{second}/bonuses", body, key=key)
        document = problem(answer, 409, "grant_declined")
        assert (document["reasons"], document["replayed"]) == (["shared_instrument"], replayed)
        assert [award["state"] for award in document["declined"]] == ["declined"]
    grants = api.platform("GET", f"/players/{second}/bonuses").json()["grants"]
    assert (len(grants), grants[0]["grant_id"]) == (held + 1, document["declined"][0]["grant_id"])


def test_no_free_spins_without_a_package(api: Api, new_player: NewPlayer) -> None:
    target = f"/spin?player_id={new_player(500)}&game_id=book-of-dunes&mode=freespin"
    problem(api.game("POST", target), 409, "no_free_spins")


def test_a_withdrawal_ends_once(api: Api, new_player: NewPlayer) -> None:
    target = f"/players/{new_player(500)}/withdrawals"
    withdrawal_id = api.platform("POST", target, {"amount": 100}).json()["withdrawal_id"]
    assert api.platform("POST", f"{target}/{withdrawal_id}/cancel").json()["state"] == "cancelled"
    problem(api.platform("POST", f"{target}/{withdrawal_id}/confirm"), 409, "invalid_state")


def test_a_broken_catalog_is_refused_and_the_one_in_force_stays(api: Api) -> None:
    before = api.person("ops", "GET", "/catalog").json()
    files = {name: content.decode() for name, content in read_folder(default_catalog()).items()}
    files["games.yaml"] += "  book-of-dunes: {type: poker}\n"
    for path, status in (("/catalog/check", 200), ("/catalog/deploy", 409)):
        answer = api.person("ops", "POST", path, {"files": files}, key=api.new_key())
        assert answer.status_code == status
        found = answer.json()["problems"] if status == 200 else problem(answer, 409, "catalog_invalid")["errors"]
        assert found[0]["file"] == "games.yaml" and found[0]["line"] > 1 and found[0]["reason"]
    assert api.person("ops", "GET", "/catalog").json() == before
