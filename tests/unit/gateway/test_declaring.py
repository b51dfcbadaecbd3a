"""What a route's declaration brings with it."""

import pytest
from starlette.responses import Response

from gateway.access.roles import PLATFORM, PUBLIC
from gateway.declaring import Route, Routes, RouteTable
from gateway.documents.base import HealthJson
from gateway.http.errors import TABLE
from gateway.route_table import ROUTES
from tests.support.gateway_doubles import app_with, calling


def route(name: str) -> Route:
    return Route(name, "", PUBLIC, None)


BESIDE = RouteTable(
    [route(name) for name in ("GET /a/{x}", "PUT /a/{x}", "POST /a/b", "GET /a/c", "POST /a/{x}/d", "GET /e")]
)


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/a/1", ["GET", "PUT"]), ("/a/b", ["POST"]), ("/a/c", ["GET"]), ("/a/1/d", ["POST"]), ("/e", ["GET"])],
)
def test_a_path_that_is_declared_as_it_stands_belongs_to_no_template(path: str, methods: list[str]) -> None:
    assert BESIDE.methods_of(path) == methods


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/a/1", "GET /a/{x}"),
        ("GET", "/a/c", "GET /a/c"),
        ("POST", "/a/b", "POST /a/b"),
        ("POST", "/a/1", None),
        ("GET", "/a/1/d", None),
        ("GET", "/f", None),
    ],
)
def test_a_request_finds_its_route(method: str, path: str, name: str | None) -> None:
    found = BESIDE.find(method, path)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("method", "path", "shadowed"),
    [
        ("GET", "/a/b", True),
        ("PUT", "/a/c", True),
        ("POST", "/a/b", False),
        ("DELETE", "/a/b", False),
        ("GET", "/a/1", False),
    ],
)
def test_an_exact_path_hides_the_template_beside_it(method: str, path: str, shadowed: bool) -> None:
    assert BESIDE.is_shadowed(method, path) is shadowed


def test_every_declaration_is_complete() -> None:
    for name, declared in ROUTES.items():
        assert declared.summary, name
        assert set(declared.refusals) <= set(TABLE), name
        assert declared.keyed == ("idempotency_key_required" in declared.refusals), name
        assert not (declared.keyed and declared.method == "GET"), name


def test_a_handler_declares_its_route() -> None:
    routes = Routes()

    @routes.change("POST /a/{x}", roles=PLATFORM, answers=HealthJson, refuses=("not_eligible",), creates=True)
    async def make(x: str) -> Response:
        """Makes a thing."""
        return Response()

    [declared] = routes.declared
    assert (declared.method, declared.path, declared.summary) == ("POST", "/a/{x}", "Makes a thing.")
    assert (declared.roles, declared.answer, declared.statuses, declared.keyed) == (
        PLATFORM,
        HealthJson,
        (200, 201),
        True,
    )
    assert {"not_eligible", "forbidden", "idempotency_conflict", "player_not_found"} <= set(declared.refusals)


async def test_a_route_that_is_declared_to_change_nothing_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocking = "POST /players/{player_id}/block"
    monkeypatch.setitem(ROUTES, blocking, ROUTES[blocking]._replace(keyed=False))
    async with calling(app_with()) as client:
        response = await client.post("/players/p1/block", json={"reason": "x"}, headers={"idempotency-key": "k"})
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert f"{blocking} is declared to change nothing" in caplog.text
