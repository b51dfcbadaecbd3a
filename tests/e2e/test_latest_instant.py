"""Time ends on 31 December 9999 (rules §10): a tester gets there ten years at a time, and everything still answers."""

from collections.abc import Iterator

import pytest

from tests.e2e.sandbox import Sandbox
from tests.support.catalog_folder import bonus_campaign, bundle, shipped
from tests.support.croupier_up import CroupierUp

pytestmark = [pytest.mark.timeout(240), pytest.mark.long]

TEN_YEARS_S = 3_650 * 86_400
STEPS_MAX = 900
LATEST = "9999-12-31T23:59:59.999Z"
FOREVER = bonus_campaign("forever", "{event: manual}", valid_to=LATEST)
BEYOND = bonus_campaign("beyond", "{event: manual}", valid_to="9999-12-31T23:59:59-03:00")


@pytest.fixture(scope="module")
def ending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of its own, whose clock nobody needs afterwards; one campaign runs until the latest instant."""
    folder = tmp_path_factory.mktemp("ending")
    catalog = shipped(folder / "catalog", forever=FOREVER)
    options = ("--shards", "1", "--spares", "0", "--sandbox", "--catalog", str(catalog))
    running = CroupierUp(folder, f"sqlite:{folder / 'store'}", *options)
    yield Sandbox(running, catalog)
    assert running.stop() == 0
    assert "Traceback" not in running.stderr()


def test_a_campaign_that_ends_later_is_refused(ending: Sandbox) -> None:
    refused = ending.deploy(bundle(ending.catalog, beyond=BEYOND))
    assert (refused.status_code, refused.json()["code"]) == (409, "catalog_invalid")
    [error] = refused.json()["errors"]
    assert (error["file"], error["line"]) == ("campaigns/beyond.yaml", 5) and LATEST in error["reason"]


def test_ten_years_at_a_time_to_the_end_of_time(ending: Sandbox) -> None:
    early = ending.player(deposit=10_000)
    step = {"advance_seconds": TEN_YEARS_S}
    for _ in range(STEPS_MAX):
        answer = ending.api.person("ops", "POST", "/sandbox/clock", step)
        if answer.status_code != 200:
            break
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    [error] = answer.json()["errors"]
    assert error["field"] == "advance_seconds" and f"{TEN_YEARS_S} would lead beyond {LATEST}" in error["reason"]
    ending.advance(int(error["reason"].split("at most ")[1].split()[0]) - 600)
    late = ending.player(deposit=10_000)
    ending.grant(late, "forever")
    assert ending.spin(late, bet=100).status_code == 200
    for player_id in (early, late):
        for path in ("", "/bonuses"):
            assert ending.api.platform("GET", f"/players/{player_id}{path}").status_code == 200
        assert ending.api.platform("GET", f"/loyalty/{player_id}").status_code == 200
    assert {grant["valid_to"] for grant in ending.grants(late)} == {LATEST}
    shown = ending.api.person("marketing_manager", "GET", "/campaigns/forever").json()
    assert shown["valid_to"] == LATEST
