"""Three hosts with a Redis and a sentinel each: one master, two replicas, and for each a small disk."""

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.chaos.disks import Disk
from tests.chaos.hosts import Host

NAME: Final = "house"
PORT, SENTINEL_PORT = 6379, 26379
SERVERS: Final = 3
DOWN_AFTER_MS: Final = 2_500
MASTER_LAG_S: Final = 2
"""So long a master writes without hearing of a replica; docs/failover.md: below `DOWN_AFTER_MS`."""
DISK_MEGABYTES: Final = 512
ANSWER_S: Final = 1.0
PATIENCE_S: Final = 60


class TookTooLong(Exception):
    """What was waited for did not come."""


def wait_until(what: str, holds: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    """Polls until it holds. Raises TookTooLong."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TookTooLong(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.1)


class RedisHost:
    """One host with its Redis, which may be down, and its sentinel."""

    def __init__(self, number: int, folder: Path) -> None:
        self.host = Host(f"store-{number}", 10 + number)
        self.disk = Disk(folder / self.host.name, DISK_MEGABYTES)
        self._logs = folder
        self._server: subprocess.Popen[str] | None = None
        self.pid = 0

    def serve(self, master: "RedisHost | None" = None) -> None:
        """Starts Redis on what its disk holds; `master`: follows it. Returns once it answers."""
        following = ["--replicaof", master.host.address, str(PORT)] if master is not None and master is not self else []
        options = ["--bind", "0.0.0.0", "--protected-mode", "no", "--dir", str(self.disk.folder), "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", "everysec", "--repl-diskless-sync-delay", "0"]
        options += ["--min-replicas-to-write", "1", "--min-replicas-max-lag", str(MASTER_LAG_S)]
        log = self._logs / f"{self.host.name}.log"
        options += ["--port", str(PORT), "--logfile", str(log), *following]
        self._server = self.host.start([_program(), *options], log)
        self.pid = self._server.pid
        wait_until(f"Redis on {self.host.name} answers", lambda: self.info() is not None)

    def kill(self) -> None:
        """SIGKILL to Redis, not to the sentinel beside it."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    @property
    def is_down(self) -> bool:
        """Whether Redis was killed and has not been started again."""
        return self._server is None

    def watch(self, master: "RedisHost") -> None:
        """Starts the sentinel."""
        config = self._logs / f"sentinel-{self.host.name}.conf"
        config.write_text(
            f"port {SENTINEL_PORT}\nbind 0.0.0.0\nprotected-mode no\ndir {self._logs}\n"
            f"logfile {self._logs / f'sentinel-{self.host.name}.log'}\n"
            f"sentinel monitor {NAME} {master.host.address} {PORT} 2\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\nsentinel failover-timeout {NAME} 10000\n"
        )
        self.host.start([_program(), str(config), "--sentinel"], self._logs / f"sentinel-{self.host.name}.err")

    def info(self) -> dict[str, Any] | None:
        """What Redis says about its replication, or None if it does not answer."""
        return self._ask(PORT, lambda client: client.info("replication"))

    def sentinel(self, *command: str) -> Any:
        """What the sentinel answers, or None if it does not."""
        return self._ask(SENTINEL_PORT, lambda client: client.execute_command("SENTINEL", *command))

    def named_master(self) -> str | None:
        """The address that this sentinel names, or None if it does not answer."""
        answer = self.sentinel("GET-MASTER-ADDR-BY-NAME", NAME)
        return None if answer is None else _text(answer[0])

    def _ask(self, port: int, question: Callable[["redis.Redis"], Any]) -> Any:
        once = Retry(NoBackoff(), 0)
        with (
            suppress(redis.RedisError),
            redis.Redis(
                self.host.address, port, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, retry=once
            ) as client,
        ):
            return question(client)
        return None


class Stores:
    """All of them. `url` is what Croupier is told."""

    def __init__(self, folder: Path) -> None:
        self.all = [RedisHost(number, folder) for number in range(1, SERVERS + 1)]
        sentinels = ",".join(f"{one.host.address}:{SENTINEL_PORT}" for one in self.all)
        self.url = f"redis+sentinel://{sentinels}/{NAME}/0?wait_replicas=1"

    @property
    def hosts(self) -> list[Host]:
        """The hosts."""
        return [one.host for one in self.all]

    def start(self) -> None:
        """Returns when all replicas follow and all sentinels know one another."""
        for one in self.all:
            one.serve(self.all[0])
        for one in self.all:
            one.watch(self.all[0])
        wait_until("sentinels and replicas know one another", self.is_whole)

    def master(self) -> RedisHost:
        """The one that more than half of all sentinels name. Raises TookTooLong."""
        found: list[RedisHost] = []

        def named() -> bool:
            votes = Counter(address for one in self.all if (address := one.named_master()) is not None)
            found[:] = [one for one in self.all if votes[one.host.address] * 2 > len(self.all)]
            return bool(found)

        wait_until("a majority of sentinels names a master", named)
        return found[0]

    def await_another(self, than: RedisHost) -> RedisHost:
        """The next master, once it says itself that it is one. Raises TookTooLong."""
        wait_until(f"another master than {than.host.name}", lambda: self.master() is not than)
        promoted = self.master()
        wait_until(f"{promoted.host.name} is a master", lambda: (promoted.info() or {}).get("role") == "master")
        return promoted

    def replicas(self) -> list[RedisHost]:
        """All but the master."""
        master = self.master()
        return [one for one in self.all if one is not master]

    def is_whole(self) -> bool:
        """Whether the master has all replicas, and each sentinel could promote one of them."""
        states = [one.sentinel("MASTER", NAME) for one in self.all]
        if not all(state is not None and _is_calm(dict(_pairs(state))) for state in states):
            return False
        info = self.master().info() or {}
        followed = [value for name, value in info.items() if name.startswith("slave") and isinstance(value, dict)]
        return info.get("role") == "master" and sum(one["state"] == "online" for one in followed) == SERVERS - 1


def _is_calm(state: dict[str, str]) -> bool:
    known = int(state["num-slaves"]) == SERVERS - 1 and int(state["num-other-sentinels"]) == SERVERS - 1
    return known and state["flags"] == "master"


def _pairs(flat: Any) -> list[tuple[str, str]]:
    if isinstance(flat, dict):
        return [(_text(name), _text(value)) for name, value in flat.items()]
    return list(zip(map(_text, flat[::2]), map(_text, flat[1::2]), strict=True))


def _text(said: Any) -> str:
    return said.decode() if isinstance(said, bytes) else str(said)


def _program() -> str:
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed: apt install redis-server")
    return program
