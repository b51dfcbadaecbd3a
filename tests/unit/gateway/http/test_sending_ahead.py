"""Peers who send what nobody has asked for yet, or will ever want: they are read only as fast as they are answered."""

import asyncio

import pytest

from gateway.access.auth import ProofAuth
from gateway.http.protocol import HEAD_BYTES_MAX, HELD_BYTES_MAX, PIECE_BYTES, UNWANTED_BYTES_MAX
from tests.support.connections import MemoryConnection
from tests.support.gateway_doubles import ScriptedPlayers, app_with
from tests.unit.gateway.spin.protocol_sides import KEYS, NOW_S, SPIN

LIVE = b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"
LONGER = b"GET /health/live HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * 256 + b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
SPINNING = pytest.mark.parametrize("spinning", [True, False])


def connection(spinning: bool = True) -> MemoryConnection:
    return MemoryConnection(app_with(ScriptedPlayers(), ProofAuth(KEYS, clock=lambda: NOW_S)), spinning)


async def answered(peer: MemoryConnection, count: int) -> None:
    """Waits for so many answers, and looks all the time at how much the connection holds."""
    found = looked_at = 0
    for _ in range(200 * count):
        protocol = peer.protocol
        assert len(protocol.pipeline) <= PIECE_BYTES // len(LIVE) + 1
        assert peer.transport.paused or len(protocol._held) <= HELD_BYTES_MAX
        written = peer.transport.written
        found += written.count(OK, max(0, looked_at - len(OK) + 1))
        looked_at = len(written)
        if found >= count:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{found} of {count} answers")


@SPINNING
async def test_requests_sent_ahead_are_all_answered_and_few_are_held_at_a_time(spinning: bool) -> None:
    peer = connection(spinning)
    count = 3 * HELD_BYTES_MAX // len(LONGER)
    peer.protocol.data_received(LONGER * count)
    await answered(peer, count)
    await peer.until_quiet()
    assert not peer.transport.paused and not peer.transport.closed
    peer.hang_up()


@SPINNING
async def test_no_answer_makes_the_connection_read_on_while_much_is_held(spinning: bool) -> None:
    peer = connection(spinning)
    peer.protocol.data_received(LIVE * (2 * HELD_BYTES_MAX // len(LIVE)))
    for _ in range(200):
        assert peer.transport.paused
        await asyncio.sleep(0)
    assert b"200 OK" in peer.transport.written
    peer.hang_up()


async def test_spins_and_others_sent_ahead_are_answered_in_their_order() -> None:
    peer = connection()
    peer.protocol.data_received((SPIN + LIVE + LIVE) * 100)
    await answered(peer, 300)
    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in peer.transport.written.split(b"HTTP/1.1 200 OK")[1:]]
    assert [b"session_id" in body for body in bodies] == [True, False, False] * 100
    peer.hang_up()


@SPINNING
async def test_what_was_sent_ahead_is_answered_before_the_server_ends(spinning: bool) -> None:
    peer = connection(spinning)
    peer.protocol.data_received(LIVE * 200)
    peer.protocol.shutdown()
    await answered(peer, 200)
    await peer.until_quiet()
    assert peer.transport.closed and peer.transport.written.count(b"connection: close\r\n") == 1


@pytest.mark.parametrize("announced", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize("target", [b"POST /spin/s-1/result", b"POST /players", b"GET /health/live"])
async def test_a_body_without_an_end_is_refused_and_ends_the_connection(target: bytes, announced: bytes) -> None:
    peer = connection()
    chunk = b"x" * 65_536 if b"Length" in announced else b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    await peer.feed([target + b" HTTP/1.1\r\nHost: h\r\n" + announced + b"\r\n\r\n"])
    sent = 0
    while not peer.transport.closed and sent <= 2 * UNWANTED_BYTES_MAX:
        await peer.feed([chunk])
        sent += len(chunk)
    assert peer.transport.closed and sent <= UNWANTED_BYTES_MAX + 3 * len(chunk)
    assert peer.transport.written.count(b"HTTP/1.1 ") == 1


async def test_a_body_somewhat_too_large_costs_its_request_and_not_the_connection() -> None:
    peer = connection()
    head = b"POST /players HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n"
    await peer.feed([head, b"x" * 250_000, b"x" * 250_000])
    assert peer.transport.written.startswith(b"HTTP/1.1 413 ") and not peer.transport.closed
    await peer.feed([LIVE])
    assert peer.transport.written.count(b"HTTP/1.1 200 OK") == 1
    peer.hang_up()


@pytest.mark.parametrize(
    "begins",
    [
        b"GET /health/live HTTP/1.1\r\nHost: h\r\nX-Long: ",
        b"GET /",
        b"POST /players HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX-Trailer: ",
    ],
)
async def test_a_head_or_trailer_without_an_end_is_refused(begins: bytes) -> None:
    peer = connection()
    await peer.feed([begins, *[b"y" * 10_000] * (HEAD_BYTES_MAX // 10_000)])
    assert not peer.transport.closed
    await peer.feed([b"y" * 10_000])
    assert peer.transport.closed and b'"code":"invalid_request"' in peer.transport.written


async def test_many_headers_are_no_reason_for_another_request_to_be_refused() -> None:
    peer = connection()
    large = LIVE.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"y" * 60_000 + b"\r\n\r\n")
    await peer.feed([large * 3])
    await answered(peer, 3)
    peer.hang_up()
