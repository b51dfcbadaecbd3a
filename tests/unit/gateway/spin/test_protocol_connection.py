"""The quick path on a connection that lives on: pauses, the end of the server, those who hang up."""

import asyncio

import pytest

from gateway.access.auth import ProofAuth
from gateway.http.protocol import HELD_BYTES_MAX
from gateway.spin import protocol
from tests.support.connections import MemoryConnection
from tests.support.gateway_doubles import app_with
from tests.unit.gateway.spin.protocol_sides import (
    CASES,
    KEYS,
    NOW_S,
    SPIN,
    VALID,
    SlowPlayers,
    is_quick,
)


async def connection_with(turns: int = 3, keep_alive_s: int = 5) -> tuple[MemoryConnection, SlowPlayers]:
    players = SlowPlayers(turns)
    app = app_with(players, ProofAuth(KEYS, clock=lambda: NOW_S))
    return MemoryConnection(app, spinning=True, keep_alive_s=keep_alive_s), players


async def test_reading_pauses_while_too_much_waits_for_a_spin() -> None:
    connection, _ = await connection_with(turns=50)
    connection.protocol.data_received(SPIN)
    connection.protocol.data_received(SPIN * (HELD_BYTES_MAX // len(SPIN)))
    assert not connection.transport.paused
    connection.protocol.data_received(SPIN * 2)
    assert connection.transport.paused
    for _ in range(20_000):
        await asyncio.sleep(0)
        if not connection.transport.paused:
            break
    assert not connection.transport.paused
    connection.hang_up()


@pytest.mark.parametrize("turns", [0, 2])
async def test_a_connection_is_not_read_from_as_long_as_much_of_what_came_is_held(turns: int) -> None:
    connection, players = await connection_with(turns=turns)
    count = 2 * HELD_BYTES_MAX // len(SPIN)
    connection.protocol.data_received(SPIN)
    connection.protocol.data_received(SPIN * count)
    connection.protocol.data_received(SPIN)  # one read may bring much at once; it is what comes after it that waits
    while len(players.asked) < count + 2:
        held = len(connection.protocol._held)  # type: ignore[union-attr]
        assert connection.transport.paused or held <= HELD_BYTES_MAX
        await asyncio.sleep(0)
    await connection.until_quiet()
    assert not connection.transport.paused
    connection.hang_up()


async def test_nothing_is_served_while_the_peer_does_not_read() -> None:
    connection, players = await connection_with(turns=0)
    connection.protocol.pause_writing()
    assert await connection.feed([SPIN]) == b"" and players.asked == []
    connection.protocol.resume_writing()
    await connection.until_quiet()
    assert connection.transport.written.startswith(b"HTTP/1.1 200 OK") and len(players.asked) == 1
    connection.hang_up()


async def test_a_spin_under_way_is_answered_before_the_server_ends() -> None:
    connection, _ = await connection_with()
    connection.protocol.data_received(SPIN)
    connection.protocol.shutdown()
    assert not connection.transport.closed
    await connection.until_quiet()
    assert connection.transport.closed and b"connection: close\r\n" in connection.transport.written


@pytest.mark.parametrize("turns", [1, 5])
@pytest.mark.parametrize("followed_by", [b"", SPIN, SPIN * 2, VALID["result"] + CASES["other path"]])
async def test_what_came_before_the_server_ends_is_answered_as_uvicorn_would(turns: int, followed_by: bytes) -> None:
    found = []
    for spinning in (True, False):
        app = app_with(SlowPlayers(turns), ProofAuth(KEYS, clock=lambda: NOW_S))
        connection = MemoryConnection(app, spinning)
        connection.protocol.data_received(SPIN + followed_by)
        connection.protocol.shutdown()
        await connection.until_quiet()
        found.append((connection.transport.written, connection.transport.closed))
        connection.hang_up()
    assert found[0] == found[1]
    assert found[0][0].count(b"connection: close\r\n") == 1 and found[0][1]


async def test_half_a_request_is_not_waited_for_when_the_server_ends() -> None:
    connection, _ = await connection_with()
    connection.protocol.data_received(SPIN + SPIN[:40])
    connection.protocol.shutdown()
    await connection.until_quiet()
    assert connection.transport.closed and connection.transport.written.count(b"HTTP/1.1 200 OK") == 1


async def test_a_request_that_waits_for_the_peer_to_read_keeps_the_connection_alive() -> None:
    connection, _ = await connection_with(turns=0)
    await connection.feed([SPIN])
    connection.protocol.pause_writing()
    connection.protocol.data_received(SPIN)
    connection.protocol._look_whether_idle()  # type: ignore[union-attr]
    assert not connection.transport.closed and connection.protocol._idle_since is None  # type: ignore[union-attr]
    connection.hang_up()


async def test_an_idle_connection_is_closed_at_once_when_the_server_ends() -> None:
    connection, _ = await connection_with(turns=0)
    await connection.feed([SPIN])
    connection.protocol.shutdown()
    assert connection.transport.closed


async def test_who_hangs_up_misses_the_answer_and_nothing_else() -> None:
    connection, players = await connection_with()
    connection.protocol.data_received(SPIN)
    connection.hang_up()
    await connection.until_quiet()
    assert connection.transport.written == connection.transport.written_too_late == b"" and len(players.asked) == 1
    assert connection.protocol._idle_timer is None  # type: ignore[union-attr]


async def test_an_idle_connection_ends_after_the_keep_alive_time_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection, _ = await connection_with(turns=0, keep_alive_s=100)
    now_s = 1_000.0
    monkeypatch.setattr(connection.protocol.loop, "time", lambda: now_s, raising=False)
    await connection.feed([SPIN])
    assert connection.protocol._idle_timer is not None  # type: ignore[union-attr]
    now_s += 99.0
    await connection.feed([SPIN])
    now_s += 99.0
    look = connection.protocol._look_whether_idle  # type: ignore[union-attr]
    look()
    assert not connection.transport.closed
    now_s += 1.0
    look()
    assert connection.transport.closed


def test_names_of_headers_are_learned_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_KNOWN_NAMES", {})
    for number in range(3_000):
        assert is_quick(SPIN.replace(b"Host:", b"X-%d: 1\r\nHost:" % number))
    assert len(protocol._KNOWN_NAMES) == protocol._NAMES_MAX
