"""A year of one player's loyalty, lived in a second (rules §8): sign-up, platinum, silence, downgrades, the return.

At 1 point per EUR: table games earn half of it, live games 1.5 times, exclusive ones twice. For gold and platinum
the shipped campaign doubles them.
"""

from typing import Any

import pytest

from tests.e2e.sandbox import DAY_S, Sandbox

pytestmark = pytest.mark.timeout(240)


def standing(sandbox: Sandbox, player_id: str) -> tuple[Any, ...]:
    """Level, available points, and rolling and qualifying turnover."""
    now = loyalty(sandbox, player_id)
    return now["level"], now["points"]["available"], now["rolling_turnover_eur"], now["qualifying_turnover_eur"]


def loyalty(sandbox: Sandbox, player_id: str) -> dict[str, Any]:
    """`GET /loyalty/{player_id}`."""
    answer: dict[str, Any] = sandbox.api.platform("GET", f"/loyalty/{player_id}").json()
    return answer


def report(sandbox: Sandbox, player_id: str, eur: int, game_type: str) -> dict[str, Any]:
    """A bet on another vertical."""
    body = {"amount": eur * 100, "game_type": game_type}
    answer = sandbox.api.platform("POST", f"/players/{player_id}/bets", body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def of_campaign(sandbox: Sandbox, player_id: str, campaign_id: str) -> list[tuple[int, str]]:
    """Amount and state of each bonus of a campaign, newest first."""
    return [(g["amount"], g["state"]) for g in sandbox.grants(player_id) if g["campaign_id"] == campaign_id]


def climb(sandbox: Sandbox, player_id: str) -> None:
    """500 of real money on a slot, the rest on other verticals, up to platinum on the first day."""
    assert standing(sandbox, player_id) == ("bronze", 0, "0.00", "0.00")
    spun = sandbox.spin(player_id, bet=500, win=500).json()
    assert spun["loyalty"] == {"level": "bronze", "points": 5}
    report(sandbox, player_id, 9_995, "slot")
    assert standing(sandbox, player_id) == ("silver", 10_000, "10000.00", "10000.00")
    assert report(sandbox, player_id, 39_999, "live")["granted"] == []
    assert loyalty(sandbox, player_id)["next_level"] == {
        "id": "gold", "threshold_eur": "50000.00", "remaining_eur": "1.00",
    }  # fmt: skip
    (award,) = report(sandbox, player_id, 1, "live")["granted"]
    assert (award["campaign_id"], award["amount"]) == ("gold-50", 6_250)  # 50.00 EUR x 1.25
    report(sandbox, player_id, 150_000, "exclusive")
    assert standing(sandbox, player_id) == ("platinum", 670_000, "200000.00", "200000.00")


def check_platinum(sandbox: Sandbox, player_id: str) -> None:
    """What the highest level gives, wherever it is shown."""
    now = loyalty(sandbox, player_id)
    assert now["next_level"] is None and now["downgrade_at_risk"] is False
    assert now["privileges"] == {
        "bonus_multiplier": "1.5", "cashback_percent": "3", "manager": "personal", "min_rtp": "0.97",
        "withdrawal": "accelerated", "offers": ["exclusive_tournaments", "special_free_spins"],
    }  # fmt: skip
    rtp = sandbox.api.platform("GET", f"/players/{player_id}/rtp?game_id=book-of-dunes").json()
    assert rtp == {"min_rtp": "0.97", "level": "platinum", "flag": True}
    assert sandbox.api.platform("POST", f"/players/{player_id}/sessions", {}).json()["min_rtp"] == "0.97"
    assert sandbox.view(player_id)["loyalty"]["level"] == "platinum"


def redeem(sandbox: Sandbox, player_id: str) -> None:
    """1 000 points are 10.00 EUR of free play, wagered once; 500 more are locked and given up again."""
    asked = sandbox.api.platform("POST", "/loyalty/redemptions", {"player_id": player_id, "points": 1_000})
    assert (asked.status_code, asked.json()["amount"], asked.json()["points"]["locked"]) == (201, 1_000, 1_000)
    confirm = f"/loyalty/redemptions/{asked.json()['redemption_id']}/confirm"
    done = sandbox.api.platform("POST", confirm, {"player_id": player_id}).json()
    assert (done["state"], done["points"]["spent"], done["points"]["available"]) == ("confirmed", 1_000, 669_000)
    assert of_campaign(sandbox, player_id, "redemption") == [(1_000, "granted")]
    again = sandbox.api.platform("POST", confirm, {"player_id": player_id})
    assert (again.status_code, again.json()["code"]) == (409, "invalid_state")
    locked = sandbox.api.platform("POST", "/loyalty/redemptions", {"player_id": player_id, "points": 1_500}).json()
    sandbox.advance(3 * DAY_S + 60)
    late = f"/loyalty/redemptions/{locked['redemption_id']}/confirm"
    assert sandbox.api.platform("POST", late, {"player_id": player_id}).json()["code"] == "invalid_state"
    assert loyalty(sandbox, player_id)["points"]["available"] == 669_000


def lose_a_week(sandbox: Sandbox, player_id: str) -> None:
    """100.00 EUR of real money lost: 3 % of it come back at the end of the week, once."""
    assert sandbox.api.platform("POST", f"/players/{player_id}/deposits", {"amount": 10_000}).status_code == 201
    for grant in sandbox.grants(player_id):
        if grant["state"] in ("granted", "in_wager"):
            given_up = sandbox.api.platform("POST", f"/players/{player_id}/bonuses/{grant['grant_id']}/cancel")
            assert given_up.status_code == 200, given_up.text
    assert sandbox.spin(player_id, bet=10_000).json()["funds"] == {"real": 10_000, "bonus": 0}
    sandbox.advance(7 * DAY_S)
    assert of_campaign(sandbox, player_id, "cashback") == [(300, "in_wager")]
    sandbox.advance(7 * DAY_S)
    assert of_campaign(sandbox, player_id, "cashback") == [(300, "expired")]


def fall_silent(sandbox: Sandbox, player_id: str) -> None:
    """Platinum holds while the last 30 days have 50 000 EUR; gold while they have 10 000; silver stays."""
    assert loyalty(sandbox, player_id)["downgrade_at_risk"] is True
    levels = []
    for _ in range(100):
        sandbox.advance(DAY_S)
        level = loyalty(sandbox, player_id)["level"]
        if level not in levels:
            levels.append(level)
    assert levels == ["platinum", "gold", "silver"]
    now = loyalty(sandbox, player_id)
    assert (now["qualifying_turnover_eur"], now["rolling_turnover_eur"]) == ("10000.00", "0.00")
    assert now["cumulative_turnover_eur"] == "200100.00" and now["downgrade_at_risk"] is False


def test_a_year_of_life(sandbox: Sandbox) -> None:
    player_id = sandbox.player(deposit=900)  # too little for the welcome bonus
    climb(sandbox, player_id)
    check_platinum(sandbox, player_id)
    redeem(sandbox, player_id)
    lose_a_week(sandbox, player_id)
    fall_silent(sandbox, player_id)
    # 669 000 points, 200 more for the lost bet; a year after it they are gone.
    assert loyalty(sandbox, player_id)["points"]["available"] == 669_200
    sandbox.advance(240 * DAY_S)
    assert loyalty(sandbox, player_id)["points"]["available"] == 669_200
    sandbox.advance(20 * DAY_S)
    points = loyalty(sandbox, player_id)["points"]
    assert points == {"available": 0, "locked": 0, "spent": 1_000, "expired": 669_200, "lifetime": 670_200}
    # Back from the threshold of silver to gold, with half a point for each EUR of silver's; its bonus is given once.
    report(sandbox, player_id, 40_000, "table")
    assert standing(sandbox, player_id) == ("gold", 20_000, "40000.00", "50000.00")
    assert [state for _, state in of_campaign(sandbox, player_id, "gold-50")] == ["cancelled"]
