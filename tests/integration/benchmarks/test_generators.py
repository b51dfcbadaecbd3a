"""The open loop against a real socket: a stall is counted from when requests were meant to be sent."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from benchmarks.http_socket import HttpSocket
from benchmarks.open_loop import Generator
from benchmarks.scale.recovery import ask_until_answered

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
STALL_S = 0.3


class Server:
    """Answers request by request on one connection; stalls once, refuses once, or falls silent."""

    def __init__(self) -> None:
        self.requests = 0
        self.stall_at = self.refuse_at = self.silent_from = -1
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while connection.recv(4096):
                number = self.requests
                self.requests += 1
                if number == self.stall_at:
                    time.sleep(STALL_S)
                if self.silent_from < 0 or number < self.silent_from:
                    connection.sendall(BUSY if number == self.refuse_at else OK)

    def close(self) -> None:
        self._listener.close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


def load(server: Server, requests: int, rate: float) -> Generator:
    connection = HttpSocket(server.url)
    generator = Generator([connection], [b"GET / HTTP/1.1\r\n\r\n"] * requests, rate)
    generator.run()
    connection.close()
    return generator


def test_requests_that_waited_for_a_stalled_server_count_their_waiting(server: Server) -> None:
    server.stall_at = 10
    generator = load(server, requests=100, rate=200)
    slow = [latency for latency in generator.latencies_s if latency > STALL_S / 3]
    assert len(generator.latencies_s) == 100
    assert max(slow) >= STALL_S
    # A closed loop would have sent one slow request. At 200 a second, 40 were due in the first two thirds of the stall.
    assert len(slow) >= 35


def test_the_rate_is_kept_and_what_is_refused_or_not_answered_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.open_loop.DRAIN_S", 0.2)
    server.refuse_at, server.silent_from = 5, 40
    started = time.perf_counter()
    generator = load(server, requests=50, rate=250)
    assert time.perf_counter() - started >= 49 / 250
    assert (generator.failed, len(generator.latencies_s), generator.dropped) == (1, 39, 10)


def test_after_a_kill_each_player_is_asked_until_answered(server: Server) -> None:
    server.refuse_at = 1
    connection = HttpSocket(server.url)
    started = time.perf_counter()
    answered = ask_until_answered([connection], iter([b"GET / HTTP/1.1\r\n\r\n"] * 3), started)
    connection.close()
    assert len(answered) == 3
    assert answered == sorted(answered)
    assert server.requests == 4
