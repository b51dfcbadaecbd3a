"""The sandbox clock: there with `--sandbox`, and otherwise unknown."""

from typing import Any

import httpx
import pytest

from gateway.settings import GatewaySettings
from tests.support.gateway_doubles import ScriptedControl, app_with, calling


async def test_advancing_the_clock() -> None:
    control = ScriptedControl()
    async with calling(app_with(control=control)) as client:
        first = await move(client, 60, "k1")
        second = await move(client, 2_592_000, "k2")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == {"now": "2026-01-01T00:01:00.000Z", "offset_seconds": 60, "replayed": False}
    assert second.json() == {"now": "2026-01-31T00:01:00.000Z", "offset_seconds": 2_592_060, "replayed": False}


async def move(client: httpx.AsyncClient, seconds: Any, key: str) -> httpx.Response:
    return await client.post("/sandbox/clock", json={"advance_seconds": seconds}, headers={"idempotency-key": key})


async def test_a_key_moves_it_once_and_by_as_much_as_it_said() -> None:
    control = ScriptedControl()
    async with calling(app_with(control=control)) as client:
        first, again, other = [await move(client, seconds, "k1") for seconds in (60, 60, 61)]
        keyless = await client.post("/sandbox/clock", json={"advance_seconds": 60})
    assert again.json() == first.json() | {"replayed": True}
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
    assert control.advanced == {"open:k1": 60}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"advance_seconds": 0},
        {"advance_seconds": -1},
        {"advance_seconds": 1.5},
        {"advance_seconds": "60"},
        {"advance_seconds": True},
        {"advance_seconds": 315_360_001},
        {"advance_seconds": 60, "to": "2030-01-01"},
    ],
)
async def test_odd_steps(body: Any) -> None:
    control = ScriptedControl()
    async with calling(app_with(control=control)) as client:
        response = await client.post("/sandbox/clock", json=body)
    assert (response.status_code, response.json()["code"], control.advanced) == (400, "invalid_request", {})


@pytest.mark.parametrize(
    ("left", "told"), [(59, "at most 59 more seconds are possible"), (0, "can't be moved any more")]
)
async def test_a_step_beyond_the_latest_instant(left: int, told: str) -> None:
    control = ScriptedControl()
    control.left_seconds = left
    async with calling(app_with(control=control)) as client:
        response = await move(client, 60, "k1")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    [error] = response.json()["errors"]
    assert error["field"] == "advance_seconds"
    assert error["reason"].startswith("60 would lead beyond 9999-12-31T23:59:59.999Z") and told in error["reason"]


async def test_without_a_sandbox_there_is_no_such_route() -> None:
    control = ScriptedControl()
    app = app_with(settings=GatewaySettings(), control=control)
    async with calling(app) as client:
        for method in ("POST", "GET"):
            response = await client.request(method, "/sandbox/clock", json={"advance_seconds": 60})
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert "/sandbox/clock" not in app.openapi()["paths"]
    assert control.advanced == {}
