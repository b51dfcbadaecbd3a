"""The country of an IP address, by a MaxMind-format file next to the catalog: what it refuses and what it only doubts.

Rules §7. Which address is where, `house.py` says.
"""

from typing import Any

import httpx

from tests.e2e.abroad.house import DENIED, FINLAND, NOWHERE, SWEDEN
from tests.e2e.sandbox import Sandbox


def registered(abroad: Sandbox, player_id: str, country: str = "FI") -> str:
    body = {"currency": "EUR", "country": country}
    assert abroad.api.platform("PUT", f"/players/{player_id}", body).status_code == 201
    return player_id


def session(abroad: Sandbox, player_id: str, ip: str, **more: str) -> httpx.Response:
    return abroad.api.platform("POST", f"/players/{player_id}/sessions", {"ip": ip, **more})


def awards(answer: httpx.Response) -> list[tuple[str, str, list[str]]]:
    """Campaign, state and reasons of all that was granted or declined."""
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return [(each["campaign_id"], each["state"], each["reasons"]) for each in (*found["granted"], *found["declined"])]


def test_at_home_nothing_is_in_the_way(abroad: Sandbox) -> None:
    who = registered(abroad, "at-home")
    assert awards(session(abroad, who, FINLAND)) == [("daily", "granted", [])]
    assert abroad.view(who)["balance"]["bonus_usable"] == 500


def test_an_address_that_is_in_no_country_is_no_signal(abroad: Sandbox) -> None:
    assert awards(session(abroad, registered(abroad, "nowhere"), NOWHERE)) == [("daily", "granted", [])]


def test_no_session_from_a_denied_country(abroad: Sandbox) -> None:
    who = registered(abroad, "denied")
    refused = session(abroad, who, DENIED)
    assert (refused.status_code, refused.json()["code"], refused.json()["action"]) == (403, "geo_blocked", "stop")
    assert "KP" in refused.json()["detail"]
    assert abroad.grants(who) == []
    claimed = session(abroad, who, FINLAND, country="KP")
    assert (claimed.status_code, claimed.json()["code"]) == (403, "geo_blocked")


def test_no_grants_in_a_denied_country_until_the_player_is_elsewhere(abroad: Sandbox) -> None:
    """The money of a deposit is credited; its welcome bonus is declined."""
    who = registered(abroad, "travels")
    deposit = abroad.api.platform("POST", f"/players/{who}/deposits", {"amount": 2_000, "ip": DENIED})
    assert awards(deposit) == [("welcome-100", "declined", ["denied_country", "country_mismatch"])]
    assert abroad.view(who)["balance"] == {"real": 2_000, "bonus": 0, "bonus_usable": 0, "withdrawable": 2_000}
    assert awards(session(abroad, who, FINLAND)) == [("daily", "granted", [])]


def test_another_country_than_the_account_s_is_reviewed_by_an_operator(abroad: Sandbox) -> None:
    who = registered(abroad, "abroad")
    [(campaign_id, state, reasons)] = awards(session(abroad, who, SWEDEN))
    assert (campaign_id, state, reasons) == ("daily", "initiated", ["country_mismatch"])
    [waiting] = abroad.grants(who)
    assert (waiting["state"], waiting["reasons"], waiting["balance"]) == ("initiated", ["country_mismatch"], 0)
    assert abroad.verdict(who, waiting["grant_id"], "approve")["state"] == "in_wager"
    assert abroad.view(who)["balance"]["bonus_usable"] == 500


def test_the_account_s_country_moves_with_the_player(abroad: Sandbox) -> None:
    who = registered(abroad, "moves")
    assert [state for _, state, _ in awards(session(abroad, who, SWEDEN))] == ["initiated"]
    assert abroad.api.platform("PUT", f"/players/{who}", {"currency": "EUR", "country": "SE"}).status_code == 200
    assert awards(session(abroad, who, SWEDEN)) == [("daily", "granted", [])]
