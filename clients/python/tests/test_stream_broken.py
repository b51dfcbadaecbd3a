"""The stream against a server that does not keep to the protocol, or does not let it in."""

import asyncio
from typing import Any

import msgspec
import pytest
from fake_server import Asked, Connected, FakeServer, answer_all, ok, problem_document
from opened_streams import HASTY, PATIENT, spin, stream_to

from croupier_client import OutcomeUnknown, StreamClosed, Unanswered, Unauthenticated

pytestmark = pytest.mark.timeout(20)


async def test_an_upgrade_refused_for_good_is_raised_at_once_with_a_word_on_the_clocks() -> None:
    body = msgspec.json.encode(problem_document(401, "unauthenticated"))
    async with FakeServer() as server:
        server.refusals = [(401, {"date": "Tue, 14 Nov 2023 22:13:20 GMT"}, body)]
        with pytest.raises(Unauthenticated, match=r"clock is \d+ s behind this machine's"):
            await stream_to(server).open()
    assert len(server.upgrades) == 1


async def test_a_server_without_a_stream_is_told_at_once() -> None:
    async with FakeServer() as server:
        server.refusals = [(404, {}, b"<html>not here</html>")]
        with pytest.raises(StreamClosed, match="status 404 without a problem document"):
            await stream_to(server).open()


async def test_a_server_that_nobody_reaches_is_told_at_the_deadline() -> None:
    async with FakeServer() as server:
        pass
    with pytest.raises(Unanswered, match=r"no stream within 0\.3 s; last: "):
        await stream_to(server, HASTY).open()


@pytest.mark.parametrize(
    "hello",
    [
        b"\xc1",
        b"",
        msgspec.msgpack.encode([]),
        msgspec.msgpack.encode({"in_flight_max": 0, "message_bytes_max": 1}),
        "{}",
    ],
)
async def test_a_greeting_that_cannot_be_read_is_no_greeting(hello: Any) -> None:
    async with FakeServer() as server:
        server.hello = hello
        with pytest.raises(Unanswered, match="ProtocolBroken"):
            await stream_to(server, PATIENT).open()
    assert len(server.upgrades) > 1


@pytest.mark.parametrize(
    "message",
    [
        b"\xc1",
        b"",
        msgspec.msgpack.encode({"id": 1}),
        msgspec.msgpack.encode([{"id": 1}]),
        msgspec.msgpack.encode([{"id": None, "status": 400, "body": {}}]),
        msgspec.msgpack.encode([{"id": 99, "status": 200, "body": {}}]),
        "[]",
    ],
)
async def test_a_message_that_cannot_be_read_ends_the_connection_and_the_call_is_repeated(message: Any) -> None:
    async def odd_at_first(connected: Connected, asked: list[Asked]) -> None:
        if connected.number == 1:
            await connected.socket.send(message)
        else:
            await answer_all(connected, asked)

    async with FakeServer(odd_at_first) as server, stream_to(server) as stream:
        answer = await spin(stream)
    assert [asked["key"] for asked in server.asked] == [answer.key] * 2


@pytest.mark.parametrize(
    ("status", "body"), [(200, {"session_id": 1}), (200, None), (200, []), (409, {"code": "x"}), (503, "busy")]
)
async def test_a_document_that_cannot_be_read_ends_its_call_and_no_other(status: int, body: Any) -> None:
    async def odd(connected: Connected, asked: list[Asked]) -> None:
        await connected.answer({"id": asked[0]["id"], "status": status, "body": body}, *map(ok, asked[1:]))

    async with FakeServer(odd) as server, stream_to(server) as stream:
        odd_one, other = await asyncio.gather(spin(stream, key="k-1"), spin(stream), return_exceptions=True)
    assert isinstance(odd_one, OutcomeUnknown)
    assert (odd_one.key, odd_one.attempts) == ("k-1", 1)
    assert str(odd_one).startswith(f"status {status} with")
    assert other.player_id == "ada"
    assert len(server.upgrades) == 1
