"""The Croupier the demo plays against: `croupier up` in a process of its own, on a temporary folder, with keys."""

import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.request import Request, urlopen

import jwt

from croupier.demo.client import Signer
from croupier.demo.keeping import quick_archive
from croupier.running.process_tree import descendants, kill_all
from croupier.settings import default_catalog

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 40
ISSUER = "croupier-demo"
KEY_ID = "demo-staff"


class ServerFailed(Exception):
    """The server did not start. The end of its log says why."""


class DemoServer:
    """A context manager that ends the server and removes its folder, whatever happens inside.

    Its store is in `keep` if that is given, and stays there.
    """

    def __init__(self, shards: int, keep: Path | None = None) -> None:
        self._shards, self._keep = shards, keep
        self._folder = tempfile.TemporaryDirectory(prefix="croupier-demo-", ignore_cleanup_errors=True)
        self._staff_secret = secrets.token_hex(32)
        machines = {role: secrets.token_hex(24) for role in ("game_server", "platform")}
        self.game_server, self.platform = (Signer(role, secret) for role, secret in machines.items())
        self._keys = {
            "api_keys": [{"id": role, "secret": secret, "role": role} for role, secret in machines.items()],
            "jwt": {
                "issuer": ISSUER,
                "keys": [{"kid": KEY_ID, "algorithm": "HS256", "key": self._staff_secret}],
            },
        }
        self._process: subprocess.Popen[str] | None = None
        self.host, self.port, self.store = "", 0, ""

    def __enter__(self) -> "DemoServer":
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            started = descendants(process.pid)
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                kill_all([process.pid, *started])
                process.wait()
        if process is not None and process.stdout is not None:
            process.stdout.close()
        self._folder.cleanup()

    def _start(self) -> None:
        folder = Path(self._folder.name)
        keys = folder / "keys.json"
        keys.touch(mode=0o600)
        keys.write_text(json.dumps(self._keys))
        self.store = f"sqlite:{(self._keep or folder) / 'store'}"
        command = [sys.executable, "-m", "croupier", "up", "--store", self.store, "--auth", "hmac"]
        command += ["--shards", str(self._shards), "--port", "0", "--keys", str(keys)]
        command += ["--catalog", str(default_catalog())]
        if self._keep is not None:
            integrations = folder / "integrations.yaml"
            integrations.write_bytes(quick_archive(self.store))
            command += ["--integrations", str(integrations)]
        # The caller's environment must not change the demo. In a session of its own the server gets no Ctrl-C.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("CROUPIER_", "RAY_"))}
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, start_new_session=True
            )
        self._await_ready()

    def _await_ready(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        readable: list[IO[str]] = []
        while not readable and time.monotonic() < deadline:
            readable = select.select([self._process.stdout], [], [], 0.5)[0]
        line = self._process.stdout.readline().split() if readable else []
        if line[:1] != ["ready"]:
            raise ServerFailed(f"croupier up did not become ready; its log ends with:\n{self.log_end()}")
        host, _, port = line[1].removeprefix("http://").rpartition(":")
        self.host, self.port = host, int(port)

    def log_end(self) -> str:
        """The last lines the server wrote to standard error."""
        log = Path(self._folder.name) / "log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(lines[-20:])

    def shards(self) -> dict[str, tuple[int, int]]:
        """Pid and epoch of each shard, by name, from `GET /cluster` with a token of role ops."""
        claims = {"iss": ISSUER, "sub": "demo", "role": "ops", "exp": int(time.time()) + 300}
        token = jwt.encode(claims, self._staff_secret, algorithm="HS256", headers={"kid": KEY_ID})
        request = Request(f"http://{self.host}:{self.port}/cluster", headers={"authorization": f"Bearer {token}"})
        with urlopen(request, timeout=10) as response:
            cluster = json.load(response)
        return {shard["shard_id"]: (shard["pid"], shard["epoch"]) for shard in cluster["shards"] if shard["slots"]}

    def stop(self) -> int:
        """Sends SIGTERM. Answers the exit code, or -SIGKILL if the server did not end in time."""
        assert self._process is not None
        started = descendants(self._process.pid)
        self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            kill_all([self._process.pid, *started])
            self._process.wait()
            return -signal.SIGKILL
