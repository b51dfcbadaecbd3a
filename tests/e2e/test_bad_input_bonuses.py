"""Bad input to what operators, marketing and the cashier do with bonuses: a problem document, and nothing has changed.

The same for everybody else is in `test_bad_input`.
"""

from collections.abc import Callable
from typing import Any

import pytest

from croupier.catalog.folder import read_folder
from croupier.settings import default_catalog
from tests.e2e.test_bad_input import next_version, picture, problem
from tests.support.croupier_up import Api, token

pytestmark = pytest.mark.timeout(240)

NewPlayer = Callable[..., str]
MARKETING, SUPPORT, OPS, LOYALTY = "marketing_manager", "support", "ops", "loyalty_admin"
BONUSES, WITHDRAWALS = "/players/{p}/bonuses", "/players/{p}/withdrawals"
GRANT = "/players/{p}/bonuses/{g}"
WHY = {"reason": "a test"}

CASES: list[tuple[str, str, str, Any, int, str]] = [
    # who, method, target ({p} player, {g} the welcome bonus in wager), body, status, code
    (MARKETING, "POST", BONUSES, {"campaign_id": "goodwill-5"}, 400, "invalid_request"),
    (MARKETING, "POST", BONUSES, {"reason": "a test"}, 400, "invalid_request"),
    (MARKETING, "POST", BONUSES, {"campaign_id": "goodwill-5", "reason": ""}, 400, "invalid_request"),
    (MARKETING, "POST", BONUSES, {"campaign_id": "goodwill-5", "reason": "x" * 501}, 400, "invalid_request"),
    (MARKETING, "POST", BONUSES, {"campaign_id": "goodwill-5", "reason": "a\nb"}, 400, "invalid_request"),
    (MARKETING, "POST", BONUSES, {"campaign_id": "../platform", "reason": "a test"}, 400, "invalid_request"),
    (MARKETING, "POST", BONUSES, {"campaign_id": 5, "reason": "a test"}, 400, "invalid_request"),
    (MARKETING, "POST", BONUSES, {"campaign_id": "goodwill-5", "reason": "r", "amount": 9}, 400, "invalid_request"),
    (MARKETING, "POST", BONUSES, {"campaign_id": "no-such", "reason": "a test"}, 404, "campaign_not_found"),
    (MARKETING, "POST", BONUSES, {"campaign_id": "vip-250", "reason": "a test"}, 409, "not_eligible"),
    (MARKETING, "POST", "/players/nobody/bonuses", {"campaign_id": "goodwill-5", "reason": "r"}, 404,
     "player_not_found"),
    (SUPPORT, "POST", BONUSES, {"campaign_id": "goodwill-5", "reason": "a test"}, 403, "forbidden"),
    (OPS, "POST", BONUSES, {"campaign_id": "goodwill-5", "reason": "a test"}, 403, "forbidden"),
    (LOYALTY, "POST", BONUSES, {"campaign_id": "goodwill-5", "reason": "a test"}, 403, "forbidden"),
    (MARKETING, "DELETE", BONUSES, None, 405, "method_not_allowed"),
    (MARKETING, "POST", GRANT + "/approve", WHY, 409, "invalid_state"),
    (MARKETING, "POST", GRANT + "/decline", WHY, 409, "invalid_state"),
    (MARKETING, "POST", GRANT + "/release", WHY, 409, "invalid_state"),
    ("platform", "POST", GRANT + "/claim", None, 409, "invalid_state"),
    (MARKETING, "POST", BONUSES + "/g9-9/approve", WHY, 404, "grant_not_found"),
    (MARKETING, "POST", BONUSES + "/g9-9/decline", WHY, 404, "grant_not_found"),
    (MARKETING, "POST", BONUSES + "/g9-9/release", WHY, 404, "grant_not_found"),
    (MARKETING, "POST", BONUSES + "/g9-9/cancel", WHY, 404, "grant_not_found"),
    (SUPPORT, "GET", BONUSES + "/g9-9/cancel-preview", None, 404, "grant_not_found"),
    (MARKETING, "POST", GRANT + "/approve", {}, 400, "invalid_request"),
    (MARKETING, "POST", GRANT + "/approve", {"reason": 7}, 400, "invalid_request"),
    (MARKETING, "POST", GRANT + "/approve", [], 400, "invalid_request"),
    (MARKETING, "POST", GRANT + "/explode", WHY, 404, "not_found"),
    (MARKETING, "POST", BONUSES + "/%00/approve", WHY, 400, "invalid_request"),
    (MARKETING, "POST", GRANT + "/claim", {}, 403, "forbidden"),
    ("platform", "POST", GRANT + "/claim", {"reason": "not asked for"}, 400, "invalid_request"),
    ("platform", "POST", GRANT + "/cancel", {"reason": None, "all": True}, 400, "invalid_request"),
    (SUPPORT, "POST", GRANT + "/cancel", WHY, 403, "forbidden"),
    ("platform", "POST", WITHDRAWALS, {"amount": 100}, 409, "bonus_would_be_lost"),
    ("platform", "POST", WITHDRAWALS, {"amount": 1_001, "forfeit_bonuses": True}, 402, "insufficient_funds"),
    ("platform", "POST", WITHDRAWALS, {"amount": 0, "forfeit_bonuses": True}, 400, "invalid_request"),
    ("platform", "POST", WITHDRAWALS, {"amount": -5, "forfeit_bonuses": True}, 400, "invalid_request"),
    ("platform", "POST", WITHDRAWALS, {"amount": 10**16, "forfeit_bonuses": True}, 400, "invalid_request"),
    ("platform", "POST", WITHDRAWALS, {"amount": 100, "forfeit_bonuses": "yes"}, 400, "invalid_request"),
    ("platform", "POST", WITHDRAWALS + "/w9/confirm", None, 404, "withdrawal_not_found"),
    ("platform", "POST", WITHDRAWALS + "/w9/cancel", None, 404, "withdrawal_not_found"),
    ("platform", "POST", WITHDRAWALS + "/w9/confirm", {"amount": 1}, 400, "invalid_request"),
    (OPS, "POST", WITHDRAWALS, {"amount": 100, "forfeit_bonuses": True}, 403, "forbidden"),
    (MARKETING, "POST", "/catalog/check", {}, 400, "invalid_request"),
    (MARKETING, "POST", "/catalog/check", {"files": []}, 400, "invalid_request"),
    (MARKETING, "POST", "/catalog/deploy", {"files": {"games.yaml": 7}}, 400, "invalid_request"),
    (MARKETING, "POST", "/catalog/deploy", {"files": {"": "x"}}, 400, "invalid_request"),
    (SUPPORT, "POST", "/catalog/check", {"files": {}}, 403, "forbidden"),
    (SUPPORT, "POST", "/catalog/deploy", {"files": {}}, 403, "forbidden"),
    (MARKETING, "GET", "/campaigns/no-such", None, 404, "campaign_not_found"),
    (MARKETING, "GET", "/campaigns?lang=" + "x" * 100, None, 400, "invalid_request"),
    (MARKETING, "GET", "/campaigns?surprise=1", None, 400, "invalid_request"),
]  # fmt: skip


def case_id(case: tuple[str, str, str, Any, int, str]) -> str:
    return f"{case[5]}-{case[0]}-{case[1]}-{case[2][:50]}-{str(case[3])[:40]}"


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_bad_request_is_a_problem_document_and_changes_nothing(
    api: Api, new_player: NewPlayer, case: tuple[str, str, str, Any, int, str]
) -> None:
    who, method, target, body, status, code = case
    player_id = new_player()
    before = all_of(api, player_id)
    target = target.format(p=player_id, g=before[0]["grants"][0]["grant_id"])
    if who == "platform":
        answer = api.platform(method, target, body)
    else:
        answer = api.person(who, method, target, body, key=api.new_key())
    document = problem(answer, status, code)
    if code == "invalid_request":
        assert document["errors"][0]["field"] and document["errors"][0]["reason"]
    assert all_of(api, player_id) == before
    assert next_version(api, player_id) == 3  # 1 registered, 2 deposited


def all_of(api: Api, player_id: str) -> tuple[Any, ...]:
    """All that can be seen of a player, and the catalog in force."""
    return *picture(api, player_id), api.person("auditor", "GET", "/catalog").json()


@pytest.mark.parametrize("verdict", ["approve", "decline", "release", "cancel", "claim"])
def test_every_decision_needs_a_key(api: Api, new_player: NewPlayer, verdict: str) -> None:
    player_id = new_player()
    before = all_of(api, player_id)
    target = f"/players/{player_id}/bonuses/{before[0]['grants'][0]['grant_id']}/{verdict}"
    by_player, by_operator = api.platform("POST", target, key=""), api.person(MARKETING, "POST", target, WHY, key="")
    problem(by_player if verdict == "claim" else by_operator, 400, "idempotency_key_required")
    assert all_of(api, player_id) == before


def test_another_verdict_under_the_same_key_is_a_conflict(api: Api, new_player: NewPlayer) -> None:
    player_id, key = new_player(), api.new_key()
    body = {"campaign_id": "goodwill-5", "reason": "a test"}
    target = f"/players/{player_id}/bonuses"
    first = api.person(MARKETING, "POST", target, body, key=key)
    assert first.status_code == 201
    problem(api.person(MARKETING, "POST", target, body | {"reason": "other"}, key=key), 409, "idempotency_conflict")
    again = api.person(MARKETING, "POST", target, body, key=key)
    assert (again.status_code, again.json()) == (200, first.json() | {"replayed": True})


def test_a_deploy_needs_a_key_and_a_key_stands_for_one_deploy(api: Api) -> None:
    files = {name: content.decode() for name, content in read_folder(default_catalog()).items()}
    before, key = api.person("auditor", "GET", "/catalog").json(), api.new_key()
    problem(api.person(MARKETING, "POST", "/catalog/deploy", {"files": files}, ""), 400, "idempotency_key_required")
    first = api.person(MARKETING, "POST", "/catalog/deploy", {"files": files}, key)
    again = api.person(MARKETING, "POST", "/catalog/deploy", {"files": files}, key)
    assert (first.json()["replayed"], again.json()) == (False, first.json() | {"replayed": True})
    files["locales/en.json"] += "\n"
    problem(api.person(MARKETING, "POST", "/catalog/deploy", {"files": files}, key), 409, "idempotency_conflict")
    assert api.person("auditor", "GET", "/catalog").json() == before


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b'{"files": {"a": ', 400),
        ("application/json", b'{"files": {"a": "\xff"}}', 400),
        ("multipart/form-data", b"no boundary", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nnever ends", 400),
        ("text/yaml", b"games: {}", 415),
    ],
)
def test_what_is_no_bundle_is_refused(api: Api, content_type: str, content: bytes, status: int) -> None:
    headers = {"authorization": f"Bearer {token(MARKETING)}", "content-type": content_type}
    for route in ("/catalog/check", "/catalog/deploy"):
        answer = api.plain("POST", route, content=content, headers=headers)
        problem(answer, status, "invalid_request" if status == 400 else "unsupported_media_type")


def test_a_bundle_of_strangers_is_told_so(api: Api) -> None:
    """Names that lead out of the folder are compared, never opened."""
    files = {"files": {"../../etc/passwd": "root", "campaigns/../x.yaml": "id: x"}}
    checked = api.person(OPS, "POST", "/catalog/check", files)
    assert checked.status_code == 200
    named = {finding["file"] for finding in checked.json()["problems"]}
    assert {"../../etc/passwd", "campaigns/../x.yaml", "games.yaml", "platform.yaml"} <= named
    document = problem(api.person(OPS, "POST", "/catalog/deploy", files), 403, "forbidden")
    assert document["action"] == "stop"
