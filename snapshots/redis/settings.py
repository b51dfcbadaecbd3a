"""Whether a Redis server can keep the promise: version, append-only file, no eviction. Checked at every start."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from snapshots.errors import StoreUnsuitable

REDIS_MIN = 7


def masked(url: str) -> str:
    """The URL without user, password and query: fit for logs and messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the URL given"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def check_settings(name: str, info: Mapping[str, Any], *, failover: bool = False) -> None:
    """`info` is the INFO reply; `failover`: sentinels may promote a replica.

    Valkey is asked the same: it tells the version of Redis that it is compatible with, 7.2.4.

    Raises StoreUnsuitable with one sentence saying what to change.
    """
    problem = _problem(info) or (_failover_problem(info) if failover else None)
    if problem is not None:
        raise StoreUnsuitable(f"Redis at {name} {problem}.")


def _problem(info: Mapping[str, Any]) -> str | None:
    version = str(info.get("redis_version", "0"))
    if int(version.partition(".")[0]) < REDIS_MIN:
        return f"has version {version}, but version {REDIS_MIN} or newer is needed"
    if info.get("cluster_enabled"):
        return "runs in cluster mode, which is not supported: use a single server, with replicas if you like"
    if info.get("role") != "master":
        return "is a replica: give the address of its master"
    if not info.get("aof_enabled"):
        return "keeps no append-only file, so spins could be lost: set `appendonly yes`"
    if info.get("maxmemory") and info.get("maxmemory_policy") != "noeviction":
        return (
            f"may evict players (`maxmemory-policy {info.get('maxmemory_policy')}`): set `maxmemory-policy noeviction`"
        )
    return None


def _failover_problem(info: Mapping[str, Any]) -> str | None:
    """A master that is cut off from its replicas must stop writing, because one of them is promoted meanwhile."""
    if "min_slaves_good_slaves" not in info:
        return "would go on without its replicas while one of them is promoted: set `min-replicas-to-write 1`"
    return None
