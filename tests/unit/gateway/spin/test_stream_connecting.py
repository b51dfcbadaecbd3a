"""Who may connect to the spin stream, and for how long; how it is counted and documented."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from gateway.access.keys import ApiKey, ApiKeys
from gateway.documents.stream import SpinOp
from gateway.settings import GatewaySettings
from gateway.spin.stream import SUBPROTOCOL
from tests.support.gateway_doubles import app_with, calling
from tests.unit.gateway.access.test_auth import SECRET
from tests.unit.gateway.spin.stream_client import KEYS, SPIN, Client, HeldPlayers, connected, proof, proving


async def refused_with(app: Any, headers: Mapping[str, str], offers: list[str], path: str) -> tuple[int, Any]:
    client = Client(app, headers, offers, path)
    start, body = await client.event(), await client.event()
    return start["status"], msgspec.json.decode(body["body"])["code"]


@pytest.mark.parametrize(
    ("headers", "offers", "path", "status", "code"),
    [
        ({}, [SUBPROTOCOL], "/spin/stream", 401, "unauthenticated"),
        (proof(secret="another secret"), [SUBPROTOCOL], "/spin/stream", 401, "unauthenticated"),
        (proof("pms", SECRET[::-1]), [SUBPROTOCOL], "/spin/stream", 403, "forbidden"),
        (proof(), ["croupier.spin.v2"], "/spin/stream", 400, "invalid_request"),
        (proof(), [], "/spin/stream", 400, "invalid_request"),
        (proof(), [SUBPROTOCOL], "/spin/stream?player_id=p1", 400, "invalid_request"),
        (proof(), [SUBPROTOCOL], "/stream", 404, "not_found"),
    ],
)
async def test_who_may_not_connect_gets_a_problem_document(
    headers: Mapping[str, str], offers: list[str], path: str, status: int, code: str
) -> None:
    assert await refused_with(app_with(auth=proving()), headers, offers, path) == (status, code)


async def test_no_more_streams_than_allowed() -> None:
    app = app_with(settings=GatewaySettings(streams_max=0))
    assert await refused_with(app, {}, [SUBPROTOCOL], "/spin/stream") == (429, "overloaded")


async def test_a_plain_request_is_told_that_it_is_a_websocket() -> None:
    async with calling(app_with()) as http:
        answer = await http.get("/spin/stream")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "upgrade")


@pytest.mark.parametrize(
    ("keys", "lives"),
    [
        (KEYS, True),
        (ApiKeys(api_keys=(*KEYS.api_keys, ApiKey("new", "n" * 32, "game_server"))), True),
        (ApiKeys(api_keys=KEYS.api_keys[1:]), False),
        (ApiKeys(api_keys=(ApiKey("studio-7", "another secret of 32 characters", "game_server"),)), False),
        (ApiKeys(api_keys=(ApiKey("studio-7", SECRET, "platform"),)), False),
    ],
)
async def test_a_stream_ends_with_its_key_after_answering_what_is_under_way(keys: ApiKeys, lives: bool) -> None:
    auth, players = proving(), HeldPlayers()
    async with connected(players, auth, proof()) as client:
        client.send(SPIN)
        await client.settled()
        auth.replace(keys)
        players.answer()
        assert (await client.answer())["status"] == 200
        if lives:
            client.send(SPIN | {"id": 2})
            await client.settled()
            assert len(players.asked) == 2
            players.answer()
            assert (await client.answer())["id"] == 2
        else:
            assert (await client.event())["code"] == 4401


async def test_requests_of_a_stream_are_counted_with_those_of_http() -> None:
    app = app_with()
    client = Client(app, {}, [SUBPROTOCOL], "/spin/stream")
    await client.event()
    await client.message()
    client.send(SPIN, SPIN | {"id": 2, "key": ""}, 5)
    await client.message()
    text = app.state.metrics.exposition().decode()
    client.hang_up()
    await client.serving
    assert 'gateway_requests_total{code="ok",route="POST /spin"} 1.0' in text
    assert 'gateway_requests_total{code="idempotency_key_required",route="POST /spin"} 1.0' in text
    assert 'gateway_requests_total{code="invalid_request",route="unmatched"} 1.0' in text
    assert "gateway_streams 1.0" in text


def test_the_document_shows_these_bytes() -> None:
    """docs/stream.md: a request byte by byte."""
    shown = (
        "87a2696401a26f70a47370696ea36b6579a26b31a9706c617965725f6964a27031"
        "a767616d655f6964a167a46d6f6465a47265616ca362657464"
    )
    assert msgspec.msgpack.decode(bytes.fromhex(shown), type=SpinOp) == SpinOp(
        id=1, key="k1", player_id="p1", game_id="g", mode="real", bet=100
    )
