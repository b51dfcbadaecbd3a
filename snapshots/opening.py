"""From the `--store` setting to a store. The only place that knows which backends there are."""

from pathlib import Path

from snapshots.contract import Store
from snapshots.errors import StoreUnsuitable
from snapshots.redis.store import RedisStore
from snapshots.sqlite.store import SqliteStore

_REDIS_SCHEMES = ("redis://", "rediss://", "unix://", "redis+sentinel://", "rediss+sentinel://")


def open_store(url: str) -> Store:
    """The store named by `url`, not yet opened: `sqlite:DIR`, `redis://…`, `rediss://…`, `unix://…`, or
    `redis+sentinel://…` and `rediss+sentinel://…` (`snapshots.redis.endpoint`).

    Raises StoreUnsuitable for anything else.
    """
    if url.startswith("sqlite:") and url != "sqlite:":
        return SqliteStore(Path(url.removeprefix("sqlite:")))
    if url.startswith(_REDIS_SCHEMES):
        return RedisStore(url)
    scheme = url.partition(":")[0] if ":" in url else url
    raise StoreUnsuitable(
        f"Unknown store {scheme!r}: give sqlite:DIRECTORY, redis://HOST:PORT, rediss://HOST:PORT, "
        "redis+sentinel://HOST,HOST,HOST/NAME or unix://SOCKET."
    )
