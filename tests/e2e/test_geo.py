"""The country of an IP address, by a MaxMind-format file next to the catalog: what it refuses and what it only doubts.

Rules §7. Addresses: 203.0.113.* is in Finland, 192.0.2.* in Sweden, 198.51.100.* in North Korea, which is denied.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.e2e.sandbox import Sandbox
from tests.support.catalog_folder import bonus_campaign, shipped, write
from tests.support.croupier_up import CroupierUp

FINLAND, SWEDEN, DENIED, NOWHERE = "203.0.113.7", "192.0.2.7", "198.51.100.7", "10.0.0.7"
NETWORKS = {"203.0.113.0/24": "FI", "192.0.2.0/24": "SE", "198.51.100.0/24": "KP"}
DAILY = bonus_campaign("daily", "{event: session_start}", eur=500, limits="{per_player: 9}")


@pytest.fixture(scope="module")
def casino(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The shipped catalog, with a bonus at each session, and `geo_database` in its platform.yaml."""
    folder = tmp_path_factory.mktemp("geo")
    catalog = shipped(folder / "catalog", daily=DAILY)
    write(catalog, "platform.yaml", (catalog / "platform.yaml").read_text() + "geo_database: geo/countries.mmdb\n")
    (catalog / "geo").mkdir()
    writer = MMDBWriter(4, "GeoLite2-Country")
    for network, country in NETWORKS.items():
        writer.insert_network(IPSet([network]), {"country": {"iso_code": country}})
    writer.to_db_file(str(catalog / "geo/countries.mmdb"))
    options = ("--shards", "1", "--spares", "0", "--catalog", str(catalog))
    server = CroupierUp(folder / "up", f"sqlite:{folder / 'store'}", *options)
    yield Sandbox(server, catalog)
    assert server.stop() == 0
    assert "Traceback" not in server.stderr()


def registered(casino: Sandbox, player_id: str, country: str = "FI") -> str:
    body = {"currency": "EUR", "country": country}
    assert casino.api.platform("PUT", f"/players/{player_id}", body).status_code == 201
    return player_id


def session(casino: Sandbox, player_id: str, ip: str, **more: str) -> httpx.Response:
    return casino.api.platform("POST", f"/players/{player_id}/sessions", {"ip": ip, **more})


def awards(answer: httpx.Response) -> list[tuple[str, str, list[str]]]:
    """Campaign, state and reasons of all that was granted or declined."""
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return [(each["campaign_id"], each["state"], each["reasons"]) for each in (*found["granted"], *found["declined"])]


def test_at_home_nothing_is_in_the_way(casino: Sandbox) -> None:
    who = registered(casino, "at-home")
    assert awards(session(casino, who, FINLAND)) == [("daily", "granted", [])]
    assert casino.view(who)["balance"]["bonus_usable"] == 500


def test_an_address_that_is_in_no_country_is_no_signal(casino: Sandbox) -> None:
    assert awards(session(casino, registered(casino, "nowhere"), NOWHERE)) == [("daily", "granted", [])]


def test_no_session_from_a_denied_country(casino: Sandbox) -> None:
    who = registered(casino, "denied")
    refused = session(casino, who, DENIED)
    assert (refused.status_code, refused.json()["code"], refused.json()["action"]) == (403, "geo_blocked", "stop")
    assert "KP" in refused.json()["detail"]
    assert casino.grants(who) == []
    claimed = session(casino, who, FINLAND, country="KP")
    assert (claimed.status_code, claimed.json()["code"]) == (403, "geo_blocked")


def test_no_grants_in_a_denied_country_until_the_player_is_elsewhere(casino: Sandbox) -> None:
    """The money of a deposit is credited; its welcome bonus is declined."""
    who = registered(casino, "travels")
    deposit = casino.api.platform("POST", f"/players/{who}/deposits", {"amount": 2_000, "ip": DENIED})
    assert awards(deposit) == [("welcome-100", "declined", ["denied_country", "country_mismatch"])]
    assert casino.view(who)["balance"] == {"real": 2_000, "bonus": 0, "bonus_usable": 0, "withdrawable": 2_000}
    assert awards(session(casino, who, FINLAND)) == [("daily", "granted", [])]


def test_another_country_than_the_account_s_is_reviewed_by_an_operator(casino: Sandbox) -> None:
    who = registered(casino, "abroad")
    [(campaign_id, state, reasons)] = awards(session(casino, who, SWEDEN))
    assert (campaign_id, state, reasons) == ("daily", "initiated", ["country_mismatch"])
    [waiting] = casino.grants(who)
    assert (waiting["state"], waiting["reasons"], waiting["balance"]) == ("initiated", ["country_mismatch"], 0)
    assert casino.verdict(who, waiting["grant_id"], "approve")["state"] == "in_wager"
    assert casino.view(who)["balance"]["bonus_usable"] == 500


def test_the_account_s_country_moves_with_the_player(casino: Sandbox) -> None:
    who = registered(casino, "moves")
    assert [state for _, state, _ in awards(session(casino, who, SWEDEN))] == ["initiated"]
    assert casino.api.platform("PUT", f"/players/{who}", {"currency": "EUR", "country": "SE"}).status_code == 200
    assert awards(session(casino, who, SWEDEN)) == [("daily", "granted", [])]
