"""Peers who are too many, or too slow: each costs its own connection, and that not for ever."""

import asyncio
from typing import Any

import pytest

from gateway.access.auth import ProofAuth
from gateway.app import GatewayApp
from gateway.http.protocol import REQUEST_S, UNREAD_S
from gateway.settings import GatewaySettings
from gateway.spin.stream import SUBPROTOCOL
from tests.support.connections import MemoryConnection, MemoryTransport
from tests.support.gateway_doubles import ScriptedPlayers, app_with, calling
from tests.unit.gateway.spin.protocol_sides import KEYS, NOW_S, SPIN, signed
from tests.unit.gateway.spin.stream_client import SPIN as STREAM_SPIN
from tests.unit.gateway.spin.stream_client import Client

ROUNDS = signed("GET", "/players/p1/rounds", key="")


def house(**settings: Any) -> GatewayApp:
    return app_with(ScriptedPlayers(), ProofAuth(KEYS, clock=lambda: NOW_S), GatewaySettings(**settings))


class Timers:
    """Timers of the loop that ring when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set: list[tuple[float, Any, asyncio.TimerHandle]] = []
        self._real = asyncio.get_running_loop().call_later
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._later)

    def _later(self, delay_s: float, call: Any, *args: Any, **_: Any) -> asyncio.TimerHandle:
        handle = self._real(3_600, call, *args)
        self.set.append((delay_s, lambda: call(*args), handle))
        return handle

    def ring(self, delay_s: float) -> int:
        """Rings those that were set for so long and not cancelled; answers how many."""
        due = [call for delay, call, handle in self.set if delay == delay_s and not handle.cancelled()]
        for call in due:
            call()
        return len(due)


@pytest.fixture
async def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    return Timers(monkeypatch)


async def test_one_connection_more_than_there_may_be_is_told_so() -> None:
    app = house(connections_max=1)
    first = MemoryConnection(app, spinning=True)
    second = MemoryConnection(app, spinning=True, state=first.state)
    assert second.transport.closed
    head, _, body = second.transport.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 429 ") and b"\r\nretry-after: 1\r\n" in head and b"connection: close" in head
    assert b'"code":"overloaded"' in body
    assert b'gateway_requests_total{code="overloaded",route="unmatched"} 1.0' in app.state.metrics.exposition()
    assert (await first.feed([SPIN])).startswith(b"HTTP/1.1 200")
    second.hang_up()
    first.hang_up()
    third = MemoryConnection(app, spinning=True, state=first.state)
    assert not third.transport.closed
    third.hang_up()


async def test_a_peer_that_never_says_a_word_is_hung_up_on(timers: Timers) -> None:
    connection = MemoryConnection(house(), spinning=True, keep_alive_s=5)
    connection.protocol._idle_since -= 5  # type: ignore[union-attr, operator]
    assert timers.ring(5) == 1
    assert connection.transport.closed


@pytest.mark.parametrize("spinning", [True, False])
async def test_half_a_request_is_not_waited_for_for_ever(timers: Timers, spinning: bool) -> None:
    connection = MemoryConnection(house(), spinning)
    connection.protocol.data_received(ROUNDS[:40])
    assert timers.ring(REQUEST_S) == 1
    assert connection.transport.closed
    assert connection.transport.written.startswith(b"HTTP/1.1 400 ")
    assert b"did not come within 60 s" in connection.transport.written
    connection.hang_up()


@pytest.mark.parametrize("spinning", [True, False])
async def test_a_request_that_has_come_is_not_hurried(timers: Timers, spinning: bool) -> None:
    connection = MemoryConnection(house(), spinning)
    assert (await connection.feed([ROUNDS[:40], ROUNDS[40:]])).startswith(b"HTTP/1.1 200")
    assert timers.ring(REQUEST_S) == 0 and not connection.transport.closed
    connection.hang_up()


@pytest.mark.parametrize("spinning", [True, False])
async def test_a_peer_that_reads_no_answer_loses_its_connection_and_nobody_elses(
    timers: Timers, spinning: bool
) -> None:
    app = house()
    slow, other = MemoryConnection(app, spinning), MemoryConnection(app, spinning)
    slow.protocol.pause_writing()
    held = await slow.feed([SPIN])
    assert (await other.feed([SPIN])).startswith(b"HTTP/1.1 200")
    assert not slow.transport.closed
    assert timers.ring(UNREAD_S) == 1
    assert (slow.transport.closed, other.transport.closed) == (True, False)
    assert slow.transport.written == held
    slow.hang_up()
    other.hang_up()


async def test_a_peer_that_reads_in_time_keeps_its_connection(timers: Timers) -> None:
    connection = MemoryConnection(house(), spinning=True)
    connection.protocol.pause_writing()
    connection.protocol.resume_writing()
    assert timers.ring(UNREAD_S) == 0
    assert isinstance(connection.transport, MemoryTransport) and not connection.transport.closed
    connection.hang_up()


async def test_a_stream_that_reads_nothing_holds_its_window_and_nobody_elses() -> None:
    players = ScriptedPlayers()
    app = app_with(players, settings=GatewaySettings(stream_in_flight_max=4))
    slow, other = (Client(app, {"x-api-key": name}, [SUBPROTOCOL], "/spin/stream") for name in ("slow", "other"))
    for client in (slow, other):
        await client.event()
        await client.message()
    slow.reads.clear()
    for number in range(50):
        slow.send(STREAM_SPIN | {"id": number, "key": f"k{number}"})
    await slow.settled()
    assert len(players.asked) <= 4 and slow.messages_read <= 6
    other.send(STREAM_SPIN)
    assert (await other.answer())["status"] == 200
    for client in (slow, other):
        client.reads.set()
        client.hang_up()
        await asyncio.wait_for(client.serving, 5)


async def test_no_more_catalogs_are_taken_at_once_than_may_be() -> None:
    async with calling(app_with(settings=GatewaySettings(bundles_max=0))) as client:
        refused = await client.post("/catalog/check", json={"files": {"games.yaml": ""}})
        assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (429, "overloaded", "1")
        assert (await client.get("/players/p1")).status_code == 200
    async with calling(app_with(settings=GatewaySettings(bundles_max=1))) as client:
        for _ in range(2):
            assert (await client.post("/catalog/check", json={"files": {"games.yaml": ""}})).status_code != 429
