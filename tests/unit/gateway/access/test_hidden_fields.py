"""Which roles see which fields: every route × every role × every hidden field, along the OpenAPI document."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from actors.outcome import Answered
from engine.views import GrantsView
from gateway.access.roles import ROLES, Role
from gateway.documents.base import BalanceJson, FundsJson
from gateway.documents.visible import JSON_MARK, PERSONAL_ROLES, VIP_ROLES, visible
from gateway.route_table import ROUTES
from tests.support.gateway_doubles import RoleAuth, ScriptedPlayers, app_with, calling, send

SCHEMAS: Final[dict[str, Any]] = app_with().openapi()["components"]["schemas"]
VIP_FIELDS: Final = {
    ("StandingJson", "level"),
    *(("LoyaltyJson", name) for name in (
        "level", "cumulative_turnover_eur", "qualifying_turnover_eur", "rolling_turnover_eur", "next_level",
        "privileges", "level_since", "downgrade_at_risk", "forced",
    )),
    ("LevelSetJson", "previous_level"),
    ("LevelSetJson", "level"),
    ("RtpJson", "min_rtp"),
    ("RtpJson", "level"),
    ("WithdrawalJson", "privilege"),
    ("SessionJson", "min_rtp"),
    ("ReportedBetJson", "turnover_eur"),
    ("ReportedBetJson", "level"),
}  # fmt: skip
PERSONAL_FIELDS: Final = {
    (schema, name) for schema in ("PlayerJson", "PlayerRegisteredJson") for name in ("country", "language", "segments")
}
Found = tuple[str, str, list[str], bool]
"""Schema, field, who may see it, whether it is there."""


def hidden(schema: Any, value: Any) -> Iterator[Found]:
    """Every field with an audience, wherever it could stand in a document."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from in_object(name, SCHEMAS[name], value)
    for choice in schema.get("anyOf", ()):
        if choice != {"type": "null"} and value is not None:
            yield from hidden(choice, value)
    if "items" in schema and isinstance(value, list):
        for item in value:
            yield from hidden(schema["items"], item)


def in_object(name: str, schema: Any, value: dict[str, Any]) -> Iterator[Found]:
    for field, of in schema.get("properties", {}).items():
        if JSON_MARK in of:
            yield name, field, of[JSON_MARK], field in value
        if field in value:
            yield from hidden(of, value[field])


def reference(name: str) -> dict[str, str] | None:
    kind = ROUTES[name].answer
    return None if kind is None else {"$ref": f"#/components/schemas/{kind.__name__}"}


@pytest.mark.parametrize("role", ROLES)
async def test_every_route_and_every_hidden_field(role: Role) -> None:
    for name, route in ROUTES.items():
        if reference(name) is None or (route.roles and role not in route.roles):
            continue
        async with calling(app_with(auth=RoleAuth(role))) as client:
            response = await send(client, name)
        assert response.status_code < 300, (name, response.text)
        for schema, field, audience, there in hidden(reference(name), response.json()):
            assert there == (role in audience), (name, schema, field)


def test_what_is_hidden_from_whom() -> None:
    marked = {
        (name, field): of[JSON_MARK]
        for name, schema in SCHEMAS.items()
        for field, of in schema.get("properties", {}).items()
        if JSON_MARK in of
    }
    assert {key for key, roles in marked.items() if roles == sorted(VIP_ROLES)} >= VIP_FIELDS
    assert {key for key, roles in marked.items() if roles == sorted(PERSONAL_ROLES)} >= PERSONAL_FIELDS
    assert {"loyalty_admin", "marketing_manager"} == VIP_ROLES - {"game_server", "platform"}
    for name, field in marked:
        assert field not in SCHEMAS[name].get("required", ())


async def test_support_and_marketing_each_see_half_of_a_player() -> None:
    shown = {}
    for role in ("platform", "support", "marketing_manager"):
        async with calling(app_with(auth=RoleAuth(role))) as client:
            shown[role] = (await client.get("/players/p1")).json()
    whole, support, marketing = shown["platform"], shown["support"], shown["marketing_manager"]
    assert (support["country"], support["segments"]) == ("DE", ["newcomers"])
    assert support["open_rounds"][0]["loyalty"] == {"points": 1_234}
    assert set(support["loyalty"]) == {"player_id", "points", "points_expire_at", "redemptions"}
    assert marketing["loyalty"] == whole["loyalty"]
    assert set(whole) - set(marketing) == {"country", "language", "segments"}
    assert support["balance"] == marketing["balance"] == whole["balance"]


async def test_two_roles_of_one_person_see_both_halves() -> None:
    async with calling(app_with()) as client:
        whole = (await client.get("/players/p1")).json()
    async with calling(app_with(auth=RoleAuth("support", "loyalty_admin"))) as client:
        assert (await client.get("/players/p1")).json() == whole


async def test_support_sees_a_round_without_the_level() -> None:
    async with calling(app_with(auth=RoleAuth("support"))) as client:
        round_ = (await client.get("/spin/s-1?player_id=p1")).json()
    assert round_["loyalty"] == {"points": 1_234}
    assert round_["bet_amount"] == 100


async def test_the_language_of_texts_does_not_tell_the_players_language() -> None:
    languages = {}
    for role in ("support", "marketing_manager"):
        players = ScriptedPlayers(Answered(GrantsView((), "de")))
        async with calling(app_with(players, RoleAuth(role))) as client:
            languages[role] = (await client.get("/players/p1/bonuses")).json()["language"]
    assert languages == {"support": "de", "marketing_manager": "en"}


def test_a_document_with_nothing_to_hide_is_not_copied() -> None:
    document = BalanceJson(1, 2, 3, 4)
    assert visible(document, ("auditor",)) is document
    assert visible([document, FundsJson(1, 2)], ("auditor",))[0] is document
