"""What the catalog in force offers, in the reader's language."""

import pytest

from gateway.ports import CampaignFigures
from tests.support.gateway_doubles import QUIET, ScriptedControl, app_with, calling


async def test_a_campaign_with_its_terms() -> None:
    async with calling(
        app_with(control=ScriptedControl(figures=CampaignFigures(120, 40, 30, 45, 2_345_678)))
    ) as client:
        spring = (await client.get("/campaigns/spring")).json()
    assert spring == {
        "campaign_id": "spring",
        "name": None,
        "description": None,
        "language": "en",
        "type": "no_deposit",
        "trigger": {"event": "code", "code": "SPRING"},
        "valid_from": "1970-01-01T00:00:00.000Z",
        "valid_to": "2027-01-01T00:00:00.000Z",
        "eligibility": {
            "countries": {"allow": [], "deny": []},
            "levels": [],
            "segments": [],
            "currencies": [],
            "min_deposit": {},
            "personal": False,
        },
        "limits": {"per_player": 1, "per_ip": 3, "per_device": None, "budget_eur": "12.34"},
        "opt_in": False,
        "workflow": "standard",
        "points_multiplier": None,
        "issued": 120,
        "redeemed": 40,
        "expired": 30,
        "active": 45,
        "budget_left_eur": "9.99",
    }


async def test_all_campaigns_in_order_of_their_ids() -> None:
    control = ScriptedControl()
    async with calling(app_with(control=control)) as client:
        listed = (await client.get("/campaigns")).json()["campaigns"]
        one = (await client.get("/campaigns/gift")).json()
    names = [each["campaign_id"] for each in listed]
    assert names == ["fortune", "gift", "offer", "often", "personal", "spins", "spring"]
    assert control.figures_asked == [names, ["gift"]], "one question for all"
    assert one in listed
    assert [each["campaign_id"] for each in listed if each["eligibility"]["personal"]] == ["personal"]


@pytest.mark.parametrize(("used", "left"), [(0, "12.34"), (12_340_000, "0.00"), (12_340_001, "0.00")])
async def test_what_is_left_of_a_budget(used: int, left: str) -> None:
    async with calling(app_with(control=ScriptedControl(figures=QUIET._replace(used_micro_eur=used)))) as client:
        spring = (await client.get("/campaigns/spring")).json()
        gift = (await client.get("/campaigns/gift")).json()
    assert (spring["budget_left_eur"], gift["budget_left_eur"]) == (left, None)


async def test_figures_that_cant_be_told_are_null_and_the_campaign_is_shown() -> None:
    async with calling(app_with(control=ScriptedControl(figures=None))) as client:
        spring = (await client.get("/campaigns/spring")).json()
    assert spring["limits"]["budget_eur"] == "12.34"
    assert [spring[name] for name in ("issued", "redeemed", "expired", "active", "budget_left_eur")] == [None] * 5


@pytest.mark.parametrize(
    ("query", "accept", "language", "name", "description"),
    [
        ("", "", "en", "A gift", "5 EUR for you."),
        ("", "de", "de", "Ein Geschenk", "5 EUR for you."),
        ("?lang=sv", "de", "sv", "En gåva", "5 EUR for you."),
        ("?lang=de-AT", "", "de", "Ein Geschenk", "5 EUR for you."),
        ("?lang=fr", "fr, sv;q=0.5, de;q=0.6", "de", "Ein Geschenk", "5 EUR for you."),
        ("?lang=fr", "nonsense;;", "en", "A gift", "5 EUR for you."),
    ],
)
async def test_texts(query: str, accept: str, language: str, name: str, description: str) -> None:
    async with calling(app_with()) as client:
        gift = (await client.get(f"/campaigns/gift{query}", headers={"accept-language": accept})).json()
    assert (gift["language"], gift["name"], gift["description"]) == (language, name, description)


@pytest.mark.parametrize("query", ["lang=", "lang=d", "lang=de_DE", "lang=de&lang=sv", "lang=de%0A", "language=de"])
@pytest.mark.parametrize("path", ["/campaigns", "/campaigns/gift", "/players/p1/bonuses"])
async def test_odd_languages_asked_for(path: str, query: str) -> None:
    async with calling(app_with()) as client:
        response = await client.get(f"{path}?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


async def test_campaigns_that_are_none() -> None:
    async with calling(app_with()) as client:
        unknown = await client.get("/campaigns/nope")
        odd = await client.get("/campaigns/no%20pe")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "campaign_not_found")
    assert (odd.status_code, odd.json()["errors"][0]["field"]) == (400, "campaign_id")
