"""Live operations over HTTP: what reaches the supervisor, and what its answers become."""

from typing import Any

import pytest

from gateway.live_operations import OperationAsked
from gateway.ports import KeyTaken
from tests.support.gateway_doubles import (
    OPERATION,
    MemoryControlLog,
    RoleAuth,
    ScriptedOperations,
    app_with,
    calling,
)

KEY = {"idempotency-key": "k1"}


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("/cluster/scale", {"shards": 4}, OperationAsked("scale", 4)),
        ("/cluster/drain", {"shard": "s1"}, OperationAsked("drain", shard="s1")),
        ("/cluster/drain", {"node": "10.0.0.7"}, OperationAsked("drain", node="10.0.0.7")),
        ("/cluster/rolling-restart", {}, OperationAsked("rolling_restart")),
        ("/cluster/rebalance", {}, OperationAsked("rebalance")),
    ],
)
async def test_the_supervisor_is_asked_and_the_log_tells_of_it(path: str, body: Any, asked: OperationAsked) -> None:
    operations, log = ScriptedOperations(), MemoryControlLog()
    app = app_with(auth=RoleAuth("ops"), operations=operations, control_log=log)
    async with calling(app) as client:
        response = await client.post(path, json=body, headers=KEY)
        again = await client.post(path, json=body, headers=KEY)
    assert response.json() == {"operation": OPERATION, "replayed": False}
    assert again.json() == {"operation": OPERATION, "replayed": True}
    assert operations.asked == [(asked, "tester", "tester:k1")] * 2
    assert [entry.after for entry in log.entries] == [
        body,
        {"operation": 3, "asked": "2 → 4 shards"},
        body,
        {"operation": 3, "asked": "2 → 4 shards", "replayed": True},
    ]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/cluster/scale", {"shards": 0}, "shards"),
        ("/cluster/scale", {"shards": 65}, "shards"),
        ("/cluster/scale", {}, "shards"),
        ("/cluster/drain", {}, "body"),
        ("/cluster/drain", {"shard": "s1", "node": "n1"}, "body"),
        ("/cluster/drain", {"shard": "s1; rm"}, "shard"),
        ("/cluster/rebalance", {"shards": 3}, "shards"),
    ],
)
async def test_what_is_malformed_reaches_nobody(path: str, body: Any, field: str) -> None:
    operations = ScriptedOperations()
    async with calling(app_with(operations=operations)) as client:
        response = await client.post(path, json=body, headers=KEY)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)
    assert operations.asked == []


async def test_a_key_of_another_operation_is_a_conflict() -> None:
    async with calling(app_with(operations=ScriptedOperations(KeyTaken()))) as client:
        response = await client.post("/cluster/scale", json={"shards": 2}, headers=KEY)
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_conflict")
