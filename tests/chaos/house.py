"""Croupier on hosts of its own: Ray with supervisor, shards and readers on one, a gateway on each of two others."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import httpx

from croupier.running.process_tree import descendants
from tests.chaos.disks import Disk, put_at
from tests.chaos.hosts import Host, build_network
from tests.chaos.stores import Stores, TookTooLong, wait_until
from tests.load.settings import SHIPPED_CATALOG
from tests.support.croupier_up import CLUSTER_SECRET, Api, environment, keys_file, token

SLOTS: Final = 256
PORT: Final = 8080
SHARDS_FEW, SHARDS_MANY = 2, 4
SPARES: Final = 2
"""As docs/operations.md recommends where several shards may die at once."""
SPOOL_MEGABYTES: Final = 64
STOP_S: Final = 120
RAY_FOLDER: Final = Path("/tmp/ray")
"""Where Ray has its sockets and the logs of supervisor, shards and readers."""
TOKEN_VALID_S: Final = 86_400


class Program:
    """A `croupier up` or `croupier gateway` that says when it is ready."""

    def __init__(self, host: Host, arguments: list[str], log: Path, *, apart: bool) -> None:
        self.host, self._arguments, self._log, self._apart = host, arguments, log, apart
        self.url = f"http://{host.address}:{PORT}"
        self.process: subprocess.Popen[str] | None = None

    def launch(self) -> None:
        """Starts it, and does not wait."""
        command = [sys.executable, "-m", "croupier", *self._arguments, "--host", self.host.address, "--port", str(PORT)]
        self.process = self.host.start(
            command, self._log, own_processes=self._apart, **environment(CROUPIER_CLUSTER_SECRET=CLUSTER_SECRET)
        )

    def await_ready(self) -> None:
        """Raises TookTooLong if it has ended."""
        assert self.process is not None and self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise TookTooLong(f"{self._arguments[0]} did not become ready: {self._log.read_text()[-1500:]}")

    def kill(self) -> None:
        """SIGKILL to the process that was started."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(STOP_S)


class House:
    """All of it. `folder` gets logs, disks, and the archive."""

    def __init__(self, folder: Path) -> None:
        build_network()
        folder.mkdir(parents=True)
        put_at(folder / "ray", RAY_FOLDER)
        self.folder, self.archive = folder, folder / "archive"
        self.stores = Stores(folder)
        self.spool = Disk(folder / "spool", SPOOL_MEGABYTES)
        self.shards_host = Host("shards", 21)
        keys = str(keys_file(folder))
        common = ["--store", self.stores.url, "--catalog", str(SHIPPED_CATALOG), "--auth", "hmac", "--keys", keys]
        common += ["--integrations", str(self._integrations())]
        up = [
            "up",
            *common,
            "--shards",
            str(SHARDS_FEW),
            "--spares",
            str(SPARES),
            "--shard-host",
            self.shards_host.address,
        ]
        self.up = Program(self.shards_host, up, folder / "up.log", apart=False)
        self.gateways = [
            Program(Host(f"gateway-{n}", 30 + n), ["gateway", *common], folder / f"gateway-{n}.log", apart=True)
            for n in (1, 2)
        ]
        self.api = Api(self.up.url)

    def _integrations(self) -> Path:
        path = self.folder / "integrations.yaml"
        place = {"url": str(self.archive)}
        archive = {
            "place": place,
            "spool": str(self.spool.folder / "spool"),
            "key_file": str(self.folder / "archive.key"),
        }
        path.write_text(json.dumps({"archive": archive}))  # JSON is YAML
        return path

    def start(self) -> None:
        """Returns when everything serves."""
        self.stores.start()
        self._start_up()
        for gateway in self.gateways:
            gateway.launch()
        for gateway in self.gateways:
            gateway.await_ready()

    def _start_up(self) -> None:
        """On a machine that does much else, Ray may give up starting; then once more."""
        self.up.launch()
        try:
            self.up.await_ready()
        except TookTooLong:
            self.up.launch()
            self.up.await_ready()

    # --- looking

    def cluster(self) -> dict[str, Any]:
        """`GET /cluster`, as the gateway beside the shards answers it; empty while it can't."""
        try:
            document: dict[str, Any] = self.api.person("ops", "GET", "/cluster").json()
        except (httpx.HTTPError, ValueError):
            return {}
        return document

    def shards(self) -> dict[str, dict[str, Any]]:
        """Shards by name that have slots; none while nobody can tell."""
        return {shard["shard_id"]: shard for shard in self.cluster().get("shards", ()) if shard["slots"]}

    def operation(self) -> dict[str, Any]:
        """The operation that runs or ran last; empty if there was none, or while nobody can tell."""
        return self.cluster().get("operation") or {}

    def pids(self, title: str) -> list[int]:
        """Processes whose title begins so, for example `ray::PlayerShard`."""
        assert self.up.process is not None
        found = [pid for pid in descendants(self.up.process.pid) if _title(pid).startswith(title)]
        return sorted(found)

    def serves(self) -> bool:
        """Whether every shard that has slots serves."""
        shards = self.shards().values()
        slots = sum(shard["slots"] for shard in shards)
        return slots == SLOTS and all(shard["serving"] for shard in shards)

    def is_whole(self) -> bool:
        """Whether everything is as before a fault."""
        return self.stores.is_whole() and self.serves() and self.is_manned()

    def is_manned(self) -> bool:
        """Whether supervisor, reader and a spare are there again."""
        counts = [len(self.pids(f"ray::{title}")) for title in ("Supervisor", "Reader", "PlayerShard")]
        return counts[:2] == [1, 1] and counts[2] >= len(self.shards()) + SPARES

    # --- changing

    def command(self, *arguments: str, timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
        """A command of an operator, at the gateway beside the shards."""
        proof = {"CROUPIER_URL": self.up.url, "CROUPIER_TOKEN": token("ops", valid_s=TOKEN_VALID_S)}
        command = [sys.executable, "-m", "croupier", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, env=environment(**proof))

    def await_whole(self, timeout_s: float) -> None:
        """Raises TookTooLong."""
        wait_until("the house is as before", self.is_whole, timeout_s)


def send(signal_number: signal.Signals, pid: int) -> None:
    """A signal to a process that may be gone."""
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return


def stop_for(seconds: float, pid: int) -> None:
    """SIGSTOP, and SIGCONT after some seconds."""
    send(signal.SIGSTOP, pid)
    time.sleep(seconds)
    send(signal.SIGCONT, pid)


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
