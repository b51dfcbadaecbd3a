"""The sandbox clock: there with `--sandbox`, and otherwise unknown."""

from typing import Any

import pytest

from gateway.settings import GatewaySettings
from tests.unit.gateway.doubles import ScriptedControl, app_with, calling


async def test_advancing_the_clock() -> None:
    control = ScriptedControl()
    async with calling(app_with(control=control)) as client:
        await client.post("/sandbox/clock", json={"advance_seconds": 60}, headers={"idempotency-key": "k1"})
        response = await client.post("/sandbox/clock", json={"advance_seconds": 2_592_000})
    assert (response.status_code, control.advanced) == (200, [60, 2_592_000])
    assert response.json() == {"now": "2026-01-31T00:00:00.000Z", "offset_seconds": 2_592_060}


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
    assert (response.status_code, response.json()["code"], control.advanced) == (400, "invalid_request", [])


async def test_without_a_sandbox_there_is_no_such_route() -> None:
    control = ScriptedControl()
    app = app_with(settings=GatewaySettings(), control=control)
    async with calling(app) as client:
        for method in ("POST", "GET"):
            response = await client.request(method, "/sandbox/clock", json={"advance_seconds": 60})
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert "/sandbox/clock" not in app.openapi()["paths"]
    assert control.advanced == []
