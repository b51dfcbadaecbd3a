"""Webhooks of a running Croupier: signed, in order through kills of shard and reader, asked of by the command line."""

import base64
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from standardwebhooks import Webhook

from tests.support.croupier_up import CroupierUp, register, token, wait_until
from tests.support.typed import Typed, typed

pytestmark = pytest.mark.timeout(240)

SECRET = "whsec_" + base64.b64encode(b"a secret of the platform, 32 byte").decode()
FILE = """
webhooks:
  endpoints:
    pms:
      url: {url}/pms
      secrets: [{{env: HOOKS_SECRET}}]
      allow_http: true
      networks: [127.0.0.0/8]
    crm:
      url: {url}/crm
      secrets: [{{env: HOOKS_SECRET}}]
      events: [DepositMade]
      mode: every
      alone: true
      allow_http: true
      networks: [127.0.0.0/8]
"""


class Got(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def version(self) -> int:
        return int(self.headers["webhook-id"].rsplit("-", 2)[1])

    @property
    def told(self) -> Any:
        return json.loads(self.body)


class Platform:
    """Both endpoints. `refusals`: it answers 503 to so many requests from now on."""

    def __init__(self) -> None:
        self.received: list[Got] = []
        self.refusals = 0
        self.url = ""

    def of(self, path: str, player_id: str = "") -> list[Got]:
        found = [got for got in list(self.received) if got.path == path]
        return [got for got in found if not player_id or got.told["data"].get("player_id") == player_id]

    def first_times(self, path: str, player_id: str) -> list[int]:
        kept: list[int] = []
        for got in self.of(path, player_id):
            if not kept or got.version > kept[-1]:
                kept.append(got.version)
        return kept


@contextmanager
def a_platform() -> Iterator[Platform]:
    platform = Platform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            refused = platform.refusals > 0
            platform.refusals -= refused
            if not refused:
                platform.received.append(Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(503 if refused else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    platform.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield platform
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def deposits(server: CroupierUp, count: int) -> None:
    for _ in range(count):
        assert server.api.platform("POST", "/players/anna/deposits", {"amount": 100}).status_code == 201


def reader_pid(server: CroupierUp) -> int:
    readers = server.api.person("ops", "GET", "/cluster").json()["readers"]
    return next((int(reader["pid"]) for reader in readers if reader["name"] == "webhooks-crm" and reader["reading"]), 0)


def command(server: CroupierUp, *words: str) -> Typed:
    return typed("webhooks", *words, "--url", server.url, "--token", token("ops"))


def endpoint(server: CroupierUp, name: str) -> dict[str, Any]:
    found = json.loads(command(server, "list", "--json").stdout)["endpoints"]
    return next(dict(each) for each in found if each["name"] == name)


def test_webhooks_of_a_running_croupier(tmp_path: Path) -> None:
    with a_platform() as platform:
        file = tmp_path / "integrations.yaml"
        file.write_text(FILE.format(url=platform.url))
        server = CroupierUp(
            tmp_path / "up", f"sqlite:{tmp_path / 'store'}", "--shards", "1", "--integrations", str(file),
            HOOKS_SECRET=SECRET,
        )  # fmt: skip
        try:
            _story(server, platform)
            assert server.stop() == 0
        finally:
            if server.process.poll() is None:
                server.kill_everything()


def _story(server: CroupierUp, platform: Platform) -> None:
    wait_until("the reader reads", lambda: reader_pid(server) > 0, timeout_s=60)
    register(server.api, "anna", 0)
    deposits(server, 5)
    wait_until("five deposits are told", lambda: len(platform.first_times("/crm", "anna")) == 5)
    assert server.api.platform("POST", "/players/anna/block", {"reason": "fraud"}).status_code == 200
    wait_until("the block is told", lambda: len(platform.of("/pms", "anna")) == 1)
    [block] = platform.of("/pms", "anna")
    told = Webhook(SECRET).verify(block.body, block.headers)
    assert (told["type"], told["data"]["reason"]) == ("com.croupier.PlayerBlocked.v1", "fraud")

    _through_an_outage(server, platform)
    _through_kills(server, platform)
    _asked(server, platform)


def _through_an_outage(server: CroupierUp, platform: Platform) -> None:
    """The platform is away for a moment while the player's status changes three times: it is told the newest, once."""
    platform.refusals = 1
    for verb in ("unblock", "block", "unblock"):
        assert server.api.platform("POST", f"/players/anna/{verb}", {"reason": "checked"}).status_code == 200
    wait_until("the outage is noticed", lambda: platform.refusals == 0)
    wait_until("the newest status is told", lambda: len(platform.of("/pms", "anna")) == 2, timeout_s=60)
    newest = platform.of("/pms", "anna")[-1].told
    assert (newest["type"], newest["data"]["superseded"]) == ("com.croupier.PlayerUnblocked.v1", 2)


def _through_kills(server: CroupierUp, platform: Platform) -> None:
    """The reader, then the shard, are killed among deposits: none is left out, in order."""
    before = reader_pid(server)
    deposits(server, 5)
    os.kill(before, signal.SIGKILL)
    deposits(server, 5)
    os.kill(server.api.shards()["s0"]["pid"], signal.SIGKILL)
    wait_until("the shard is back", lambda: server.api.person("support", "GET", "/players/anna").status_code == 200)
    deposits(server, 5)
    wait_until("another reader reads", lambda: reader_pid(server) not in (0, before), timeout_s=60)
    wait_until("all deposits are told", lambda: len(platform.first_times("/crm", "anna")) == 20, timeout_s=60)
    assert [got.told["data"]["nth"] for got in _once(platform)] == list(range(1, 21))


def _once(platform: Platform) -> list[Got]:
    """The deposits that are left when what is at or below the last version is dropped."""
    kept: list[Got] = []
    for got in platform.of("/crm", "anna"):
        if not kept or got.version > kept[-1].version:
            kept.append(got)
    return kept


def _asked(server: CroupierUp, platform: Platform) -> None:
    tested = command(server, "test", "crm")
    assert (tested.returncode, "answered 204" in tested.stdout) == (0, True), tested.stderr
    assert platform.of("/crm")[-1].told["type"] == "com.croupier.WebhookTested.v1"
    assert command(server, "disable", "crm").returncode == 0
    assert endpoint(server, "crm")["why"] == "operator"
    assert command(server, "list").returncode == 1
    assert command(server, "enable", "crm").returncode == 0
    assert endpoint(server, "crm")["state"] == "ok"
    nobody = command(server, "test", "nobody")
    assert (nobody.returncode, "There is no endpoint 'nobody'" in nobody.stderr) == (1, True)
    refused = command(server, "replay", "pms", "--id", "anna-1-0")
    assert (refused.returncode, "latest state only" in refused.stderr) == (1, True)
