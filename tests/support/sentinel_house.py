"""A Redis (or Valkey) master with replicas, watched by three real sentinels, all on 127.0.0.1."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from tests.support.redis_server import READY_TIMEOUT_S, RedisServer, free_port, server_program

NAME = "house"
DOWN_AFTER_MS = 1_000
SENTINELS = 3


class SentinelHouse:
    """`url` is what the store is opened with. The sentinels fail over after `DOWN_AFTER_MS` of silence."""

    def __init__(self, folder: Path, replicas: int = 2) -> None:
        self._folder = folder
        options = "--repl-diskless-sync-delay 0 --min-replicas-max-lag 5"
        first = RedisServer(folder / "r0", extra=options)
        replicating = f"{options} --replicaof 127.0.0.1 {first.port}"
        self.servers = [first, *(RedisServer(folder / f"r{n}", extra=replicating) for n in range(1, replicas + 1))]
        self.ports = [free_port() for _ in range(SENTINELS)]
        self.url = f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/{NAME}"
        self._sentinels: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Returns when all replicas follow and all sentinels know one another."""
        for server in self.servers:
            server.start()
        with redis.Redis.from_url(self.servers[0].url) as client:
            assert client.wait(len(self.servers) - 1, READY_TIMEOUT_S * 1_000) == len(self.servers) - 1
        for server in self.servers:
            with redis.Redis.from_url(server.url) as client:
                client.config_set("min-replicas-to-write", 1)
        for port in self.ports:
            self._sentinels.append(self._watch(port))
        self._until_acquainted()

    def stop(self) -> None:
        for process in self._sentinels:
            process.kill()
            process.wait(READY_TIMEOUT_S)
        for server in self.servers:
            server.kill()

    def ask(self, *command: str) -> object:
        """What the first sentinel answers."""
        with redis.Redis(port=self.ports[0]) as client:
            return client.execute_command("SENTINEL", *command, NAME)

    def master(self) -> RedisServer:
        """The server that the sentinels name."""
        _, port = self.ask("GET-MASTER-ADDR-BY-NAME")  # type: ignore[misc]
        return next(server for server in self.servers if server.port == int(port))

    def signal_master(self, signal: int) -> RedisServer:
        """Sends the signal to the master's process, and answers which server it was."""
        server = self.master()
        os.kill(server.pid, signal)
        return server

    def _watch(self, port: int) -> "subprocess.Popen[bytes]":
        config = self._folder / f"sentinel-{port}.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {self._folder}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {self.servers[0].port} 2\n"
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\nsentinel failover-timeout {NAME} 5000\n"
        )
        with (self._folder / f"sentinel-{port}.log").open("ab") as log:
            return subprocess.Popen([server_program(), str(config), "--sentinel"], stdout=log, stderr=log)

    def _until_acquainted(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not all(self._knows_all(port) for port in self.ports):
            assert time.monotonic() < deadline, "the sentinels did not find one another"
            time.sleep(0.05)

    def _knows_all(self, port: int) -> bool:
        with suppress(redis.RedisError), redis.Redis(port=port) as client:
            known = client.sentinel_masters()[NAME]
            return known["num-slaves"] == len(self.servers) - 1 and known["num-other-sentinels"] == SENTINELS - 1
        return False


@contextmanager
def sentinel_house(folder: Path) -> Iterator[SentinelHouse]:
    house = SentinelHouse(folder)
    try:
        house.start()
        yield house
    finally:
        house.stop()
