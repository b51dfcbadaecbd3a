"""Both backends behind one face, with the access behind the store's back that tests of damage need."""

import sqlite3
from pathlib import Path
from typing import Protocol

import redis

from snapshots.contract import Store
from snapshots.opening import open_store
from tests.redis_server import RedisServer


class Backend(Protocol):
    """A place where stores keep their data."""

    def store(self) -> Store:
        """A new instance, not yet opened, on the same data."""

    def damage_record(self, log_id: str, seq: int, payload: bytes) -> None:
        """Overwrites a record's payload, leaving its hashes as they were."""

    def damage_snapshot(self, player_id: str, version: int) -> None:
        """Spoils the state of the generations of that version."""


class SqliteBackend:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def store(self) -> Store:
        return open_store(f"sqlite:{self.folder}")

    def damage_record(self, log_id: str, seq: int, payload: bytes) -> None:
        shard_id, _, epoch = log_id.rpartition("-")
        self._write(shard_id, "UPDATE records SET payload=? WHERE at=?", (payload, (int(epoch) << 40) + seq))

    def damage_snapshot(self, player_id: str, version: int) -> None:
        for path in self.folder.glob("shard-*.db"):
            shard_id = path.stem.removeprefix("shard-")
            self._write(
                shard_id, "UPDATE snapshots SET state=x'01' WHERE player_id=? AND version=?", (player_id, version)
            )

    def _write(self, shard_id: str, statement: str, values: tuple[object, ...]) -> None:
        connection = sqlite3.connect(self.folder / f"shard-{shard_id}.db", isolation_level=None)
        connection.execute(statement, values)
        connection.close()


class RedisBackend:
    def __init__(self, server: RedisServer) -> None:
        self.server = server
        with redis.Redis.from_url(server.url) as client:
            client.flushall()

    def store(self) -> Store:
        return open_store(self.server.url)

    def damage_record(self, log_id: str, seq: int, payload: bytes) -> None:
        key = f"croupier:log:{log_id}"
        with redis.Redis.from_url(self.server.url) as client:
            records = client.xrange(key)
            client.delete(key)
            for record_id, fields in records:
                if record_id == f"{seq}-0".encode():
                    fields[b"p"] = payload
                client.xadd(key, fields, id=record_id)

    def damage_snapshot(self, player_id: str, version: int) -> None:
        key = f"croupier:player:{player_id}"
        with redis.Redis.from_url(self.server.url) as client:
            for name in "ab":
                if client.hget(key, f"{name}v") == str(version).encode():
                    client.hset(key, f"{name}s", b"\x01")
