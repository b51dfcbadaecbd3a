"""Webhooks over HTTP: what reaches the reader, and what its answers become."""

import pytest

from gateway.ports import ControlUnavailable
from tests.support.gateway_doubles import ENDPOINT, ScriptedReaders, app_with, calling


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("/webhooks/pms/test", None, {"do": "test", "endpoint": "pms"}),
        ("/webhooks/pms/enable", {}, {"do": "enable", "endpoint": "pms", "from_now": False}),
        ("/webhooks/pms/enable", {"from_now": True}, {"do": "enable", "endpoint": "pms", "from_now": True}),
        ("/webhooks/pms/disable", {}, {"do": "disable", "endpoint": "pms"}),
        ("/webhooks/pms/replay", {"ids": ["p1-3-0"]}, {"do": "replay", "endpoint": "pms", "ids": ["p1-3-0"]}),
        (
            "/webhooks/pms/replay",
            {"from_ms": 1, "to_ms": 2},
            {"do": "replay", "endpoint": "pms", "ids": [], "from_ms": 1, "to_ms": 2},
        ),
    ],
)
async def test_the_reader_is_asked(path: str, body: object, asked: object) -> None:
    readers = ScriptedReaders()
    async with calling(app_with(readers=readers)) as client:
        response = await client.post(path, json=body)
    assert response.status_code == 200, response.text
    assert readers.asked == [("webhooks", asked)]


async def test_all_endpoints_are_listed() -> None:
    async with calling(app_with()) as client:
        assert (await client.get("/webhooks")).json() == {"endpoints": [ENDPOINT]}


async def test_an_endpoint_with_a_reader_of_its_own_is_asked_for_there() -> None:
    readers = ScriptedReaders()
    app = app_with(readers=readers, reader_names=("archive", "webhooks", "webhooks-crm"))
    async with calling(app) as client:
        listed = await client.get("/webhooks")
        await client.post("/webhooks/crm/test")
        await client.post("/webhooks/pms/test")
    assert [name for name, _ in readers.asked] == ["webhooks", "webhooks-crm", "webhooks-crm", "webhooks"]
    assert listed.json() == {"endpoints": [ENDPOINT, ENDPOINT]}


async def test_what_the_reader_finds_malformed_is_an_invalid_request() -> None:
    readers = ScriptedReaders({"refused": "invalid_request", "detail": "name either ids or from_ms"})
    async with calling(app_with(readers=readers)) as client:
        response = await client.post("/webhooks/pms/replay", json={})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert response.json()["errors"] == [{"field": "body", "reason": "name either ids or from_ms"}]


async def test_a_silent_reader_is_not_success() -> None:
    class Silent(ScriptedReaders):
        async def ask_reader(self, name: str, request: bytes) -> bytes:
            raise ControlUnavailable("the reader webhooks is not configured")

    async with calling(app_with(readers=Silent())) as client:
        response = await client.get("/webhooks")
    assert (response.status_code, response.json()["code"]) == (503, "outcome_unknown")
    assert response.json()["detail"] == "the reader webhooks is not configured"
