"""A tester lives through weeks in a second (rules §10): what has a date comes to pass by itself, once."""

from typing import Any

import pytest

from tests.e2e.sandbox import DAY_S, Sandbox
from tests.support.croupier_up import Api

pytestmark = pytest.mark.timeout(240)


def test_a_bonus_expires_while_it_is_watched(sandbox: Sandbox) -> None:
    """5.00 EUR of goodwill, valid for 14 days; two of the five were wagered when they are over."""
    player_id = sandbox.player(deposit=900)
    grant_id = sandbox.grant(player_id, "goodwill-5")["grant_id"]
    sandbox.spin(player_id, bet=200)
    sandbox.advance(14 * DAY_S - 600)
    assert watched(sandbox, player_id) == (grant_id, "in_wager", 500, 4_800)
    assert sandbox.view(player_id)["balance"] == {"real": 700, "bonus": 500, "bonus_usable": 500, "withdrawable": 700}
    sandbox.advance(601)
    assert watched(sandbox, player_id) == (grant_id, "expired", 0, 4_800)
    assert sandbox.view(player_id)["balance"] == {"real": 700, "bonus": 0, "bonus_usable": 0, "withdrawable": 700}


def watched(sandbox: Sandbox, player_id: str) -> tuple[Any, ...]:
    """The player's only grant."""
    (grant,) = sandbox.grants(player_id)
    return grant["grant_id"], grant["state"], grant["balance"], grant["remaining_wager"]


def test_free_spins_expire_and_what_they_won_stays(sandbox: Sandbox) -> None:
    """Ten spins for three days; one wins 1.00 EUR, which is wagered 15 times within a week of its own."""
    player_id = sandbox.player()
    assert sandbox.grant(player_id, "lanterns-10-spins")["free_spins"] == 10
    assert sandbox.free_spin(player_id, win=100).json()["remaining_spins"] == 9
    sandbox.advance(3 * DAY_S - 600)
    assert [package["free_spins_remaining"] for package in sandbox.view(player_id)["free_spins"]] == [9]
    sandbox.advance(601)
    assert sandbox.view(player_id)["free_spins"] == []
    assert sandbox.free_spin(player_id).json()["code"] == "no_free_spins"
    assert watched(sandbox, player_id)[1:] == ("in_wager", 100, 1_500)


def test_a_silence_is_noticed_once(sandbox: Sandbox) -> None:
    """Ten spins after more than 30 days, none more while the player stays away, ten again after the next silence."""
    player_id = sandbox.player(0, "reminders")
    sandbox.advance(30 * DAY_S - 600)
    assert packages(sandbox, player_id) == []
    sandbox.advance(DAY_S)
    first = packages(sandbox, player_id)
    assert [spins for _, spins in first] == [10]
    sandbox.advance(12 * DAY_S)
    assert packages(sandbox, player_id) == first
    sandbox.advance(60 * DAY_S)
    assert packages(sandbox, player_id) == []
    assert sandbox.api.platform("POST", f"/players/{player_id}/sessions", {}).status_code == 201
    sandbox.advance(31 * DAY_S)
    (second,) = packages(sandbox, player_id)
    assert second[1] == 10 and second[0] != first[0][0]


def packages(sandbox: Sandbox, player_id: str) -> list[tuple[str, int]]:
    """The player's unused free spins by package."""
    return [(each["package_id"], each["free_spins_remaining"]) for each in sandbox.view(player_id)["free_spins"]]


def test_a_round_that_nobody_settled_is_refunded(sandbox: Sandbox) -> None:
    """The wheel's rounds end after two hours; a result that comes later is refused, and not lost (rules §3)."""
    player_id = sandbox.player(deposit=500)
    spin = f"/spin?player_id={player_id}&game_id=live-wheel&mode=real&bet=50"
    session_id = sandbox.api.game("POST", spin).json()["session_id"]
    assert sandbox.view(player_id)["balance"]["real"] == 450
    sandbox.advance(2 * 3_600 + 60)
    assert sandbox.view(player_id)["balance"]["real"] == 500
    late = sandbox.api.game("POST", f"/spin/{session_id}/result", {"player_id": player_id, "win": 800})
    assert (late.status_code, late.json()["code"]) == (409, "round_refunded")
    assert sandbox.view(player_id)["balance"]["real"] == 500


@pytest.mark.parametrize("seconds", [0, -1, 1.5, "60", None, 10**12])
def test_time_goes_forward_by_whole_seconds(sandbox: Sandbox, seconds: Any) -> None:
    answer = sandbox.api.person("ops", "POST", "/sandbox/clock", {"advance_seconds": seconds})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_only_the_platform_and_operations_move_it(sandbox: Sandbox) -> None:
    for answer in (
        sandbox.api.person("marketing_manager", "POST", "/sandbox/clock", {"advance_seconds": 1}),
        sandbox.api.game("POST", "/sandbox/clock", {"advance_seconds": 1}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_without_sandbox_there_is_no_such_route(api: Api) -> None:
    answer = api.person("ops", "POST", "/sandbox/clock", {"advance_seconds": 1})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "/sandbox/clock" not in api.plain("GET", "/openapi.json").json()["paths"]
