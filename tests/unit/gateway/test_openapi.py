"""The document callers generate their clients from: every route, the hot ones included, with its refusals."""

import re
from typing import Any

import pytest

from gateway.errors import TABLE
from gateway.openapi import refusals
from gateway.roles import KEYLESS, ROUTE_ROLES
from tests.unit.gateway.doubles import KEYED, app_with, calling

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


@pytest.mark.parametrize("name", ROUTE_ROLES)
def test_every_route_names_its_refusals_by_status(name: str) -> None:
    responses = operation(name)["responses"]
    for code in refusals(name):
        problem = responses[str(TABLE[code].status)]
        assert f"`{code}`" in problem["description"]
        assert "application/problem+json" in problem["content"]
    assert any(status in responses for status in ("200", "201"))


@pytest.mark.parametrize("name", ROUTE_ROLES)
def test_every_route_says_how_to_prove_oneself(name: str) -> None:
    schemes = {scheme for alternative in operation(name).get("security", []) for scheme in alternative}
    assert schemes == ({"ApiKey", "Timestamp", "Signature", "Bearer"} if ROUTE_ROLES[name] else set())
    assert schemes <= set(DOCUMENT["components"]["securitySchemes"])


@pytest.mark.parametrize("name", ROUTE_ROLES)
def test_changes_show_the_idempotency_key(name: str) -> None:
    key = parameters(name).get("Idempotency-Key")
    assert (key is not None) == (name in KEYED or name in KEYLESS)
    assert key is None or key["required"] == (name in KEYED)


@pytest.mark.parametrize("name", [name for name in (*KEYED, *KEYLESS) if name != "POST /spin"])
def test_changes_show_their_body(name: str) -> None:
    assert operation(name)["requestBody"]["content"]["application/json"]["schema"]["$ref"]


def test_the_parameters_of_a_spin() -> None:
    found = parameters("POST /spin")
    assert [name for name in found if found[name]["required"]] == ["player_id", "game_id", "mode", "Idempotency-Key"]
    assert found["mode"]["schema"]["enum"] == ["real", "freespin"]
    assert (found["bet"]["schema"]["minimum"], found["win"]["schema"]["minimum"]) == (1, 0)


def test_every_refusal_of_a_route_is_documented_somewhere() -> None:
    documented = {code for name in ROUTE_ROLES for code in refusals(name)}
    of_no_route = {"not_found", "method_not_allowed", "internal_error"}
    assert set(TABLE) - documented == of_no_route


def test_operation_ids_are_unique() -> None:
    ids = [operation(name)["operationId"] for name in ROUTE_ROLES]
    assert len(set(ids)) == len(ids)
