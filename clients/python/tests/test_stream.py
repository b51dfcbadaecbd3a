"""The stream against a server that keeps to the protocol: what is sent, and what is answered."""

import asyncio
import time

import pytest
from fake_server import Asked, Connected, FakeServer, answer_all, ok, refused, until
from opened_streams import spin, stream_to

from croupier_client import Refused

pytestmark = pytest.mark.timeout(20)


async def test_calls_carry_their_fields_and_answers_their_key() -> None:
    async with FakeServer() as server, stream_to(server) as stream:
        answer = await stream.spin("ada", "book-of-dunes", bet=100, win=0, round_id="r", key="k-1")
        await stream.bet("ada-1", "ada", 5, key="k-2")
        await stream.result("ada-1", "ada", 7, key="k-3")
        await stream.result("ada-1", "ada", 7, final=False, settles="k-2", key="k-4")
        await stream.cancel("ada-1", "ada", key="k-5")
        await stream.round("ada-1", "ada")
    step = {"session_id": "ada-1", "player_id": "ada"}
    spun = {"player_id": "ada", "game_id": "book-of-dunes", "mode": "real", "bet": 100, "win": 0, "round_id": "r"}
    assert server.asked == [
        {"op": "spin", "id": 1, "key": "k-1", **spun},
        {"op": "bet", "id": 2, "key": "k-2", **step, "amount": 5},
        {"op": "result", "id": 3, "key": "k-3", **step, "win": 7},
        {"op": "result", "id": 4, "key": "k-4", **step, "win": 7, "final": False, "settles": "k-2"},
        {"op": "cancel", "id": 5, "key": "k-5", **step},
        {"op": "round", "id": 6, **step},
    ]
    assert (answer.key, answer.session_id, answer.balance.real) == ("k-1", "ada-1", 900)


async def test_a_rollback_has_an_answer_of_its_own() -> None:
    body = {"status": "tombstoned", "kept_grants": [], "player_id": "ada", "session_id": None, "balance": None}

    async def rolled_back(connected: Connected, asked: list[Asked]) -> None:
        await connected.answer({"id": asked[0]["id"], "status": 200, "body": {**body, "replayed": False}})

    async with FakeServer(rolled_back) as server, stream_to(server) as stream:
        answer = await stream.rollback("ada", "bet-1")
    assert (answer.status, answer.kept_grants, answer.session_id) == ("tombstoned", (), None)
    assert answer.key == server.asked[0]["key"]
    assert server.asked[0]["transaction_id"] == "bet-1"


async def test_the_upgrade_is_signed_and_offers_the_subprotocol() -> None:
    async with FakeServer() as server, stream_to(server):
        upgrade = server.upgrades[0]
    assert upgrade["sec-websocket-protocol"] == "croupier.spin.v1"
    assert upgrade["x-api-key"] == "game-1"
    assert abs(int(upgrade["x-request-timestamp"]) - time.time()) < 10
    assert "sec-websocket-extensions" not in upgrade
    assert "idempotency-key" not in upgrade


async def test_calls_of_one_turn_leave_in_one_message() -> None:
    async with FakeServer() as server, stream_to(server) as stream:
        await asyncio.gather(*(spin(stream, f"p{number}") for number in range(50)))
    assert [len(message) for message in server.messages] == [50]
    assert len({asked["key"] for asked in server.asked}) == 50


async def test_answers_find_their_calls_in_any_order() -> None:
    async def backwards(connected: Connected, asked: list[Asked]) -> None:
        for one in reversed(asked):
            await connected.answer(ok(one))

    players = [f"p{number}" for number in range(20)]
    async with FakeServer(backwards) as server, stream_to(server) as stream:
        answers = await asyncio.gather(*(spin(stream, player) for player in players))
    assert [answer.player_id for answer in answers] == players


async def test_no_more_calls_are_under_way_than_the_server_allows() -> None:
    held: list[Asked] = []

    async def hold(_: Connected, asked: list[Asked]) -> None:
        held.extend(asked)

    async with FakeServer(hold, in_flight_max=3) as server, stream_to(server) as stream:
        calls = [spin(stream, f"p{number}") for number in range(7)]
        await until(lambda: len(held) == 3)
        server.handle = answer_all
        await asyncio.sleep(0.05)
        assert len(server.asked) == 3
        await server.connected[0].answer(*map(ok, held))
        await asyncio.gather(*calls)
    assert [len(message) for message in server.messages] == [3, 3, 1]


async def test_messages_keep_to_the_size_that_the_server_allows() -> None:
    async with FakeServer(bytes_max=400) as server, stream_to(server) as stream:
        await asyncio.gather(*(spin(stream, f"p{number}") for number in range(10)))
        with pytest.raises(Refused) as caught:
            await spin(stream, "x" * 400)
    assert len(server.asked) == 10
    assert max(server.sizes) <= 400
    assert caught.value.code == "body_too_large"


async def test_a_refusal_is_raised_with_all_that_the_document_says() -> None:
    async def poor(connected: Connected, asked: list[Asked]) -> None:
        balance = {"real": 5, "bonus": 0}
        await connected.answer(refused(asked[0], 402, "insufficient_funds", action="deposit", balance=balance))

    async with FakeServer(poor) as server, stream_to(server) as stream:
        with pytest.raises(Refused) as caught:
            await spin(stream, key="k-1")
    error = caught.value
    assert (error.code, error.status, error.action, error.retryable) == ("insufficient_funds", 402, "deposit", False)
    assert (error.key, error.fields) == ("k-1", {"balance": {"real": 5, "bonus": 0}})
    assert str(error) == "insufficient_funds: It is insufficient_funds."
    assert len(server.asked) == 1
