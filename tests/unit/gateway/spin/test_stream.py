"""The spin stream: what a game server sees, message by message."""

import asyncio
from typing import Any

import msgspec
import pytest

from actors.outcome import Unavailable
from engine.commands import AddBet, CancelRound, Result, Rollback, Spin
from engine.queries import GetRound
from gateway.documents.stream import SpinOp
from gateway.settings import GatewaySettings
from gateway.spin import stream
from gateway.spin.stream import SUBPROTOCOL
from tests.support.gateway_doubles import Asked, ScriptedPlayers, app_with, calling
from tests.support.patience import PATIENCE_S
from tests.unit.gateway.spin.stream_client import SPIN, Client, HeldPlayers, connected


@pytest.mark.parametrize(
    ("fields", "command", "body"),
    [
        ({"op": "spin", "game_id": "g", "mode": "real", "bet": 9, "win": 0}, "gs:k1", Spin("g", "real", 9, 0)),
        (
            {"op": "spin", "game_id": "g", "mode": "freespin", "round_id": "r"},
            "gs:k1",
            Spin("g", "freespin", None, None, "r"),
        ),
        ({"op": "bet", "session_id": "s1", "amount": 5}, "gs:k1", AddBet("s1", 5)),
        ({"op": "result", "session_id": "s1", "win": 5}, "gs:k1", Result("s1", 5)),
        (
            {"op": "result", "session_id": "s1", "win": 5, "final": False, "settles": "b"},
            "gs:k1",
            Result("s1", 5, False, "gs:b"),
        ),
        ({"op": "cancel", "session_id": "s1"}, "gs:k1", CancelRound("s1")),
        ({"op": "rollback", "transaction_id": "b"}, "gs:k1", Rollback("gs:b")),
        ({"op": "round", "session_id": "s1"}, "", GetRound("s1")),
    ],
)
async def test_every_operation_asks_the_player_as_over_http(fields: Any, command: str, body: Any) -> None:
    players = ScriptedPlayers()
    async with connected(players) as client:
        keyed = {} if fields["op"] == "round" else {"key": "k1"}
        client.send({"id": 7, "player_id": "p1"} | keyed | fields)
        answer = await client.answer()
    assert (answer["id"], answer["status"], answer["body"]["player_id"]) == (7, 200, "p1")
    assert players.asked == [Asked("p1", command, body)]


async def test_the_answer_is_the_document_of_http() -> None:
    app = app_with()
    async with calling(app) as http:
        over_http = (
            await http.post("/spin?player_id=p1&game_id=g&mode=real&bet=100", headers={"idempotency-key": "k1"})
        ).json()
    async with connected() as client:
        client.send(SPIN)
        assert await client.answer() == {"id": 1, "status": 200, "body": over_http}


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"bet": None}, 400, "invalid_request", "bet"),
        ({"bet": 0}, 400, "invalid_request", "bet"),
        ({"bet": "100"}, 400, "invalid_request", "bet"),
        ({"mode": "fun"}, 400, "invalid_request", "mode"),
        ({"player_id": "a b"}, 400, "invalid_request", "player_id"),
        ({"more": 1}, 400, "invalid_request", "more"),
        ({"op": "spend"}, 400, "invalid_request", "op"),
        ({"key": ""}, 400, "idempotency_key_required", None),
        ({"key": "a b"}, 400, "idempotency_key_required", None),
    ],
)
async def test_what_is_wrong_with_one_request_is_said_and_the_others_are_served(
    change: Any, status: int, code: str, field: str | None
) -> None:
    players = ScriptedPlayers()
    async with connected(players) as client:
        client.send(SPIN | {"id": 1}, SPIN | {"id": 2} | change, SPIN | {"id": 3})
        first, wrong, last = await client.message()
    assert [first["status"], last["status"], len(players.asked)] == [200, 200, 2]
    assert (wrong["id"], wrong["status"], wrong["body"]["code"]) == (2, status, code)
    if field is not None:
        assert wrong["body"]["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "request_", [{"op": "spin"}, {"id": -1, "op": "spin"}, {"id": 2**53, "op": "spin"}, 5, None, []]
)
async def test_a_request_without_a_number_is_answered_without_one(request_: Any) -> None:
    async with connected() as client:
        client.send(request_, SPIN)
        wrong, right = await client.message()
    assert (wrong["id"], wrong["status"], right["status"]) == (None, 400, 200)


BAD_TEXT = msgspec.msgpack.encode([SPIN])[1:].replace(b"p1", b"\xff\xfe")
DEEP = b"\x91" * 20_000


@pytest.mark.parametrize("before", [SPIN, 5])
async def test_text_that_is_no_utf8_spoils_its_request_and_no_other(before: Any) -> None:
    async with connected() as client:
        client.send_bytes(
            b"\x93" + msgspec.msgpack.encode(before) + BAD_TEXT + msgspec.msgpack.encode(SPIN | {"id": 3})
        )
        answers = await client.message()
    assert [answer["status"] for answer in answers] == [200 if before is SPIN else 400, 400, 200]
    assert answers[1]["body"]["code"] == "invalid_request"


async def test_nesting_without_end_ends_the_stream() -> None:
    async with connected() as client:
        client.send_bytes(DEEP)
        assert (await client.event())["code"] == 1007


async def test_a_client_that_does_not_read_is_not_read_from() -> None:
    players = ScriptedPlayers()
    async with connected(players, settings=GatewaySettings(stream_in_flight_max=10)) as client:
        client.reads.clear()
        for _ in range(20):
            client.send(*(SPIN | {"id": number} for number in range(100)))
        await client.settled()
        assert (len(players.asked), client.messages_read) == (10, 2)
        client.reads.set()
        answered = 0
        while answered < 2_000:
            answered += len(await client.message())
        assert len(players.asked) == 2_000


async def test_refusals_without_end_come_in_messages_of_a_bounded_number() -> None:
    async with connected(settings=GatewaySettings(stream_in_flight_max=10)) as client:
        client.send(*[None] * 5_000)
        found = [len(await client.message()) for _ in range(500)]
    assert found == [10] * 500


async def test_who_takes_no_answers_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.spin.stream.WRITE_TIMEOUT_PINGS", 0)
    app = app_with()
    client = Client(app, {}, [SUBPROTOCOL], "/spin/stream")
    await client.event()
    await client.message()
    client.reads.clear()
    client.send(SPIN)
    await asyncio.wait_for(client.serving, PATIENCE_S)
    assert app.state.metrics.streams == 0 and client.silent()


async def test_a_failure_inside_is_answered_and_leaves_no_request_under_way(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(stream._BUILD, SpinOp, lambda request, session_id: 1 // 0)
    async with connected(settings=GatewaySettings(stream_in_flight_max=1)) as client:
        for _ in range(3):
            client.send(SPIN)
            answer = await client.answer()
            assert (answer["status"], answer["body"]["code"]) == (500, "internal_error")
    assert "ZeroDivisionError" in caplog.text


async def test_the_syntax_is_checked_before_the_key_as_over_http() -> None:
    async with connected() as client:
        client.send({name: value for name, value in SPIN.items() if name not in ("key", "bet")})
        assert (await client.answer())["body"]["code"] == "invalid_request"


async def test_unavailable_says_when_to_ask_again() -> None:
    async with connected(ScriptedPlayers(Unavailable("overloaded", "Too much.", 3))) as client:
        client.send(SPIN)
        answer = await client.answer()
    assert (answer["status"], answer["body"]["code"], answer["retry_after_s"]) == (429, "overloaded", 3)


@pytest.mark.parametrize(
    ("data", "code"), [(b"\xc1", 1007), (b"", 1007), (msgspec.msgpack.encode({"id": 1}), 1007), ("text", 1003)]
)
async def test_what_is_no_message_ends_the_stream(data: bytes | str, code: int) -> None:
    async with connected() as client:
        if isinstance(data, str):
            client.send_text(data)
        else:
            client.send_bytes(data)
        closed = await client.event()
    assert (closed["type"], closed["code"]) == ("websocket.close", code)


async def test_answers_come_as_they_are_there_and_those_of_one_turn_in_one_message() -> None:
    players = HeldPlayers()
    async with connected(players) as client:
        client.send(*(SPIN | {"id": number} for number in range(4)))
        await client.settled()
        players.answer(2)
        assert (await client.answer())["id"] == 2
        for _ in range(3):
            players.answer()
        assert [answer["id"] for answer in await client.message()] == [0, 1, 3]


async def test_no_more_are_under_way_than_allowed_and_no_message_is_read_meanwhile() -> None:
    players = HeldPlayers()
    async with connected(players, settings=GatewaySettings(stream_in_flight_max=2)) as client:
        client.send(*(SPIN | {"id": number} for number in range(3)))
        client.send(SPIN | {"id": 3})
        await client.settled()
        assert (len(players.asked), client.messages_read) == (2, 2)  # the opening, and the first message
        players.answer()
        assert (await client.answer())["id"] == 0
        await client.settled()
        assert (len(players.asked), client.messages_read) == (3, 3)
        for _ in range(2):
            players.answer()
        await client.message()
        await client.settled()
        assert len(players.asked) == 4
        players.answer()
        assert (await client.answer())["id"] == 3


async def test_who_hangs_up_misses_answers_and_nothing_breaks() -> None:
    players = HeldPlayers()
    async with connected(players) as client:
        client.send(SPIN)
        await client.settled()
    players.answer()
    assert client.silent()


async def test_the_server_ends_after_answering_what_is_under_way() -> None:
    players = HeldPlayers()
    app = app_with(players)
    client = Client(app, {}, [SUBPROTOCOL], "/spin/stream")
    await client.event()
    await client.message()
    client.send(SPIN)
    await client.settled()
    ending = asyncio.ensure_future(app.streams.end())
    await client.settled()
    client.send(SPIN | {"id": 2})
    await client.settled()
    assert client.silent() and len(players.asked) == 1
    players.answer()
    assert (await client.answer())["id"] == 1
    assert (await client.event())["code"] == 1001
    await ending
    late = Client(app, {}, [SUBPROTOCOL], "/spin/stream")
    assert (await late.event())["status"] == 429
