"""`croupier up` for tests: a real server in processes of its own, and callers that sign."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import jwt

from croupier.demo.client import Signer
from croupier.running.process_tree import descendants, kill_all
from tests.support.patience import PATIENCE_S

START_TIMEOUT_S = 150
STOP_TIMEOUT_S = 90
ROLES = ("game_server", "platform")
ISSUER, TOKEN_KEY = "tests", "k" * 32
CLUSTER_SECRET = "shared by gateways, shards and bus-in"
SIGNERS = {role: Signer(role, f"secret-of-{role}") for role in ROLES}
KEYS = {
    "api_keys": [{"id": role, "secret": f"secret-of-{role}", "role": role} for role in ROLES],
    "jwt": {"issuer": ISSUER, "keys": [{"kid": "k1", "algorithm": "HS256", "key": TOKEN_KEY}]},
}


def environment(**more: str) -> dict[str, str]:
    """This process's environment without what would change the product's settings, plus `more`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CROUPIER_", "RAY_"))} | more


def croupier(
    *arguments: str, env: dict[str, str] | None = None, timeout: float = 120
) -> "subprocess.CompletedProcess[str]":
    """Runs the command to its end."""
    command = [sys.executable, "-m", "croupier", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env or environment(), timeout=timeout)


def token(role: str, subject: str = "ann", valid_s: int = 300) -> str:
    """A bearer token."""
    claims = {"iss": ISSUER, "sub": subject, "role": role, "exp": int(time.time()) + valid_s}
    return jwt.encode(claims, TOKEN_KEY, algorithm="HS256", headers={"kid": "k1"})


def keys_file(folder: Path) -> Path:
    """The keys of all callers in these tests."""
    path = folder / "keys.json"
    path.write_text(json.dumps(KEYS))
    return path


STALE, STALE_MAX, STALE_PAUSE_S = b'"stale":true', 300, 0.2
"""How an answer of a snapshot is told, how often it is asked for again, and after which pause."""


class Api:
    """A caller over real sockets."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self._keys = 0

    def new_key(self) -> str:
        """An idempotency key not used before by this caller."""
        self._keys += 1
        return f"k-{os.getpid()}-{self._keys}"

    def signed(
        self, role: str, method: str, target: str, body: Any = None, *, key: str | None = None, **headers: str
    ) -> httpx.Response:
        """A signed request. Every change gets a new key unless one is given; "" sends none.

        Whoever reads a player while the player's shard is away asks again until the answer is fresh.
        """
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        key = self.new_key() if key is None and method != "GET" else key or ""
        proof = SIGNERS[role].proof(method, target, key, content)
        sent = {name: value for name, _, value in (line.partition(": ") for line in proof.split("\r\n")) if name}
        sent |= {"idempotency-key": key} if key else {}
        sent |= {"content-type": "application/json"} if content else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._client.request(method, target, content=content, headers=sent)
        for _ in range(STALE_MAX):
            if method != "GET" or STALE not in answer.content:
                break
            time.sleep(STALE_PAUSE_S)
            answer = self._client.request(method, target, content=content, headers=sent)
        return answer

    def game(self, method: str, target: str, body: Any = None, **more: Any) -> httpx.Response:
        """As the game server."""
        return self.signed("game_server", method, target, body, **more)

    def platform(self, method: str, target: str, body: Any = None, **more: Any) -> httpx.Response:
        """As the platform."""
        return self.signed("platform", method, target, body, **more)

    def person(self, role: str, method: str, target: str, body: Any = None, key: str | None = None) -> httpx.Response:
        """Somebody with a bearer token. Every change gets a new key unless one is given; "" sends none."""
        key = self.new_key() if key is None and method != "GET" else key
        headers = {"authorization": f"Bearer {token(role)}"} | ({"idempotency-key": key} if key else {})
        return self._client.request(method, target, json=body, headers=headers)

    def plain(self, method: str, target: str, **more: Any) -> httpx.Response:
        """Without proof."""
        return self._client.request(method, target, **more)

    def shards(self) -> dict[str, dict[str, Any]]:
        """`GET /cluster`, by shard id."""
        return {shard["shard_id"]: shard for shard in self.person("ops", "GET", "/cluster").json()["shards"]}

    def close(self) -> None:
        """Hangs up."""
        self._client.close()


class CroupierUp:
    """One running `croupier up`, or `croupier gateway`. Whoever starts it ends it with `stop` or `kill_everything`.

    It has no archive unless that is asked for: a process less to start and to settle for all who don't look at it.
    """

    def __init__(
        self,
        folder: Path,
        store: str,
        *options: str,
        auth: str = "hmac",
        subcommand: str = "up",
        archive: bool = False,
        module: str = "croupier",
        **env: str,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store, self.folder = store, folder
        self._log = folder / "stderr"
        self.farewell = ""
        """All it wrote to standard output after its URL, once it has been stopped."""
        keys = ["--keys", str(keys_file(folder))] if auth == "hmac" else []
        command = [sys.executable, "-m", module, subcommand, "--store", store, "--port", "0", "--auth", auth]
        if subcommand == "up" and not archive:
            command.append("--no-archive")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *keys, *options], stdout=subprocess.PIPE, stderr=log, text=True,
                env=environment(**env), start_new_session=True,
            )  # fmt: skip
        self.url = self._await_ready()
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        self.host, self.port = host, int(port)
        self.api = Api(self.url)

    def _await_ready(self) -> str:
        stdout = self.process.stdout
        assert stdout is not None
        line = stdout.readline() if select.select([stdout], [], [], START_TIMEOUT_S)[0] else ""
        if not line.startswith("ready "):
            self.kill_everything()
            raise AssertionError(f"croupier did not become ready: {self.stderr()[-2000:]}")
        return line.split()[1]

    def stderr(self) -> str:
        """All it wrote to standard error so far."""
        return self._log.read_text(errors="replace")

    def tree(self) -> list[int]:
        """Pids of all its processes: gateways, shards, supervisor, Ray's own."""
        return [self.process.pid, *descendants(self.process.pid)]

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        started = self.tree()
        self.process.terminate()
        return self._wait(started)

    def ends(self) -> int:
        """The exit code of one that ends by itself."""
        return self._wait(self.tree())

    def _wait(self, started: list[int]) -> int:
        try:
            code = self.process.wait(STOP_TIMEOUT_S)
            assert self.process.stdout is not None
            self.farewell = self.process.stdout.read()
            return code
        except subprocess.TimeoutExpired:
            kill_all(started)
            raise
        finally:
            self._close()

    def kill_everything(self) -> None:
        """SIGKILL to every process, so that nobody can say goodbye."""
        kill_all(self.tree())
        self.process.wait()
        self._close()

    def _close(self) -> None:
        if hasattr(self, "api"):
            self.api.close()
        if self.process.stdout is not None:
            self.process.stdout.close()


def wait_until(what: str, holds: Any, timeout_s: float = PATIENCE_S) -> None:
    """Polls until `holds()` is true; an assertion with `what` if that takes too long."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.02)


def register(api: Api, player_id: str, deposit: int = 1_000) -> None:
    """A player with `deposit` real money and, from 1000 on, the welcome bonus and 20 free spins."""
    assert api.platform("PUT", f"/players/{player_id}", {"currency": "EUR"}).status_code == 201
    if deposit:
        assert api.platform("POST", f"/players/{player_id}/deposits", {"amount": deposit}).status_code == 201


def gone(pids: Sequence[int]) -> bool:
    """Whether none of the processes runs any more."""
    return not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
