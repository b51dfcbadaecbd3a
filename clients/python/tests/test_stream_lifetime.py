"""Deadlines, cancelled calls, calls that wait, and a stream that is closed."""

import asyncio
from typing import Any

import pytest
from fake_server import Asked, Connected, FakeServer, answer_all, ok, until
from opened_streams import ignore, spin, stream_to

from croupier_client import OutcomeUnknown, SpinStream, StreamClosed, StreamFull, Unanswered

pytestmark = pytest.mark.timeout(20)


async def test_each_call_has_its_own_deadline_and_a_read_leaves_no_outcome_open() -> None:
    async with FakeServer(ignore) as server, stream_to(server) as stream:
        long = spin(stream)
        with pytest.raises(OutcomeUnknown, match="no answer by the deadline"):
            await spin(stream, deadline_s=0.1)
        with pytest.raises(Unanswered) as caught:
            await stream.round("ada-1", "ada", deadline_s=0.1)
        assert not isinstance(caught.value, OutcomeUnknown)
        assert not long.done()
        await stream.close(drain=False)
        with pytest.raises(OutcomeUnknown, match="the stream was closed"):
            await long


async def test_a_call_that_timed_out_keeps_its_place_until_its_answer_comes() -> None:
    async with FakeServer(ignore, in_flight_max=1) as server, stream_to(server) as stream:
        late = spin(stream, key="k-1", deadline_s=0.1)
        waiting = spin(stream, key="k-2")
        with pytest.raises(OutcomeUnknown):
            await late
        assert [asked["key"] for asked in server.asked] == ["k-1"]
        server.handle = answer_all
        await server.connected[0].answer(ok(server.asked[0]))
        assert (await waiting).key == "k-2"


async def test_a_cancelled_call_that_still_waits_is_not_sent() -> None:
    async with FakeServer(ignore, in_flight_max=1) as server, stream_to(server) as stream:
        first, second, third = (spin(stream, key=f"k-{number}") for number in range(3))
        await until(lambda: bool(server.asked))
        second.cancel()
        server.handle = answer_all
        await server.connected[0].answer(ok(server.asked[0]))
        await asyncio.gather(first, third)
    assert [asked["key"] for asked in server.asked] == ["k-0", "k-2"]


async def test_too_many_calls_that_wait_are_not_taken() -> None:
    async with FakeServer(ignore, in_flight_max=1) as server, stream_to(server, waiting_max=2) as stream:
        first = spin(stream)
        await until(lambda: bool(server.asked))
        rest = [spin(stream) for _ in range(2)]
        with pytest.raises(StreamFull):
            spin(stream)
        rest[0].cancel()
        await until(lambda: takes_another(stream, rest))
        for call in (first, *rest):
            call.cancel()


def takes_another(stream: SpinStream, calls: list[Any]) -> bool:
    """Whether one call more is taken, which `calls` has then."""
    try:
        calls.append(spin(stream))
    except StreamFull:
        return False
    return True


async def test_closing_waits_for_what_is_under_way_and_takes_no_more() -> None:
    release = asyncio.Event()

    async def later(connected: Connected, asked: list[Asked]) -> None:
        await release.wait()
        await answer_all(connected, asked)

    async with FakeServer(later) as server:
        stream = stream_to(server)
        await stream.open()
        call = spin(stream)
        closing = asyncio.create_task(stream.close())
        await until(lambda: bool(server.asked))
        with pytest.raises(StreamClosed):
            spin(stream)
        assert not closing.done()
        release.set()
        await closing
        assert (await call).player_id == "ada"


async def test_leaving_by_an_exception_waits_for_nobody() -> None:
    async with FakeServer(ignore) as server:
        calls: list[asyncio.Future[Any]] = []

        async def fail_within() -> None:
            async with stream_to(server) as stream:
                calls.append(spin(stream))
                await until(lambda: bool(server.asked))
                raise KeyError

        with pytest.raises(KeyError):
            await fail_within()
        with pytest.raises(OutcomeUnknown):
            await calls[0]


async def test_a_stream_that_is_not_open_takes_nothing_and_none_is_opened_twice() -> None:
    async with FakeServer() as server:
        stream = stream_to(server)
        with pytest.raises(StreamClosed):
            spin(stream)
        async with stream:
            with pytest.raises(RuntimeError):
                await stream.open()
            await spin(stream)
        with pytest.raises(StreamClosed):
            spin(stream)
        async with stream:
            await spin(stream)
    assert len(server.upgrades) == 2
