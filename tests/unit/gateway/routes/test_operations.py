"""Health, discovery and the cluster."""

import pytest

from gateway.access.auth import OpenAuth
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.support.gateway_doubles import (
    MemoryControlLog,
    MemoryProposals,
    MemorySwitches,
    QuietCluster,
    ScriptedControl,
    ScriptedPlayers,
    app_with,
    calling,
)


async def test_alive_even_while_not_ready() -> None:
    async with calling(app_with(not_ready="shard s1 is recovering")) as client:
        live = await client.get("/health/live")
        ready = await client.get("/health/ready")
    assert (live.status_code, live.json()["status"]) == (200, "live")
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
    assert ready.json() == {"status": "not_ready", "detail": "shard s1 is recovering"}


async def test_ready() -> None:
    async with calling(app_with()) as client:
        ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "detail": ""})


async def test_a_store_that_takes_nothing_is_told_and_takes_no_gateway_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuietCluster, "trouble", "the store takes no appends of s1")
    async with calling(app_with()) as client:
        ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "degraded", "detail": "the store takes no appends of s1"},
    )


async def test_cluster_and_targets() -> None:
    async with calling(app_with(reader_names=())) as client:
        assert (await client.get("/cluster")).json() == {"shards": [{"shard_id": "s0", "epoch": 3}]}
        targets = (await client.get("/metrics/targets")).json()
    assert targets == [{"targets": ["127.0.0.1:8080"], "labels": {"role": "gateway"}}]


async def test_the_document_of_events_is_served_as_it_was_given() -> None:
    app = create_app(
        ScriptedPlayers(),
        OpenAuth(),
        QuietCluster(""),
        ScriptedControl(),
        MemoryControlLog(),
        MemoryProposals(),
        MemorySwitches(),
        GatewaySettings(),
        b'{"asyncapi":"3.0.0"}',
    )
    async with calling(app) as client:
        served = await client.get("/asyncapi.json")
    assert (served.json(), served.headers["content-type"]) == ({"asyncapi": "3.0.0"}, "application/json")
