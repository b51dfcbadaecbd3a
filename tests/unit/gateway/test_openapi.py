"""The document callers generate their clients from: every route, the hot ones included, with its refusals."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.documents.requests import VISIBLE
from gateway.http.errors import TABLE
from gateway.route_table import ROUTES
from gateway.routes.catalogs.bundles import FILE_FIELDS
from tests.support.gateway_doubles import KEYED, app_with, calling

DOCUMENT = app_with().openapi()


def operation(name: str) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    found: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]
    return found


def parameters(name: str) -> dict[str, dict[str, Any]]:
    return {parameter["name"]: parameter for parameter in operation(name).get("parameters", [])}


async def test_document_and_docs_are_served() -> None:
    async with calling(app_with()) as client:
        assert (await client.get("/openapi.json")).json() == DOCUMENT
        assert "swagger-ui" in (await client.get("/docs")).text


def test_every_reference_leads_somewhere() -> None:
    names = set(re.findall(r"'#/components/schemas/(\w+)'", repr(DOCUMENT)))
    assert names <= set(DOCUMENT["components"]["schemas"])
    assert {"SpinAnswer", "ResultBody", "DepositRequest", "ProblemJson", "GrantJson"} <= names


def test_every_route_names_its_refusals_by_status() -> None:
    for name, route in ROUTES.items():
        responses = operation(name)["responses"]
        for code in route.refusals:
            problem = responses[str(TABLE[code].status)]
            assert f"`{code}`" in problem["description"], name
            assert "application/problem+json" in problem["content"], name
        assert any(status in responses for status in ("200", "201")), name


def test_every_route_says_how_to_prove_oneself() -> None:
    for name, route in ROUTES.items():
        schemes = {scheme for alternative in operation(name).get("security", []) for scheme in alternative}
        assert schemes == ({"ApiKey", "Timestamp", "Signature", "Bearer"} if route.roles else set()), name
        assert schemes <= set(DOCUMENT["components"]["securitySchemes"])


def test_changes_show_the_idempotency_key() -> None:
    shown = {name: parameters(name)["Idempotency-Key"] for name in ROUTES if "Idempotency-Key" in parameters(name)}
    assert set(shown) == set(KEYED)
    for name, key in shown.items():
        assert (key["in"], key["required"], key["schema"]["pattern"]) == ("header", True, VISIBLE), name


def test_changes_show_their_body() -> None:
    for name in (*(name for name in KEYED if name != "POST /spin"), "POST /catalog/check"):
        assert operation(name)["requestBody"]["content"]["application/json"]["schema"]["$ref"], name


def test_the_parameters_of_a_spin() -> None:
    found = parameters("POST /spin")
    assert [name for name in found if found[name]["required"]] == ["player_id", "game_id", "mode", "Idempotency-Key"]
    assert found["mode"]["schema"]["enum"] == ["real", "freespin"]
    assert (found["bet"]["schema"]["minimum"], found["win"]["schema"]["minimum"]) == (1, 0)


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(node, dict):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from nodes(child)


def test_limits_are_written_as_json_schema_has_them() -> None:
    for node in nodes(DOCUMENT):
        assert not {"ge", "le", "gt", "lt"} & set(node), node
        assert not any(isinstance(node.get(name), float) for name in ("minimum", "maximum")), node
        assert "\\n" not in str(node.get("pattern", "")), node
    limit = parameters("GET /players/{player_id}/rounds")["limit"]["schema"]
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 128, 20)


@pytest.mark.parametrize("name", [name for name in ROUTES if "{" in name])
def test_every_id_in_a_path_has_its_pattern(name: str) -> None:
    in_path = [parameter for parameter in parameters(name).values() if parameter["in"] == "path"]
    assert [f"{{{parameter['name']}}}" for parameter in in_path] == re.findall(r"{\w+}", name)
    for parameter in in_path:
        if "enum" in parameter["schema"]:
            continue
        assert re.search(parameter["schema"]["pattern"], "a-1")
        for odd in ("", "a b", "a" * 129, "\u00e9", "a/b"):
            assert not re.search(parameter["schema"]["pattern"], odd), (parameter, odd)


def field(schema: str, name: str) -> Draft202012Validator:
    """What the document says of a field of a body."""
    found = DOCUMENT["components"]["schemas"][schema]["properties"][name]
    return Draft202012Validator(found, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize(
    ("schema", "name", "good", "bad"),
    [
        ("ReasonRequest", "reason", ["x", "\u00e9" * 500], ["", "x" * 501, "a\nb", "\x7f", 1, None]),
        ("CancelGrantRequest", "reason", ["x", None], ["", "a\tb"]),
        ("CodeRequest", "code", ["SPRING", "x" * 64], ["", "x" * 65, "a\nb", "\x00"]),
        (
            "DepositRequest",
            "ip",
            ["1.2.3.4", "::1", "2001:db8::1", None],
            ["", "1.2.3", "01.2.3.4", "ab" * 30, "::1%en0"],
        ),
        ("SessionRequest", "ip", ["1.2.3.4", "::ffff:1.2.3.4", None], ["localhost", "1.2.3.4/8"]),
        ("AdjustPointsRequest", "points", [1, -1, 10**9, -(10**9)], [0, 10**9 + 1, 1.5, "1"]),
        ("RedemptionRequest", "points", [1, 10**9], [0, -1]),
        ("ResultBody", "player_id", ["p1"], ["", "p 1", "p" * 65]),
        ("RollbackBody", "transaction_id", ["!"], ["", "a b"]),
    ],
)
def test_what_is_refused_is_documented(schema: str, name: str, good: list[Any], bad: list[Any]) -> None:
    documented = field(schema, name)
    assert [value for value in good if not documented.is_valid(value)] == []
    assert [value for value in bad if documented.is_valid(value)] == []


@pytest.mark.parametrize("name", ["POST /catalog/check", "POST /catalog/deploy"])
def test_the_parts_of_a_form_are_named(name: str) -> None:
    form = operation(name)["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == set(FILE_FIELDS)
    assert form["properties"]["file"] == form["properties"]["files"]["items"] == form["additionalProperties"]
    assert form["properties"]["file"]["contentMediaType"] == "application/octet-stream"


def test_what_may_wait_and_what_may_be_csv_is_documented() -> None:
    for name in ("POST /loyalty/points/add", "POST /loyalty/status/update", "POST /catalog/deploy"):
        waiting = operation(name)["responses"]["202"]["content"]["application/json"]["schema"]["$ref"]
        assert waiting == "#/components/schemas/WaitingJson"
    assert "202" not in operation("POST /players/{player_id}/block")["responses"]
    assert set(operation("GET /audit")["responses"]["200"]["content"]) == {"application/json", "text/csv"}


def test_every_refusal_of_a_route_is_documented_somewhere() -> None:
    documented = {code for route in ROUTES.values() for code in route.refusals}
    of_no_route = {"not_found", "method_not_allowed", "internal_error"}
    assert set(TABLE) - documented == of_no_route


def test_operation_ids_are_unique() -> None:
    ids = [operation(name)["operationId"] for name in ROUTES]
    assert len(set(ids)) == len(ids)
