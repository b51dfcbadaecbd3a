"""Every id a catalog may give to something, and every id of a player it names, is one that the API carries."""

from urllib.parse import quote

import pytest

from croupier.catalog.readers.campaigns import CAMPAIGN_ID
from croupier.catalog.readers.values import GAME_ID, LEVEL_ID, PLAYER_ID, SEGMENT
from tests.support.gateway_doubles import app_with, calling

LONGEST = "aZ0._:@~-" * 7 + "z"
SLUGS = ["a", "0", "spring-26_b", "z" * 64]


@pytest.mark.parametrize("name", ["a", "~", LONGEST, "0:1@x.y"])
async def test_a_player_and_a_game_of_the_catalog_can_be_asked_for(name: str) -> None:
    assert PLAYER_ID.fullmatch(name) and GAME_ID.fullmatch(name)
    async with calling(app_with()) as client:
        query = f"player_id={quote(name)}&game_id={quote(name)}&mode=real&bet=100"
        spun = await client.post(f"/spin?{query}", headers={"idempotency-key": "k"})
        shown = await client.get(f"/players/{quote(name)}")
        rtp = await client.get(f"/players/{quote(name)}/rtp?game_id={quote(name)}")
    assert [answer.status_code for answer in (spun, shown, rtp)] == [200, 200, 200]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ü", "a" * 65, "a\n", "a!"])
async def test_what_the_api_refuses_no_catalog_names(name: str) -> None:
    async with calling(app_with()) as client:
        query = f"player_id={quote(name, safe='')}&game_id=g&mode=real&bet=100"
        refused = await client.post(f"/spin?{query}", headers={"idempotency-key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert not PLAYER_ID.fullmatch(name) and not GAME_ID.fullmatch(name)


@pytest.mark.parametrize("name", SLUGS)
async def test_a_campaign_and_a_level_of_the_catalog_can_be_asked_for(name: str) -> None:
    assert CAMPAIGN_ID.fullmatch(name) and LEVEL_ID.fullmatch(name)
    body = {"player_id": "p1", "level": name, "reason": "checked"}
    async with calling(app_with()) as client:
        shown = await client.get(f"/campaigns/{name}")
        forced = await client.post("/loyalty/status/update", json=body, headers={"idempotency-key": "k"})
    assert (shown.json()["code"], forced.status_code) == ("campaign_not_found", 200)


@pytest.mark.parametrize(
    ("name", "fine"),
    [("a", True), ("vip_1-b", True), ("a" * 32, True), ("a" * 33, False), ("VIP", False), ("a b", False)],
)
async def test_a_segment_can_be_set_if_a_campaign_may_name_it(name: str, fine: bool) -> None:
    async with calling(app_with()) as client:
        body = {"currency": "EUR", "segments": [name]}
        answer = await client.put("/players/p1", json=body, headers={"idempotency-key": "k"})
    assert (answer.status_code < 300, bool(SEGMENT.fullmatch(name))) == (fine, fine)
