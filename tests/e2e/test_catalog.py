"""Campaigns as code on a running server: checked, deployed, refused, followed in git; what is broken never runs."""

import json
from typing import Any

import pytest

from tests.e2e.sandbox import Sandbox, commit, git
from tests.support.catalog_folder import bonus_campaign, bundle, write
from tests.support.croupier_up import token, wait_until

pytestmark = pytest.mark.timeout(240)

WELCOME = "campaigns/welcome-100.yaml"


def broken(sandbox: Sandbox) -> dict[str, dict[str, str]]:
    """The catalog with a typing error on the line of the award."""
    files = bundle(sandbox.catalog)["files"]
    return {"files": files | {WELCOME: files[WELCOME].replace('match_percent: "100"', "match_percent: lots")}}


def the_problem(sandbox: Sandbox, findings: list[dict[str, Any]]) -> None:
    """The only finding names file and line, and says why in words."""
    (finding,) = findings
    line = 1 + next(n for n, text in enumerate(broken(sandbox)["files"][WELCOME].splitlines()) if "lots" in text)
    assert (finding["file"], finding["line"]) == (WELCOME, line)
    assert "lots" in finding["reason"]


def test_a_check_tells_what_is_wrong_and_changes_nothing(sandbox: Sandbox) -> None:
    before = sandbox.version()
    answer = sandbox.api.person("marketing_manager", "POST", "/catalog/check", broken(sandbox))
    assert answer.status_code == 200
    the_problem(sandbox, answer.json()["problems"])
    assert sandbox.version() == before


def test_the_same_as_a_form(sandbox: Sandbox) -> None:
    files = broken(sandbox)["files"]
    parts = {name: (name, content) for name, content in files.items()}
    headers = {"authorization": f"Bearer {token('marketing_manager')}"}
    answer = sandbox.api.plain("POST", "/catalog/check", files=parts, headers=headers)
    assert answer.status_code == 200, answer.text
    the_problem(sandbox, answer.json()["problems"])


def test_a_broken_catalog_is_not_deployed(sandbox: Sandbox) -> None:
    before = sandbox.version()
    answer = sandbox.deploy(broken(sandbox))
    assert (answer.status_code, answer.json()["code"]) == (409, "catalog_invalid")
    assert answer.headers["content-type"] == "application/problem+json"
    the_problem(sandbox, answer.json()["errors"])
    assert sandbox.version() == before
    assert sandbox.player(1_000)
    assert sandbox.api.platform("GET", "/campaigns/welcome-100").status_code == 200


def test_a_deploy_is_in_force_when_it_is_answered_and_can_be_repeated(sandbox: Sandbox) -> None:
    body = bundle(sandbox.catalog, gift=bonus_campaign("gift", "{event: manual}", eur=700))
    first = sandbox.deploy(body).json()
    assert first["diff"]["added"] == ["campaigns.gift"]
    assert sandbox.version() == first["version"]
    assert sandbox.grant(sandbox.player(), "gift")["amount"] == 700
    again = sandbox.deploy(body).json()
    assert (again["version"], again["diff"]["added"]) == (first["version"], [])
    assert sandbox.deploy(bundle(sandbox.catalog)).json()["diff"]["removed"] == ["campaigns.gift"]
    player_id = sandbox.player()
    gone = sandbox.marketing(f"/players/{player_id}/bonuses", {"campaign_id": "gift", "reason": "too late"})
    assert (gone.status_code, gone.json()["code"]) == (404, "campaign_not_found")


def test_who_may_deploy_goes_by_file(sandbox: Sandbox) -> None:
    files = bundle(sandbox.catalog)["files"]
    games = {"files": files | {"games.yaml": files["games.yaml"].replace("max_bet: 5000,", "max_bet: 4000,")}}
    refused = sandbox.deploy(games)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "games.yaml" in refused.json()["detail"]
    assert sandbox.api.person("ops", "POST", "/catalog/deploy", games).status_code == 200
    assert sandbox.api.person("ops", "POST", "/catalog/deploy", {"files": files}).status_code == 200


def test_a_commit_to_the_folder_is_enough(sandbox: Sandbox) -> None:
    """A good commit is deployed by itself; a broken one is refused, counted and said; going back is followed again."""
    api, folder = sandbox.api, sandbox.catalog
    write(folder, "campaigns/committed.yaml", bonus_campaign("committed", "{event: manual}", eur=300))
    commit(folder, "a bonus of 3.00 EUR")
    wait_until("it is deployed", lambda: api.platform("GET", "/campaigns/committed").status_code == 200)
    good = sandbox.version()
    assert api.person("auditor", "GET", "/catalog").json()["by"] == "catalog-watch"
    assert sandbox.grant(sandbox.player(), "committed")["amount"] == 300
    told = api.person("auditor", "GET", "/audit?actor=catalog-watch").json()["entries"][0]
    assert (told["outcome"], told["subject"]) == ("done", good)
    assert "campaigns.committed" in told["after"]["diff"]["added"]

    write(folder, WELCOME, broken(sandbox)["files"][WELCOME])
    commit(folder, "lots of bonus")
    wait_until("it is refused", lambda: watch(sandbox) == (1, 0))
    assert f"{WELCOME}:" in sandbox.server.stderr()
    assert sandbox.version() == good
    assert sandbox.grant(sandbox.player(), "committed")["amount"] == 300

    git(folder, "revert", "--no-edit", "HEAD")
    wait_until("folder and server agree again", lambda: watch(sandbox) == (1, 1))
    assert sandbox.version() == good


def watch(sandbox: Sandbox) -> tuple[float, float]:
    """`catalog_refused_total` and `catalog_followed`."""
    metrics = sandbox.metrics("croupier-gateway")
    return metrics["catalog_refused_total"], metrics["catalog_followed"]


def test_texts_come_in_the_language_asked_for(sandbox: Sandbox) -> None:
    """German where there is German; English for a language nobody wrote."""
    files = bundle(sandbox.catalog)["files"]
    names = {lang: json.loads(files[f"locales/{lang}.json"])["campaign.welcome-100.name"] for lang in ("de", "en")}
    assert names["de"] != names["en"]
    player_id = sandbox.player(1_000)
    for query, headers, expected in (
        ("?lang=de", {}, names["de"]),
        ("?lang=de-AT", {}, names["de"]),
        ("?lang=xx", {}, names["en"]),
        ("", {"accept_language": "de;q=0.9, en;q=0.1"}, names["de"]),
        ("", {}, names["en"]),
    ):
        shown = sandbox.api.platform("GET", f"/players/{player_id}/bonuses{query}", **headers).json()["grants"]
        assert [grant["name"] for grant in shown] == [expected], (query, headers)
        campaign = sandbox.api.platform("GET", f"/campaigns/welcome-100{query}", **headers).json()
        assert campaign["name"] == expected
