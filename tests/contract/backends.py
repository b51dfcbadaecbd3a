"""Both backends behind one face, with the access behind the store's back that tests of damage need."""

import sqlite3
from pathlib import Path
from typing import Protocol

import redis

from snapshots.contract import Store
from snapshots.opening import open_store
from tests.support.redis_server import RedisServer


class Backend(Protocol):
    """A place where stores keep their data; `url` names it for other processes."""

    url: str

    def store(self) -> Store:
        """A new instance, not yet opened, on the same data."""

    def damage_record(self, log_id: str, seq: int, payload: bytes) -> None:
        """Overwrites a record's payload, leaving its hashes as they were."""

    def damage_snapshot(self, player_id: str, version: int) -> None:
        """Spoils the state of the generations of that version."""

    def age_resolutions(self, by_ms: int) -> None:
        """Lets all reservations be settled that much longer ago."""

    def reservations(self) -> int:
        """How many reservations are kept, in any state."""


class SqliteBackend:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:{folder}"

    def store(self) -> Store:
        return open_store(self.url)

    def damage_record(self, log_id: str, seq: int, payload: bytes) -> None:
        shard_id, _, epoch = log_id.rpartition("-")
        at = (int(epoch) << 40) + seq
        self._write(f"shard-{shard_id}.db", "UPDATE records SET payload=? WHERE at=?", payload, at)

    def damage_snapshot(self, player_id: str, version: int) -> None:
        for path in self.folder.glob("shard-*.db"):
            self._write(
                path.name, "UPDATE snapshots SET state=x'01' WHERE player_id=? AND version=?", player_id, version
            )

    def age_resolutions(self, by_ms: int) -> None:
        self._write("shared.db", "UPDATE reservations SET settled_ms=settled_ms-? WHERE state<>'held'", by_ms)

    def reservations(self) -> int:
        return int(self._write("shared.db", "SELECT count(*) FROM reservations")[0][0])

    def _write(self, name: str, statement: str, *values: object) -> list[tuple[int]]:
        connection = sqlite3.connect(self.folder / name, isolation_level=None)
        rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows


class RedisBackend:
    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.url = server.url
        with redis.Redis.from_url(server.url) as client:
            client.flushall()

    def store(self) -> Store:
        return open_store(self.url)

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

    def age_resolutions(self, by_ms: int) -> None:
        key = "croupier:reservations:settled"
        with redis.Redis.from_url(self.server.url) as client:
            for reservation_id in client.zrange(key, 0, -1):
                client.zincrby(key, -by_ms, reservation_id)

    def reservations(self) -> int:
        with redis.Redis.from_url(self.server.url) as client:
            return len(client.keys("croupier:reservation:*"))
