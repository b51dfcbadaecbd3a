"""HEAD works where GET does: the same status and headers, and no body (RFC 9110)."""

import httpx
import pytest

from engine.rejections import Rejection
from gateway.access.auth import Caller, ProofAuth
from gateway.access.keys import ApiKey, ApiKeys
from gateway.http.wire import HttpRequest
from tests.support.gateway_doubles import SAMPLES, ScriptedPlayers, app_with, calling

READS = [name.partition(" ")[2] for name in SAMPLES if name.startswith("GET ")]
PATHS = {path: SAMPLES[f"GET {path}"].path for path in READS}


async def both(path: str, players: ScriptedPlayers | None = None) -> tuple[httpx.Response, httpx.Response]:
    async with calling(app_with(players)) as client:
        return await client.get(path), await client.head(path)


@pytest.mark.parametrize("path", [*PATHS.values(), "/openapi.json", "/docs"])
async def test_head_answers_like_get_without_a_body(path: str) -> None:
    got, headed = await both(path)
    assert (headed.status_code, headed.content) == (got.status_code, b"") == (200, b"")
    assert headed.headers["content-type"] == got.headers["content-type"]
    if not path.startswith(("/metrics", "/audit")):  # which tell of the GET before
        assert headed.headers == got.headers
        if not path.startswith("/reports/"):  # which are streamed
            assert int(headed.headers["content-length"]) == len(got.content)


@pytest.mark.parametrize("path", ["/players/p1", "/spin/s-1?player_id=p1", "/players/p1/rounds"])
async def test_head_is_refused_as_get_is(path: str) -> None:
    got, headed = await both(path, ScriptedPlayers(Rejection("player_not_found", "There is no player.")))
    assert (headed.status_code, headed.content, headed.headers) == (404, b"", got.headers)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/players/p1?surprise=1", 400),
        ("/spin/s-1", 400),
        ("/players/p1/rounds?limit=0", 400),
        ("/nowhere", 404),
        ("/players/p1/deposits", 405),
        ("/spin", 405),
    ],
)
async def test_what_get_refuses_head_refuses(path: str, status: int) -> None:
    got, headed = await both(path)
    assert (headed.status_code, headed.content, headed.headers) == (status, b"", got.headers)


async def test_head_asks_the_player_what_get_asks() -> None:
    players = ScriptedPlayers()
    await both("/players/p1", players)
    await both("/spin/s-1?player_id=p1", players)
    assert players.asked[0] == players.asked[1]
    assert players.asked[2] == players.asked[3]


async def test_what_is_signed_is_the_method_as_sent() -> None:
    class Listening(ProofAuth):
        def caller(self, request: HttpRequest) -> Caller:
            heard.append((request.method, request.target))
            return Caller("studio-7", frozenset({"game_server"}))

    heard: list[tuple[str, bytes]] = []
    keys = ApiKeys(api_keys=(ApiKey("studio-7", "a secret of enough", "game_server"),))
    async with calling(app_with(auth=Listening(keys))) as client:
        await client.head("/spin/s-1?player_id=p1")
        await client.head("/players/p1/rounds")
    assert heard == [("HEAD", b"/spin/s-1?player_id=p1"), ("HEAD", b"/players/p1/rounds")]
