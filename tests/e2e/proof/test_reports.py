"""Reports of a running Croupier: what was just played is in them, in order, and only for those who may ask."""

import csv
import io
import time
from pathlib import Path
from typing import Any

import httpx

from tests.support.croupier_up import CroupierUp
from tests.support.patience import PATIENCE_S

PLAYER = "reported-1"
LOOK_S = 0.3
"""Between two looks at a report: each reads the archive anew, and would be slower the more often it is asked for."""


def played(running: CroupierUp) -> None:
    """Ten spins of 100, of which four won 150."""
    api = running.api
    assert api.platform("PUT", f"/players/{PLAYER}", {"currency": "EUR"}).status_code == 201
    assert api.platform("POST", f"/players/{PLAYER}/deposits", {"amount": 5_000}).status_code == 201
    for number in range(10):
        win = 150 if number < 4 else 0
        target = f"/spin?player_id={PLAYER}&game_id=book-of-dunes&mode=real&bet=100&win={win}"
        assert api.game("POST", target).status_code == 200


def asked(running: CroupierUp, role: str, target: str) -> httpx.Response:
    return running.api.person(role, "GET", target)


def statement(running: CroupierUp) -> dict[str, Any]:
    """The player's statement, as soon as it has all that was played."""
    target = f"/reports/player-statement.json?player_id={PLAYER}&from=2026-01-01&to=2035-01-01"
    deadline = time.monotonic() + PATIENCE_S
    while True:
        response = asked(running, "auditor", target)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        if len(found["rows"]) >= 15 or time.monotonic() > deadline:
            return found
        time.sleep(LOOK_S)


def test_what_was_played_is_in_the_reports(proven: CroupierUp, proven_folder: Path) -> None:
    played(proven)
    found = statement(proven)
    assert sum(row["real"] for row in found["rows"]) == 5_000 - 10 * 100 + 4 * 150
    assert found["provisional"] is True, "its end is in the future"

    as_csv = asked(proven, "auditor", "/reports/games.csv?from=2026-01-01&to=2035-01-01")
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    games = {row["game_id"]: row for row in csv.DictReader(io.StringIO(as_csv.text, newline=""))}
    assert games["book-of-dunes"]["configured"] == "0.965", "as the catalog says"

    told = asked(proven, "auditor", "/audit?operation=GET /reports/{name}.{format}").json()["entries"]
    assert any(entry["player_id"] == PLAYER for entry in told), "who looks at a player is told of"


def test_figures_are_those_that_the_store_has_counted(proven: CroupierUp) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = asked(proven, "auditor", "/reports/campaign-performance.json?from=2026-01-01&to=2035-01-01").json()
        if found["reconciled"] is not None or time.monotonic() > deadline:
            break
        time.sleep(LOOK_S)
    assert (found["reconciled"], found["differences"], found["note"]) == (True, [], "")


def test_who_may_not_ask_is_refused_in_words(proven: CroupierUp) -> None:
    listed = [report["name"] for report in asked(proven, "ops", "/reports").json()["reports"]]
    assert "games" in listed and "daily-closing" not in listed
    refused = asked(proven, "ops", "/reports/daily-closing.csv")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    unknown = asked(proven, "ops", "/reports/game.csv")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "report_not_found")
    assert "games" in unknown.json()["detail"]
    bad = asked(proven, "ops", "/reports/games.csv?from=2026-02-30")
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (400, "from")
