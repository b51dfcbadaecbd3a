"""What the stream repeats, and when it gives up: busy servers, broken connections, removed keys."""

import asyncio
import time

import msgspec
import pytest
from fake_server import Asked, Connected, FakeServer, answer_all, ok, problem_document, refused
from opened_streams import spin, stream_to

from croupier_client import OutcomeUnknown, Unauthenticated

pytestmark = pytest.mark.timeout(20)


@pytest.mark.parametrize(("status", "code"), [(429, "overloaded"), (503, "shard_unavailable"), (500, "internal_error")])
async def test_what_may_pass_is_repeated_with_the_same_key(status: int, code: str) -> None:
    async def busy_at_first(connected: Connected, asked: list[Asked]) -> None:
        busy = len(server.messages) < 3
        await connected.answer(
            *(refused(one, status, code) | {"retry_after_s": 0} if busy else ok(one) for one in asked)
        )

    async with FakeServer(busy_at_first) as server, stream_to(server) as stream:
        answer = await spin(stream)
    assert [asked["key"] for asked in server.asked] == [answer.key] * 3


async def test_a_repeat_waits_as_long_as_the_server_says() -> None:
    async def busy_at_first(connected: Connected, asked: list[Asked]) -> None:
        busy = len(server.messages) == 1
        await connected.answer(
            refused(asked[0], 503, "shard_unavailable") | {"retry_after_s": 1} if busy else ok(asked[0])
        )

    async with FakeServer(busy_at_first) as server, stream_to(server) as stream:
        began = time.monotonic()
        await spin(stream)
    assert time.monotonic() - began >= 1.0


async def test_what_stays_busy_ends_at_the_deadline_with_the_last_refusal() -> None:
    async def busy(connected: Connected, asked: list[Asked]) -> None:
        await connected.answer(*(refused(one, 503, "outcome_unknown") for one in asked))

    async with FakeServer(busy) as server, stream_to(server) as stream:
        with pytest.raises(OutcomeUnknown) as caught:
            await spin(stream, key="k-1", deadline_s=0.3)
    assert caught.value.key == "k-1"
    assert caught.value.attempts == len(server.asked) > 1
    assert caught.value.last is not None
    assert caught.value.last.code == "outcome_unknown"


async def test_after_a_broken_connection_all_is_repeated_in_order_with_the_same_keys() -> None:
    async def cut_first(connected: Connected, asked: list[Asked]) -> None:
        if connected.number == 1:
            await connected.answer(ok(asked[0]))
            connected.cut()
        else:
            await answer_all(connected, asked)

    async with FakeServer(cut_first) as server, stream_to(server) as stream:
        answers = await asyncio.gather(*(spin(stream, key=f"k-{number}") for number in range(5)))
    assert [answer.key for answer in answers] == [f"k-{number}" for number in range(5)]
    first, second = server.messages
    assert [asked["key"] for asked in first] == ["k-0", "k-1", "k-2", "k-3", "k-4"]
    assert second == [asked for asked in first if asked["key"] != "k-0"]
    assert len(server.upgrades) == 2


async def test_each_connection_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut_first(connected: Connected, asked: list[Asked]) -> None:
        if connected.number == 1:
            now[0] += 100
            connected.cut()
        else:
            await answer_all(connected, asked)

    now = [1_700_000_000.0]
    async with FakeServer(cut_first) as server:
        stream = stream_to(server)
        monkeypatch.setattr(stream._origin.signer, "_clock", lambda: now[0])
        async with stream:
            await spin(stream)
    assert [upgrade["x-request-timestamp"] for upgrade in server.upgrades] == ["1700000000", "1700000100"]
    assert len({upgrade["x-request-sign"] for upgrade in server.upgrades}) == 2


async def test_a_server_that_goes_away_in_order_is_followed_to_the_next() -> None:
    async def leave(connected: Connected, asked: list[Asked]) -> None:
        await answer_all(connected, asked)
        if connected.number == 1:
            await connected.close(1001)

    async with FakeServer(leave) as server, stream_to(server) as stream:
        await spin(stream)
        await spin(stream)
    assert len(server.upgrades) == 2
    assert len(server.asked) == 2


async def test_calls_wait_while_the_server_refuses_to_let_the_stream_in_again() -> None:
    async def cut_first(connected: Connected, asked: list[Asked]) -> None:
        if connected.number == 1:
            server.refusals = [
                (429, {"retry-after": "0"}, msgspec.json.encode(problem_document(429, "overloaded"))),
                (502, {}, b"<html>bad gateway</html>"),
            ]
            connected.cut()
        else:
            await answer_all(connected, asked)

    async with FakeServer(cut_first) as server, stream_to(server) as stream:
        assert (await spin(stream, key="k-1")).key == "k-1"
    assert len(server.upgrades) == 4


async def test_a_removed_key_ends_the_stream() -> None:
    async def remove(connected: Connected, asked: list[Asked]) -> None:
        await connected.answer(ok(asked[0]))
        await connected.close(4401)

    async with FakeServer(remove, in_flight_max=1) as server, stream_to(server) as stream:
        answered, never_sent = spin(stream), spin(stream, key="k-2")
        await answered
        with pytest.raises((Unauthenticated, OutcomeUnknown)) as caught:
            await never_sent
        assert caught.value.key == "k-2"
        with pytest.raises(Unauthenticated) as later:
            spin(stream, key="k-3")
    assert (later.value.key, later.value.status, later.value.code) == ("k-3", 401, "unauthenticated")
    assert len(server.upgrades) == 1


async def test_calls_that_were_never_sent_are_refused_when_the_key_is_removed() -> None:
    async def remove(connected: Connected, _: list[Asked]) -> None:
        await connected.close(4401)

    async with FakeServer(remove, in_flight_max=1) as server, stream_to(server) as stream:
        sent, never_sent = await asyncio.gather(
            spin(stream, key="k-1"), spin(stream, key="k-2"), return_exceptions=True
        )
    assert isinstance(sent, OutcomeUnknown)
    assert isinstance(sent.last, Unauthenticated)
    assert isinstance(never_sent, Unauthenticated)
    assert (sent.key, never_sent.key) == ("k-1", "k-2")
    assert len(server.asked) == 1
