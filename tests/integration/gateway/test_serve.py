"""The gateway on a real socket: ready line, awkward clients, and a clean end on SIGTERM."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.listening import BindRefused, bind, url_of
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[3]
PROGRAM = """
from gateway.listening import bind
from gateway.serve import run
from gateway.settings import GatewaySettings
from tests.support.gateway_doubles import app_with

run(app_with(), bind("127.0.0.1", 0), GatewaySettings(), lambda url: print("ready", url, flush=True))
print("ended", flush=True)
"""


@pytest.fixture(scope="module")
def gateway() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    line = process.stdout.readline().split()
    assert line[:1] == ["ready"], line
    yield process, line[1]
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def raw(url: str, request: bytes) -> bytes:
    """What comes back for exactly these bytes."""
    parsed = httpx.URL(url)
    with socket.create_connection((parsed.host, parsed.port or 80), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(65_536)


def test_spins_are_served_on_the_port_announced(gateway: tuple[subprocess.Popen[str], str]) -> None:
    path = "/spin?player_id=p1&game_id=book-of-dunes&mode=real&bet=100"
    response = httpx.post(gateway[1] + path, headers={"idempotency-key": "k1"})
    assert (response.status_code, response.json()["session_id"]) == (200, "s-1")
    assert "server" not in response.headers


@pytest.mark.parametrize("path", ["/spin/s-1/result", "/players/p1/deposits"])
def test_two_megabytes_are_answered_and_the_connection_lives_on(
    gateway: tuple[subprocess.Popen[str], str], path: str
) -> None:
    with httpx.Client(base_url=gateway[1]) as client:
        refused = client.post(path, content=b"x" * 2_000_000)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
        assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST /spin?player_id=\xff HTTP/1.1\r\nhost: x", b"400"),
        (b"POST /\xff HTTP/1.1\r\nhost: x", b"400"),
        (b"POST /spin%ff HTTP/1.1\r\nhost: x", b"404"),
        (b"GET /players/%00 HTTP/1.1\r\nhost: x", b"400"),
        (b"POST /spin/s/result HTTP/1.1\r\nhost: x\r\ncontent-length: -1", b"400"),
        (b"POST /spin/s/result HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2", b"400"),
        (b"POST /spin/s/result HTTP/1.1\r\nhost: x\r\nidempotency-key: \xff\xfe", b"400"),
        (b"NONSENSE", b"400"),
    ],
)
def test_awkward_bytes_are_a_4xx(gateway: tuple[subprocess.Popen[str], str], head: bytes, status: bytes) -> None:
    answer = raw(gateway[1], head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status), answer
    assert b"content-type: application/problem+json" in answer


def test_a_client_that_does_not_read_costs_nobody_else_anything(
    gateway: tuple[subprocess.Popen[str], str],
) -> None:
    parsed = httpx.URL(gateway[1])
    asked = b"GET /spin/s-1?player_id=p1 HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000
    with socket.create_connection((parsed.host, parsed.port or 80)) as slow, httpx.Client(base_url=gateway[1]) as other:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.settimeout(0.05)
        left, full = b"", 0
        while full < 10:
            left = left or asked
            try:
                left = left[slow.send(left) :]
            except TimeoutError:
                full += 1
                assert other.get("/spin/s-1?player_id=p1").status_code == 200
        assert other.get("/health/live").status_code == 200


def test_sigterm_ends_it_cleanly(gateway: tuple[subprocess.Popen[str], str]) -> None:
    process = gateway[0]
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, output.splitlines()[-1]) == (0, "ended")


def test_a_taken_port_is_one_sentence() -> None:
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        assert url_of(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(BindRefused, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            bind("127.0.0.1", port)
