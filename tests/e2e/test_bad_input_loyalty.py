"""Bad input to loyalty: a problem document, and nothing has changed. Points are spent once, whoever asks at once.

The same for everybody else is in `test_bad_input`.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.e2e.test_bad_input import next_version, picture, problem
from tests.support.croupier_up import Api

pytestmark = pytest.mark.timeout(240)

NewPlayer = Callable[..., str]
LOYALTY, MARKETING, SUPPORT, OPS, AUDITOR = "loyalty_admin", "marketing_manager", "support", "ops", "auditor"
ADD, LEVEL, REDEEM = "/loyalty/points/add", "/loyalty/status/update", "/loyalty/redemptions"
WHO = {"player_id": "{p}"}
WHY = WHO | {"reason": "a test"}

CASES: list[tuple[str, str, str, Any, int, str]] = [
    # who, method, target, body ({p} the player, who has no points), status, code
    (LOYALTY, "POST", ADD, WHY | {"points": 0}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": 0.5}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": 10.0}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": "10"}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": None}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": 10**9 + 1}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": -(10**9) - 1}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": 10**40}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHO | {"points": 10}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": 10, "level": "gold"}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, {"points": 10, "reason": "r"}, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, None, 400, "invalid_request"),
    (LOYALTY, "POST", ADD, WHY | {"points": -1}, 402, "insufficient_points"),
    (LOYALTY, "POST", ADD, {"player_id": "nobody", "points": 10, "reason": "r"}, 404, "player_not_found"),
    (MARKETING, "POST", ADD, WHY | {"points": 10}, 403, "forbidden"),
    (SUPPORT, "POST", ADD, WHY | {"points": 10}, 403, "forbidden"),
    (LOYALTY, "GET", ADD, None, 405, "method_not_allowed"),
    (LOYALTY, "POST", LEVEL, WHY | {"level": "adamantium"}, 404, "level_not_found"),
    (LOYALTY, "POST", LEVEL, WHY | {"level": "GOLD"}, 404, "level_not_found"),
    (LOYALTY, "POST", LEVEL, WHY | {"level": ""}, 400, "invalid_request"),
    (LOYALTY, "POST", LEVEL, WHY | {"level": 2}, 400, "invalid_request"),
    (LOYALTY, "POST", LEVEL, WHY | {"level": "../levels"}, 400, "invalid_request"),
    (LOYALTY, "POST", LEVEL, WHO | {"level": "gold"}, 400, "invalid_request"),
    (LOYALTY, "POST", LEVEL, {"player_id": "nobody", "level": "gold", "reason": "r"}, 404, "player_not_found"),
    (OPS, "POST", LEVEL, WHY | {"level": "gold"}, 403, "forbidden"),
    ("platform", "POST", LEVEL, WHY | {"level": "gold"}, 403, "forbidden"),
    ("platform", "POST", REDEEM, WHO | {"points": 0}, 400, "invalid_request"),
    ("platform", "POST", REDEEM, WHO | {"points": -1_000}, 400, "invalid_request"),
    ("platform", "POST", REDEEM, WHO | {"points": 1_000.5}, 400, "invalid_request"),
    ("platform", "POST", REDEEM, WHO | {"points": 10**9 + 100}, 400, "invalid_request"),
    ("platform", "POST", REDEEM, WHO | {"points": True}, 400, "invalid_request"),
    ("platform", "POST", REDEEM, WHO, 400, "invalid_request"),
    ("platform", "POST", REDEEM, WHO | {"points": 1_000, "amount": 99}, 400, "invalid_request"),
    ("platform", "POST", REDEEM, WHO | {"points": 900}, 409, "invalid_redemption"),
    ("platform", "POST", REDEEM, WHO | {"points": 1_001}, 409, "invalid_redemption"),
    ("platform", "POST", REDEEM, WHO | {"points": 1_000}, 402, "insufficient_points"),
    ("platform", "POST", REDEEM, {"player_id": "nobody", "points": 1_000}, 404, "player_not_found"),
    (LOYALTY, "POST", REDEEM, WHO | {"points": 1_000}, 403, "forbidden"),
    ("game", "POST", REDEEM, WHO | {"points": 1_000}, 403, "forbidden"),
    ("platform", "POST", REDEEM + "/r9/confirm", WHO, 404, "redemption_not_found"),
    ("platform", "POST", REDEEM + "/r9/cancel", WHO, 404, "redemption_not_found"),
    ("platform", "POST", REDEEM + "/r9/cancel", {}, 400, "invalid_request"),
    ("platform", "POST", REDEEM + "/%00/cancel", WHO, 400, "invalid_request"),
    ("platform", "POST", REDEEM + "/r9/explode", WHO, 404, "not_found"),
    (SUPPORT, "POST", REDEEM + "/r9/confirm", WHO, 403, "forbidden"),
    ("platform", "GET", "/loyalty/nobody", None, 404, "player_not_found"),
    ("platform", "GET", "/loyalty/{p}?lang=de", None, 400, "invalid_request"),
    ("platform", "GET", "/loyalty/levels?lang=de_DE", None, 400, "invalid_request"),
    ("game", "GET", "/loyalty/{p}", None, 403, "forbidden"),
    (AUDITOR, "GET", "/loyalty/{p}", None, 403, "forbidden"),
    ("game", "GET", "/players/{p}/rtp?game_id=no-such", None, 404, "unknown_game"),
    ("game", "GET", "/players/{p}/rtp?game_id=", None, 400, "invalid_request"),
    ("game", "GET", "/players/nobody/rtp?game_id=book-of-dunes", None, 404, "player_not_found"),
    (SUPPORT, "GET", "/players/{p}/rtp?game_id=book-of-dunes", None, 403, "forbidden"),
]  # fmt: skip


def case_id(case: tuple[str, str, str, Any, int, str]) -> str:
    return f"{case[5]}-{case[0]}-{case[1]}-{case[2][:50]}-{str(case[3])[:60]}"


def standing(api: Api, player_id: str) -> dict[str, Any]:
    """`GET /loyalty/{player_id}`."""
    shown: dict[str, Any] = api.platform("GET", f"/loyalty/{player_id}").json()
    return shown


def admin(api: Api, target: str, player_id: str, **body: Any) -> httpx.Response:
    """A change by the loyalty administrator, under a new key."""
    return api.person(LOYALTY, "POST", target, {"player_id": player_id, "reason": "a test", **body}, key=api.new_key())


def with_points(api: Api, player_id: str, points: int) -> str:
    """The player, with that many points more."""
    assert admin(api, ADD, player_id, points=points).status_code == 200
    return player_id


def redeem(api: Api, player_id: str, points: int, key: str | None = None) -> httpx.Response:
    """Asks for points to be redeemed."""
    return api.platform("POST", REDEEM, {"player_id": player_id, "points": points}, key=key)


def end(api: Api, player_id: str, redemption_id: str, verb: str, key: str | None = None) -> httpx.Response:
    """`confirm` or `cancel`."""
    return api.platform("POST", f"{REDEEM}/{redemption_id}/{verb}", {"player_id": player_id}, key=key)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_bad_request_is_a_problem_document_and_changes_nothing(
    api: Api, new_player: NewPlayer, case: tuple[str, str, str, Any, int, str]
) -> None:
    who, method, target, body, status, code = case
    player_id = new_player()
    before = (*picture(api, player_id), standing(api, player_id))
    if isinstance(body, dict):
        body = {name: player_id if value == "{p}" else value for name, value in body.items()}
    target = target.format(p=player_id)
    if who in ("platform", "game"):
        answer = (api.platform if who == "platform" else api.game)(method, target, body)
    else:
        answer = api.person(who, method, target, body, key=api.new_key())
    document = problem(answer, status, code)
    if code == "invalid_request":
        assert document["errors"][0]["field"] and document["errors"][0]["reason"]
    assert (*picture(api, player_id), standing(api, player_id)) == before
    assert next_version(api, player_id) == 3  # 1 registered, 2 deposited


@pytest.mark.parametrize("target", [ADD, LEVEL, REDEEM, REDEEM + "/r1/confirm", REDEEM + "/r1/cancel"])
def test_every_change_needs_a_key(api: Api, new_player: NewPlayer, target: str) -> None:
    player_id = new_player()
    body: dict[str, Any] = {"player_id": player_id}
    if target in (ADD, LEVEL):
        body |= {"reason": "a test"} | ({"points": 5} if target == ADD else {"level": "gold"})
        problem(api.person(LOYALTY, "POST", target, body, key=""), 400, "idempotency_key_required")
    else:
        body |= {"points": 1_000} if target == REDEEM else {}
        problem(api.platform("POST", target, body, key=""), 400, "idempotency_key_required")
    assert next_version(api, player_id) == 3


def test_points_are_taken_down_to_zero_and_no_further(api: Api, new_player: NewPlayer) -> None:
    player_id = with_points(api, new_player(), 1_500)
    refused = problem(admin(api, ADD, player_id, points=-1_501), 402, "insufficient_points")
    assert refused["available"] == 1_500
    assert admin(api, ADD, player_id, points=-1_500).json()["points"]["available"] == 0
    problem(admin(api, ADD, player_id, points=-1), 402, "insufficient_points")


def test_the_same_redemption_twice(api: Api, new_player: NewPlayer) -> None:
    """The same key answers the same redemption again; another key redeems again while there are points."""
    player_id, key = with_points(api, new_player(), 2_500), api.new_key()
    first = redeem(api, player_id, 1_000, key)
    again = redeem(api, player_id, 1_000, key)
    assert (first.status_code, first.json()["amount"]) == (201, 1_000)
    assert (again.status_code, again.json()) == (200, first.json() | {"replayed": True})
    problem(redeem(api, player_id, 2_000, key), 409, "idempotency_conflict")

    second = redeem(api, player_id, 1_000)
    assert second.status_code == 201
    assert second.json()["redemption_id"] != first.json()["redemption_id"]
    assert problem(redeem(api, player_id, 1_000), 402, "insufficient_points")["available"] == 500
    points = standing(api, player_id)["points"]
    assert (points["available"], points["locked"]) == (500, 2_000)


def test_a_redemption_ends_once(api: Api, new_player: NewPlayer) -> None:
    player_id = with_points(api, new_player(), 2_000)
    cancelled, confirmed = (redeem(api, player_id, 1_000).json()["redemption_id"] for _ in range(2))
    assert end(api, player_id, cancelled, "cancel").json()["state"] == "cancelled"
    for verb in ("confirm", "cancel"):
        problem(end(api, player_id, cancelled, verb), 409, "invalid_state")

    key = api.new_key()
    first = end(api, player_id, confirmed, "confirm", key)
    assert end(api, player_id, confirmed, "confirm", key).json() == first.json() | {"replayed": True}
    for verb in ("confirm", "cancel"):
        problem(end(api, player_id, confirmed, verb), 409, "invalid_state")
    shown = standing(api, player_id)
    assert shown["redemptions"] == []
    assert shown["points"] == {"available": 1_000, "locked": 0, "spent": 1_000, "expired": 0, "lifetime": 2_000}


def test_somebody_elses_redemption_is_not_found(api: Api, new_player: NewPlayer) -> None:
    owner, other = with_points(api, new_player(), 1_000), new_player()
    redemption_id = redeem(api, owner, 1_000).json()["redemption_id"]
    problem(end(api, other, redemption_id, "confirm"), 404, "redemption_not_found")
    assert standing(api, owner)["points"]["locked"] == 1_000


def test_two_redemptions_at_once_of_more_than_there_is(api: Api, new_player: NewPlayer) -> None:
    """Eight callers at the same moment, each for 1 000 of 1 500 points: exactly one gets them."""
    player_id = with_points(api, new_player(), 1_500)
    callers = [Api(api.url) for _ in range(8)]
    start = threading.Barrier(len(callers))

    def ask(number: int) -> httpx.Response:
        start.wait(10)
        return redeem(callers[number], player_id, 1_000, f"race-{player_id}-{number}")

    with ThreadPoolExecutor(len(callers)) as pool:
        answers = list(pool.map(ask, range(len(callers))))
    for caller in callers:
        caller.close()
    assert sorted(answer.status_code for answer in answers) == [201] + [402] * 7
    points = standing(api, player_id)["points"]
    assert (points["available"], points["locked"], points["lifetime"]) == (500, 1_000, 1_500)


def test_a_blocked_player_redeems_nothing(api: Api, new_player: NewPlayer) -> None:
    player_id = with_points(api, new_player(), 2_000)
    redemption_id = redeem(api, player_id, 1_000).json()["redemption_id"]
    assert api.platform("POST", f"/players/{player_id}/block", {"reason": "check"}).status_code == 200
    problem(redeem(api, player_id, 1_000), 403, "player_blocked")
    problem(end(api, player_id, redemption_id, "confirm"), 403, "player_blocked")
    assert end(api, player_id, redemption_id, "cancel").json()["points"]["available"] == 2_000


def test_points_are_not_spent_on_what_the_gate_declines(api: Api, new_player: NewPlayer) -> None:
    """1 000.01 EUR and more of bonus money a week are declined: 100 100 points stay locked, and can be unlocked."""
    player_id = with_points(api, new_player(), 100_100)
    redemption_id = redeem(api, player_id, 100_100).json()["redemption_id"]
    refused = problem(end(api, player_id, redemption_id, "confirm"), 409, "grant_declined")
    assert refused["reasons"] == ["max_bonus_per_player"]
    assert standing(api, player_id)["points"]["locked"] == 100_100
    assert end(api, player_id, redemption_id, "cancel").json()["points"]["available"] == 100_100
