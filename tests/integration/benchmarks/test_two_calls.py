"""Two calls per spin: the second one names what the first one answered, and no two connections share a player."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks.load import LoadFailed
from benchmarks.signed import Keys
from benchmarks.two_calls import run


class Casino(ThreadingHTTPServer):
    """Opens rounds, and settles those that are open only."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.open_rounds: set[str] = set()
        self.playing: set[str] = set()
        self.settled = 0
        self.lock = threading.Lock()

    def handle_error(self, *_: object) -> None:
        """A caller that gives up closes its connections in the middle of something."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Casino

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        place = urlsplit(self.path)
        with self.server.lock:
            status, answer = self._open(parse_qs(place.query)) if place.query else self._settle(place.path, body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _open(self, query: dict[str, list[str]]) -> tuple[int, dict[str, str]]:
        [player] = query["player_id"]
        if player in self.server.playing:
            return 409, {"code": "round_open"}
        self.server.playing.add(player)
        self.server.open_rounds.add(f"{player}-1")
        return 200, {"session_id": f"{player}-1"}

    def _settle(self, path: str, body: bytes) -> tuple[int, dict[str, str]]:
        session_id, player = path.split("/")[2], json.loads(body)["player_id"]
        if session_id not in self.server.open_rounds:
            return 409, {"code": "session_not_found"}
        self.server.open_rounds.remove(session_id)
        self.server.playing.remove(player)
        self.server.settled += 1
        return 200, {}

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def casino() -> Iterator[Casino]:
    server = Casino()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_round_is_settled_and_counts_once(casino: Casino) -> None:
    url = f"http://127.0.0.1:{casino.server_address[1]}"
    found = run(url, Keys.fresh().game, players=10, connections=4, seconds=0.3, run_id=1)
    assert found["requests"] == casino.settled > 8
    assert casino.open_rounds == set()


def test_a_refused_call_spoils_the_measurement(casino: Casino) -> None:
    casino.playing.add("bench-000000")
    with pytest.raises(LoadFailed, match="round_open"):
        run(f"http://127.0.0.1:{casino.server_address[1]}", Keys.fresh().game, 2, 2, 0.3, 1)
