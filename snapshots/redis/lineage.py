"""Which history a Redis server tells (rule 15): asked once for each new connection, never for an append.

A server that was started again, or a replica that was promoted, may have lost what was acknowledged last. Both have
another run id or another replication id than the server that acknowledged it.
"""

from collections.abc import Mapping

from redis.exceptions import ConnectionError as RedisConnectionError

ASK = ("INFO", "server", "replication")
_NAMES = ("run_id", "master_replid")


class OtherLineage(RedisConnectionError):
    """The server at the other end of a new connection has another history."""


def lineage_of(info: object) -> str:
    """Run id and replication id out of the answer to `ASK`; what a server keeps to itself is empty."""
    text = bytes(info).decode() if isinstance(info, bytes | bytearray) else str(info)
    return lineage_named(dict(line.partition(":")[::2] for line in text.splitlines()))


def lineage_named(info: Mapping[str, object]) -> str:
    """The same, out of the answer as the client reads it."""
    return " ".join(str(info.get(name, "")).strip() for name in _NAMES)
