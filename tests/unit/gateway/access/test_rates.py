"""How fast a client may ask: counted over all its keys and all ways, and refused with the time to wait."""

from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.access.auth import ProofAuth
from gateway.access.keys import ApiKey, ApiKeys
from gateway.access.rates import Rate
from gateway.http.errors import Refused
from tests.support.gateway_doubles import ScriptedPlayers, app_with, calling
from tests.unit.gateway.access.test_auth import NOW_S, SECRET, sign
from tests.unit.gateway.spin.stream_client import SPIN, connected, proof

MS = 1_000_000
SLOW = 1
"""Requests a second in tests that send over HTTP: no token comes back before they are over, unless they take long."""


def keys(burst: int, rate_per_s: int = SLOW) -> ApiKeys:
    return ApiKeys(
        api_keys=(
            ApiKey("studio-7", SECRET, "game_server", None, rate_per_s, burst),
            ApiKey("next", SECRET, "game_server", "studio-7", rate_per_s, burst),
            ApiKey("pms", SECRET, "platform"),
        )
    )


def proving(burst: int) -> ProofAuth:
    return ProofAuth(keys(burst), clock=lambda: NOW_S)


def used_up(auth: ProofAuth, by: int) -> None:
    """Takes so many tokens of `studio-7` at an instant that lies far ahead, so that none comes back in a test."""
    rate = auth.rates.of("studio-7")
    assert rate is not None
    for _ in range(by):
        rate.wait_ns(1 << 62)


def signed(method: str, target: str, key: str = "studio-7", idempotency_key: str = "") -> Mapping[str, str]:
    signature = sign(f"{NOW_S}\n{method}\n{target}\n{idempotency_key}\n".encode()).decode()
    headers = {"x-api-key": key, "x-request-timestamp": str(NOW_S), "x-request-sign": signature}
    return headers | ({"idempotency-key": idempotency_key} if idempotency_key else {})


def test_a_burst_then_the_rate() -> None:
    rate = Rate("studio-7", 10, 3)
    assert [rate.wait_ns(0) for _ in range(5)] == [0, 0, 0, 100 * MS, 100 * MS]
    assert rate.wait_ns(99 * MS) == MS
    assert [rate.wait_ns(100 * MS), rate.wait_ns(100 * MS)] == [0, 100 * MS]
    assert [rate.wait_ns(100_000 * MS) for _ in range(4)] == [0, 0, 0, 100 * MS]
    assert rate.refused == 5


def test_refused_requests_take_nothing() -> None:
    rate = Rate("studio-7", 1, 1)
    assert rate.wait_ns(0) == 0
    for now_ms in range(0, 1_000, 10):
        assert rate.wait_ns(now_ms * MS) == (1_000 - now_ms) * MS
    assert rate.wait_ns(1_000 * MS) == 0


def test_whoever_is_too_fast_is_told_when_to_come_again() -> None:
    rate = Rate("studio-7", 2, 1)
    rate.demand(0)
    with pytest.raises(
        Refused, match=r"studio-7 may send 2 requests a second, and 1 at once\. Ask again in 500 ms"
    ) as it:
        rate.demand(1)
    assert (it.value.code, it.value.fields, dict(it.value.headers)) == (
        "rate_limited",
        {"retry_after_ms": 500},
        {b"retry-after": b"1"},
    )


SPIN_TARGET = "/spin?player_id=p1&game_id=g&mode=real&bet=100"


@pytest.mark.parametrize(
    ("method", "target", "key"),
    [("POST", SPIN_TARGET, "k1"), ("GET", "/players/p1/rounds", ""), ("GET", "/spin/s-1?player_id=p1", "")],
)
async def test_every_route_and_every_key_of_a_client_count_together(method: str, target: str, key: str) -> None:
    auth, players = proving(2), ScriptedPlayers()
    used_up(auth, 2)
    async with calling(app_with(players, auth)) as client:
        for signer in ("studio-7", "next"):
            response = await client.request(method, target, headers=signed(method, target, signer, key))
            document = response.json()
            assert (response.status_code, document["code"]) == (429, "rate_limited")
            assert (document["retryable"], document["action"]) == (True, "retry_same_key")
            assert int(response.headers["retry-after"]) * 1_000 >= document["retry_after_ms"] > 0
    assert players.asked == []


async def test_within_the_burst_nobody_is_refused() -> None:
    async with calling(app_with(auth=proving(2))) as client:
        answers = [
            (await client.post(SPIN_TARGET, headers=signed("POST", SPIN_TARGET, idempotency_key="k"))).status_code
        ]
        answers.append(
            (await client.get("/players/p1/rounds", headers=signed("GET", "/players/p1/rounds"))).status_code
        )
    assert answers == [200, 200]


async def test_the_others_are_not_bounded_by_it() -> None:
    auth = proving(1)
    used_up(auth, 1)
    async with calling(app_with(auth=auth)) as client:
        assert (await client.get("/players/p1", headers=signed("GET", "/players/p1", "pms"))).status_code == 200


async def test_a_wrong_signature_takes_nothing_of_the_client_it_names() -> None:
    auth = proving(1)
    async with calling(app_with(auth=auth)) as client:
        forged = signed("GET", "/players/p2/rounds")
        assert (await client.get("/players/p1/rounds", headers=forged)).status_code == 401
        assert (await client.get("/players/p1/rounds", headers=signed("GET", "/players/p1/rounds"))).status_code == 200


async def test_the_stream_counts_each_request() -> None:
    auth, players = proving(3), ScriptedPlayers()
    async with connected(players, auth, proof()) as client:
        client.send(SPIN)
        assert (await client.answer())["status"] == 200
        used_up(auth, 3)
        client.send(SPIN | {"id": 2})
        refused = await client.answer()
    assert (refused["id"], refused["status"], refused["body"]["code"]) == (2, 429, "rate_limited")
    assert refused["retry_after_s"] >= 1
    assert len(players.asked) == 1


async def test_a_limit_that_changes_holds_at_once_on_a_stream_that_is_open() -> None:
    auth = proving(1_000)
    async with connected(auth=auth, headers=proof()) as client:
        auth.replace(keys(1))
        used_up(auth, 1)
        client.send(SPIN)
        assert (await client.answer())["body"]["code"] == "rate_limited"


def test_what_a_client_has_used_up_outlives_a_change_of_the_file() -> None:
    auth = proving(2)
    used_up(auth, 2)
    auth.replace(keys(2))
    rate = auth.rates.of("studio-7")
    assert rate is not None and rate.wait_ns(1 << 62) > 0
    auth.replace(ApiKeys())
    assert auth.rates.of("studio-7") is None


def test_what_was_refused_is_counted_by_client() -> None:
    auth: Any = proving(1)
    used_up(auth, 3)
    registry = CollectorRegistry()
    registry.register(auth.rates)
    assert b'gateway_rate_limited_total{client="studio-7"} 2.0' in generate_latest(registry)
    assert b"pms" not in generate_latest(registry)
