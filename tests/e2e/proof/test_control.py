"""The control log of a running Croupier, over real sockets: what people do and see, and who was refused."""

import csv
import io
import json
import os
import pwd
import time
from typing import Any

import httpx

from tests.support.croupier_up import CroupierUp, token, wait_until

PLAYER = "control-1"


def audit(up: CroupierUp, query: str = "") -> list[dict[str, Any]]:
    response = up.api.person("auditor", "GET", f"/audit{query}")
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()["entries"]
    return entries


def test_who_did_what_to_a_player_and_who_looked(proven: CroupierUp) -> None:
    api = proven.api
    assert api.platform("PUT", f"/players/{PLAYER}", {"currency": "EUR", "country": "DE"}).status_code == 201
    body = {"player_id": PLAYER, "level": "gold", "reason": "a regular of the old house"}
    assert api.person("loyalty_admin", "POST", "/loyalty/status/update", body, key="lift-1").status_code == 200
    seen = api.person("support", "GET", f"/players/{PLAYER}").json()
    assert (seen["country"], "level" in seen["loyalty"]) == ("DE", False)
    assert api.person("loyalty_admin", "GET", f"/loyalty/{PLAYER}").json()["level"] == "gold"

    looked, support, done, asked = audit(proven, f"?player_id={PLAYER}")[:4]
    assert (looked["operation"], looked["role"]) == ("GET /loyalty/{player_id}", "loyalty_admin")
    assert (support["operation"], support["role"]) == ("GET /players/{player_id}", "support")
    for entry in (asked, done):
        assert (entry["operation"], entry["who"], entry["request_id"]) == (
            "POST /loyalty/status/update",
            "ann",
            "lift-1",
        )
        assert entry["reason"] == "a regular of the old house"
    assert (asked["outcome"], done["outcome"]) == ("asked", "done")
    assert (done["before"], done["after"]) == ({"level": "bronze"}, {"level": "gold"})
    assert all(entry["player_id"] == PLAYER for entry in audit(proven, f"?player_id={PLAYER}"))


def test_refused_attempts_and_the_start_are_told(proven: CroupierUp) -> None:
    api = proven.api
    assert api.person("marketing_manager", "GET", "/audit").status_code == 403
    headers = {"x-api-key": "game_server", "x-request-timestamp": str(int(time.time())), "x-request-sign": "0" * 64}
    assert api.plain("POST", "/spin?player_id=p&game_id=g&mode=real&bet=1", headers=headers).status_code == 401
    wait_until("the refused attempt is told", lambda: audit(proven, "?operation=POST /spin"))
    found = audit(proven, "?operation=POST /spin")
    assert (found[0]["outcome"], found[0]["subject"], found[0]["who"]) == ("unauthenticated", "key game_server", "")
    refused = [entry for entry in audit(proven, "?operation=/audit") if entry["outcome"] == "forbidden"]
    assert (refused[0]["who"], refused[0]["role"]) == ("ann", "marketing_manager")
    user = pwd.getpwuid(os.getuid()).pw_name
    (start,) = audit(proven, "?operation=croupier up")
    assert (start["who"], start["subject"]) == (user, "started")
    (catalog,) = audit(proven, "?operation=deploy of the folder")
    assert (catalog["who"], catalog["outcome"], catalog["before"]) == (user, "done", None)
    in_force = api.person("ops", "GET", "/catalog").json()["version"]
    assert (catalog["subject"], catalog["after"]) == (in_force, {"version": in_force, "number": 1})


def test_as_csv(proven: CroupierUp) -> None:
    headers = {"authorization": f"Bearer {token('auditor', 'eva')}", "accept": "text/csv"}
    response = httpx.get(f"{proven.url}/audit", headers=headers, timeout=20)
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert [int(row["number"]) for row in rows] == list(range(len(rows), 0, -1))
    assert json.loads(next(row for row in rows if row["operation"] == "croupier up")["after"])["shards"] == 1
    assert audit(proven, "?actor=eva")[0]["after"] == {"format": "csv"}
