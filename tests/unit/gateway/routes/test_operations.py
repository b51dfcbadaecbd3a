"""Health, discovery and the cluster."""

from tests.support.gateway_doubles import app_with, calling


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


async def test_cluster_and_targets() -> None:
    async with calling(app_with()) as client:
        assert (await client.get("/cluster")).json() == {"shards": [{"shard_id": "s0", "epoch": 3}]}
        targets = (await client.get("/metrics/targets")).json()
    assert targets == [{"targets": ["127.0.0.1:8080"], "labels": {"role": "gateway"}}]
