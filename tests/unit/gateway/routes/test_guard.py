"""Around the routes: sizes, content types, odd headers, and what a failure shows."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.gateway_doubles import CHANGES, SAMPLES, ScriptedPlayers, app_with, calling, send

WITH_BODY = [name for name in CHANGES if name != "POST /spin"]


class Feed:
    """A request body that counts how much of it was read."""

    def __init__(self, chunks: int) -> None:
        self.left = chunks
        self.read = 0

    async def __call__(self) -> dict[str, Any]:
        self.read += 1
        self.left -= 1
        return {"type": "http.request", "body": b" " * 10_000, "more_body": self.left > 0}


async def post(path: str, headers: list[tuple[bytes, bytes]], feed: Any) -> tuple[int, dict[str, Any]]:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "server": ("croupier", 80),
    }
    sent: list[dict[str, Any]] = []

    async def reply_to(message: Any) -> None:
        sent.append(message)

    await app_with()(scope, feed, reply_to)
    return sent[0]["status"], json.loads(sent[1]["body"])


PATHS = ["/spin/s-1/result", "/players/p1/deposits"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [b"65537", b"2000000", b"9" * 40])
async def test_an_announced_oversize_body_is_not_read_at_all(path: str, length: bytes) -> None:
    feed = Feed(200)
    status, problem = await post(path, [(b"content-length", length)], feed)
    assert (status, problem["code"], feed.read) == (413, "body_too_large", 0)


@pytest.mark.parametrize("path", PATHS)
async def test_a_chunked_oversize_body_is_read_up_to_the_limit(path: str) -> None:
    feed = Feed(200)
    status, problem = await post(path, [(b"transfer-encoding", b"chunked")], feed)
    assert (status, problem["code"], feed.read) == (413, "body_too_large", 7)


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_cut_short_is_refused(path: str) -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    status, problem = await post(path, [(b"content-length", b"10"), (b"content-type", b"application/json")], gone)
    assert (status, problem["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", WITH_BODY)
async def test_two_megabytes_change_nothing(name: str) -> None:
    players = ScriptedPlayers()
    async with calling(app_with(players)) as client:
        response = await client.request(
            name.partition(" ")[0], SAMPLES[name].path, content=b"{" * 2_000_000, headers={"idempotency-key": "k1"}
        )
    assert (response.status_code, response.json()["code"], players.asked) == (413, "body_too_large", [])


@pytest.mark.parametrize("name", WITH_BODY)
async def test_only_json_is_taken(name: str) -> None:
    players = ScriptedPlayers()
    method, content = name.partition(" ")[0], json.dumps(SAMPLES[name].json).encode()
    async with calling(app_with(players)) as client:
        for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", None):
            headers = {"idempotency-key": "k1"} | ({} if content_type is None else {"content-type": content_type})
            response = await client.request(method, SAMPLES[name].path, content=content, headers=headers)
            assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type"), content_type
    assert players.asked == []


@pytest.mark.parametrize("name", WITH_BODY)
async def test_json_may_have_parameters(name: str) -> None:
    async with calling(app_with()) as client:
        response = await send(client, name, headers={"content-type": "Application/JSON; charset=utf-8"})
    assert response.status_code < 300


@pytest.mark.parametrize("name", CHANGES)
async def test_changes_need_a_key(name: str) -> None:
    players = ScriptedPlayers()
    async with calling(app_with(players)) as client:
        for key in (None, "", "a b", "\u00e9".encode(), b"\x00", "k" * 129):
            response = await send(client, name, key=key)
            assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_required"), key
    assert players.asked == []


@pytest.mark.parametrize("name", CHANGES)
async def test_any_visible_ascii_is_a_key(name: str) -> None:
    players, keys = ScriptedPlayers(), ("!", "k" * 128, "a:b|c~")
    async with calling(app_with(players)) as client:
        for key in keys:
            await send(client, name, key=key)
    assert [asked.command_id for asked in players.asked] == [f"open:{key}" for key in keys]


@pytest.mark.parametrize("name", ["POST /spin", "POST /players/{player_id}/deposits"])
@pytest.mark.parametrize("header", ["idempotency-key", "x-api-key", "x-request-sign", "authorization"])
async def test_a_repeated_header_leaves_nothing_to_guess(name: str, header: str) -> None:
    sample = SAMPLES[name]
    headers = [("idempotency-key", "k1"), (header, "a"), (header, "b")]
    async with calling(app_with()) as client:
        response = await client.post(sample.path, json=sample.json, headers=headers)
    assert (response.status_code, response.json()["errors"]) == (
        400,
        [{"field": header, "reason": "must be sent once"}],
    )


@pytest.mark.parametrize("name", SAMPLES)
async def test_odd_headers_never_fail(name: str) -> None:
    odd = {
        "accept": "\u00ff",
        "x-forwarded-for": "';--",
        "host": "a b",
        "cookie": "=;=",
        "x-api-key": "a:b",
        "authorization": "Bearer",
        "range": "bytes=9-1",
        "expect": "the unexpected",
    }
    async with calling(app_with()) as client:
        sample = SAMPLES[name]
        headers = [(key.encode(), value.encode("latin-1")) for key, value in odd.items()]
        headers += [(b"idempotency-key", b"k1"), (b"x-same", b"1"), (b"x-same", b"2")]
        response = await client.request(name.partition(" ")[0], sample.path, json=sample.json, headers=headers)
    assert response.status_code < 300


async def test_a_failure_in_a_route_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScriptedPlayers):
        def submit(self, player_id: str, command_id: str, body: Any, on_outcome: Any) -> None:
            raise RuntimeError("secret of the house")

    app = app_with(Broken())
    async with calling(app) as client:
        response = await client.get("/players/p1")
        metrics = (await client.get("/metrics")).text
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "secret" not in response.text
    assert "secret of the house" in caplog.text
    assert 'gateway_requests_total{code="internal_error",route="GET /players/{player_id}"} 1.0' in metrics


@pytest.mark.parametrize(
    "path", ["/players/p1/", "/players", "/players/p1/nope", "//players/p1", "/PLAYERS/p1", "/players/a%2Fb"]
)
async def test_no_such_route(path: str) -> None:
    async with calling(app_with()) as client:
        response = await client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/players/p1", "GET, HEAD, PUT"),
        ("PUT", "/players/p1/bonuses", "GET, HEAD, POST"),
        ("GET", "/players/p1/deposits", "POST"),
        ("HEAD", "/players/p1/deposits", "POST"),
        ("POST", "/metrics", "GET, HEAD"),
        ("OPTIONS", "/players/p1", "GET, HEAD, PUT"),
        ("OPTIONS", "/loyalty/p1", "GET, HEAD"),
        ("OPTIONS", "/loyalty/redemptions", "POST"),
        ("GET", "/loyalty/redemptions", "POST"),
        ("HEAD", "/loyalty/redemptions", "POST"),
        ("OPTIONS", "/loyalty/levels", "GET, HEAD"),
        ("OPTIONS", "/spin/rollback", "POST"),
        ("OPTIONS", "/spin/s-1", "GET, HEAD"),
    ],
)
async def test_the_methods_a_path_knows_are_told(method: str, path: str, allow: str) -> None:
    async with calling(app_with()) as client:
        response = await client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)


async def test_a_body_of_unknown_length_is_read() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"player_id":"p1",'
        yield b'"win":7}'

    headers = {"idempotency-key": "k1", "content-type": "application/json"}
    async with calling(app_with()) as client:
        response = await client.post("/spin/s-1/result", content=chunks(), headers=headers)
    assert response.status_code == 200
