"""The stream for threads."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from fake_server import Asked, Connected, FakeServer, answer_all, problem_document

from croupier_client import Croupier, OutcomeUnknown, RetryPolicy, StreamClosed, SyncSpinStream, Unauthenticated

pytestmark = pytest.mark.timeout(20)
QUICK = RetryPolicy(deadline_s=5, attempt_timeout_s=2, pause_first_s=0.005, pause_max_s=0.02)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server in a thread of its own."""
    started: Future[tuple[FakeServer, Callable[[], Any]]] = Future()

    async def live() -> None:
        async with FakeServer() as server:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            started.set_result((server, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),))
    thread.start()
    server, stop = started.result()
    yield server
    stop()
    thread.join()


def stream_to(server: FakeServer) -> SyncSpinStream:
    return Croupier(server.url, key_id="game-1", secret="s" * 16, retry=QUICK).stream()


async def ignore(_: Connected, __: list[Asked]) -> None:
    """Never answers."""


def test_threads_share_one_connection(server: FakeServer) -> None:
    players = [f"p{number}" for number in range(40)]
    with stream_to(server) as stream, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda player: stream.spin(player, "book-of-dunes", bet=100), players))
    assert [answer.player_id for answer in answers] == players
    assert len(server.upgrades) == 1


def test_all_calls_are_there(server: FakeServer) -> None:
    with stream_to(server) as stream:
        stream.bet("ada-1", "ada", 5)
        stream.result("ada-1", "ada", 7)
        stream.cancel("ada-1", "ada")
        assert stream.round("ada-1", "ada").session_id == "ada-1"
    assert [asked["op"] for asked in server.asked] == ["bet", "result", "cancel", "round"]


def test_an_upgrade_that_is_refused_is_raised(server: FakeServer) -> None:
    server.refusals = [(401, {}, msgspec.json.encode(problem_document(401, "unauthenticated")))]
    with pytest.raises(Unauthenticated):
        stream_to(server).open()


def test_a_call_has_its_deadline(server: FakeServer) -> None:
    server.handle = ignore
    stream = stream_to(server)
    stream.open()
    with pytest.raises(OutcomeUnknown) as caught:
        stream.spin("ada", "book-of-dunes", bet=100, key="k-1", deadline_s=0.1)
    stream.close()
    assert caught.value.key == "k-1"


def test_closing_waits_for_calls_of_other_threads_and_takes_no_more(server: FakeServer) -> None:
    arrived, release = threading.Event(), threading.Event()

    async def later(connected: Connected, asked: list[Asked]) -> None:
        arrived.set()
        await asyncio.to_thread(release.wait)
        await answer_all(connected, asked)

    server.handle = later
    stream = stream_to(server)
    stream.open()
    with ThreadPoolExecutor(2) as threads:
        call = threads.submit(stream.spin, "ada", "book-of-dunes", bet=100)
        arrived.wait()
        closing = threads.submit(stream.close)
        release.set()
        closing.result()
        assert call.result().player_id == "ada"
    with pytest.raises(StreamClosed):
        stream.spin("ada", "book-of-dunes", bet=100)


def test_its_thread_ends_with_it(server: FakeServer) -> None:
    with stream_to(server) as stream:
        thread = stream._thread
        assert thread is not None
        assert thread.is_alive()
    assert not thread.is_alive()


def test_it_can_be_opened_again(server: FakeServer) -> None:
    stream = stream_to(server)
    for _ in range(2):
        with stream:
            stream.spin("ada", "book-of-dunes", bet=100)
    assert len(server.upgrades) == 2
