"""The `--store` setting: what is accepted, and one sentence for what isn't."""

import pytest

from snapshots.errors import StoreUnsuitable
from snapshots.opening import open_store
from snapshots.redis.store import RedisStore
from snapshots.sqlite.store import SqliteStore


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("sqlite:data", SqliteStore),
        ("sqlite:/var/lib/croupier", SqliteStore),
        ("redis://localhost:6379/0", RedisStore),
        ("rediss://user:secret@redis.example:6380", RedisStore),
        ("unix:///run/redis.sock", RedisStore),
    ],
)
def test_accepted(url: str, kind: type) -> None:
    assert isinstance(open_store(url), kind)


@pytest.mark.parametrize("url", ["", "sqlite:", "data", "postgres://user:secret@db/x", "http://x", "redis:x"])
def test_refused_with_a_list_of_what_is_accepted_and_no_secret(url: str) -> None:
    with pytest.raises(StoreUnsuitable, match="give sqlite:DIRECTORY, redis://HOST:PORT") as refusal:
        open_store(url)
    assert "secret" not in str(refusal.value)


async def test_a_url_that_only_looks_like_redis() -> None:
    with pytest.raises(StoreUnsuitable, match="is not a Redis URL"):
        await open_store("redis://:secret@host:port").open()
