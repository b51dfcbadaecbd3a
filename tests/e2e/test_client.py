"""The Python client against a real server: what its README promises of HTTP, and of the stream."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from croupier_client import AsyncCroupier, Croupier, Refused, RetryPolicy, Unauthenticated
from tests.support.croupier_up import Api, CroupierUp

pytestmark = pytest.mark.timeout(240)

NewPlayer = Callable[..., str]
GAME = "book-of-dunes"
AS_GAME_SERVER = {"key_id": "game_server", "secret": "secret-of-game_server"}


@pytest.fixture
def client(server: CroupierUp) -> Iterator[Croupier]:
    with Croupier(server.url, **AS_GAME_SERVER) as client:
        yield client


class Flaky(httpx.BaseTransport):
    """Loses the answer to the first request after the server has given it."""

    def __init__(self) -> None:
        self._network = httpx.HTTPTransport()
        self.requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        response = self._network.handle_request(request)
        if self.requests > 1:
            return response
        response.read()
        raise httpx.ReadError("the answer was lost", request=request)

    def close(self) -> None:
        self._network.close()


def real_money(api: Api, player_id: str) -> int:
    return int(api.platform("GET", f"/players/{player_id}").json()["balance"]["real"])


def test_a_round_from_spin_to_result(client: Croupier, new_player: NewPlayer) -> None:
    player = new_player(500)
    opened = client.spin(player, GAME, bet=100, round_id="provider/1")
    raised = client.bet(opened.session_id, player, 50)
    assert (opened.state, opened.round_id, opened.balance.real) == ("open", "provider/1", 400)
    assert (raised.bet_amount, raised.balance.real) == (150, 350)
    closed = client.result(opened.session_id, player, win=70, settles=opened.key)
    assert (closed.state, closed.win_amount, closed.balance.real) == ("closed", 70, 420)
    assert client.round(opened.session_id, player).state == "closed"


def test_a_key_used_again_moves_nothing(client: Croupier, new_player: NewPlayer) -> None:
    player = new_player(500)
    first = client.spin(player, GAME, bet=100, win=0)
    again = client.spin(player, GAME, bet=100, win=0, key=first.key)
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.session_id, again.balance) == (first.session_id, first.balance)


def test_cancel_and_rollback_give_the_stake_back(client: Croupier, api: Api, new_player: NewPlayer) -> None:
    player = new_player(500)
    opened = client.spin(player, GAME, bet=100)
    assert client.cancel(opened.session_id, player).state == "cancelled"
    spun = client.spin(player, GAME, bet=100, win=0)
    rolled_back = client.rollback(player, spun.key)
    assert (rolled_back.status, rolled_back.session_id) == ("rolled_back", spun.session_id)
    assert client.rollback(player, "never-seen").status == "tombstoned"
    assert real_money(api, player) == 500


def test_refusals_say_what_the_document_says(client: Croupier, new_player: NewPlayer) -> None:
    player = new_player(500)
    with pytest.raises(Refused) as poor:
        client.spin(player, GAME, bet=501)
    with pytest.raises(Refused) as wrong:
        client.spin(player, GAME, bet=-1)
    assert (poor.value.code, poor.value.status, poor.value.action) == ("insufficient_funds", 402, "deposit")
    assert poor.value.fields["balance"]["real"] == 500
    assert (wrong.value.code, wrong.value.fields["errors"][0]["field"]) == ("invalid_request", "bet")


def test_ids_with_odd_characters_are_signed_as_they_are_sent(client: Croupier) -> None:
    for player, session in (("a@b:c~d", "x@y:1"), ("\u00e4 &?=#%2F", "t \u00e4?#")):
        with pytest.raises(Refused) as spun:
            client.spin(player, GAME, bet=100)
        with pytest.raises(Refused) as asked:
            client.round(session, player)
        assert {spun.value.code, asked.value.code} <= {"player_not_found", "session_not_found", "invalid_request"}


def test_an_answer_that_is_lost_is_asked_for_again_and_the_stake_taken_once(
    server: CroupierUp, api: Api, new_player: NewPlayer
) -> None:
    player, flaky = new_player(500), Flaky()
    with Croupier(server.url, **AS_GAME_SERVER, transport=flaky, retry=RetryPolicy(pause_first_s=0.001)) as client:
        answer = client.spin(player, GAME, bet=100, win=0)
    assert (flaky.requests, answer.replayed) == (2, True)
    assert real_money(api, player) == 400


def test_a_wrong_secret_is_unauthenticated(server: CroupierUp) -> None:
    stranger = Croupier(server.url, key_id="game_server", secret="not-the-secret")
    with stranger, pytest.raises(Unauthenticated) as caught:
        stranger.spin("ada", GAME, bet=100)
    assert caught.value.clock_skew_s is not None
    assert abs(caught.value.clock_skew_s) < 30


async def test_many_at_once_without_a_thread(server: CroupierUp, api: Api, new_player: NewPlayer) -> None:
    player = new_player(500)
    async with AsyncCroupier(server.url, **AS_GAME_SERVER) as client:
        await asyncio.gather(*(client.spin(player, GAME, bet=10, win=0) for _ in range(30)))
        with pytest.raises(Refused, match="insufficient_funds"):
            await client.spin(player, GAME, bet=201)
    assert real_money(api, player) == 200


async def test_a_stream_has_many_spins_under_way(server: CroupierUp, api: Api, new_player: NewPlayer) -> None:
    players = [new_player(500) for _ in range(5)]
    async with AsyncCroupier(server.url, **AS_GAME_SERVER).stream() as stream:
        calls = [stream.spin(player, GAME, bet=10, win=0) for _ in range(20) for player in players]
        answers = await asyncio.gather(*calls)
    assert [answer.balance.real for answer in answers[::5]] == list(range(490, 290, -10))
    assert {real_money(api, player) for player in players} == {300}


async def test_a_stream_plays_what_http_plays(server: CroupierUp, client: Croupier, new_player: NewPlayer) -> None:
    player = new_player(500)
    async with AsyncCroupier(server.url, **AS_GAME_SERVER).stream() as stream:
        opened = await stream.spin(player, GAME, bet=100)
        await stream.bet(opened.session_id, player, 50)
        closed = await stream.result(opened.session_id, player, win=70, settles=opened.key)
        assert await stream.round(opened.session_id, player) == client.round(opened.session_id, player)
        cancelled = await stream.spin(player, GAME, bet=100)
        assert (await stream.cancel(cancelled.session_id, player)).state == "cancelled"
        assert (await stream.rollback(player, "never-seen")).status == "tombstoned"
        with pytest.raises(Refused, match="round_closed"):
            await stream.result(closed.session_id, player, win=1)
        with pytest.raises(Refused, match="invalid_request"):
            await stream.spin(player, GAME, bet=-1)
    again = await asyncio.to_thread(client.spin, player, GAME, bet=100, key=opened.key)
    assert (again.replayed, again.session_id) == (True, opened.session_id)


async def test_a_stream_needs_the_right_secret(server: CroupierUp) -> None:
    with pytest.raises(Unauthenticated):
        await AsyncCroupier(server.url, key_id="game_server", secret="not-the-secret").stream().open()


def test_threads_share_a_stream(client: Croupier, api: Api, new_player: NewPlayer) -> None:
    player = new_player(500)

    def spin(_: int) -> Any:
        return stream.spin(player, GAME, bet=10, win=0), threading.get_ident()

    with client.stream() as stream, ThreadPoolExecutor(4) as threads:
        list(threads.map(spin, range(20)))
    assert real_money(api, player) == 300
