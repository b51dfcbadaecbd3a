"""How full a store is."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from snapshots.contract import GENESIS, Claim, LogHead, Owner, Store
from snapshots.errors import StoreUnavailable
from snapshots.opening import open_store
from tests.support.redis_server import RedisServer

OWNER = Owner("host", 1, 1)
MAXMEMORY = 8_000_000
PAYLOAD = b"x" * 100_000
GIB = 1_073_741_824


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def small_redis(tmp_path: Path) -> Iterator[RedisServer]:
    options = f"--maxmemory {MAXMEMORY} --maxmemory-policy noeviction"
    server = RedisServer(tmp_path / "small", extra=options).start()
    yield server
    server.stop()


@pytest.fixture
async def small(small_redis: RedisServer) -> AsyncIterator[Store]:
    store = open_store(small_redis.url)
    await store.open()
    yield store
    await store.close()


async def test_a_store_without_a_limit_has_no_share(store: Store, backend: object) -> None:
    fill = await store.fill()
    assert fill is None if type(backend).__name__ == "RedisBackend" else fill is not None and 0 <= fill < 1


async def filled(store: Store, claim: Claim) -> tuple[LogHead, list[float], str]:
    """Appends until Redis refuses: the last head that was confirmed, how full it was before each, the refusal."""
    head, fills = LogHead(0, GENESIS), list[float]()
    while len(fills) < 200:
        fill = await store.fill()
        assert fill is not None
        fills.append(fill)
        try:
            head = await store.append(claim.incarnation, head, PAYLOAD)
        except StoreUnavailable as refusal:
            return head, fills, str(refusal)
    raise AssertionError("Redis took more than its maxmemory")


async def test_the_share_grows_to_one_before_redis_refuses(small: Store) -> None:
    _, fills, refusal = await filled(small, await small.claim("s0", OWNER, "n"))
    assert fills[0] < 0.6 and fills == sorted(fills)
    assert any(0.85 <= fill < 0.95 for fill in fills)  # a look every second sees it before an append is refused
    assert fills[-1] > 0.97 and "OOM" in refusal


async def test_an_append_refused_for_want_of_memory_has_changed_nothing(small: Store, small_redis: RedisServer) -> None:
    claim = await small.claim("s0", OWNER, "n")
    head, _, _ = await filled(small, claim)
    written = await small.read_log(claim.incarnation.log_id, head.seq - 1, 10)
    assert [record.seq for record in written] == [head.seq]
    import redis

    with redis.Redis.from_url(small_redis.url) as client:
        client.config_set("maxmemory", 2 * MAXMEMORY)
    after = await small.append(claim.incarnation, head, PAYLOAD)
    assert after.seq == head.seq + 1


DISKS = [
    (Usage(4 * GIB, 3 * GIB, GIB), 0.75),
    (Usage(1_000 * GIB, 900 * GIB, 100 * GIB), 0.0),
    (Usage(1_000 * GIB, 999 * GIB, GIB), 0.875),
    (Usage(1_000 * GIB, 1_000 * GIB, 0), 1.0),
]


@pytest.mark.parametrize(("usage", "expected"), DISKS)
async def test_of_a_large_disk_the_last_gibibytes_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usage: Usage, expected: float
) -> None:
    store = open_store(f"sqlite:{tmp_path}")
    await store.open()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert await store.fill() == expected
    await store.close()


async def test_a_disk_that_can_not_be_asked_is_a_store_without_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(folder: Path) -> Usage:
        raise OSError(5, "Input/output error")

    store = open_store(f"sqlite:{tmp_path}")
    await store.open()
    monkeypatch.setattr(shutil, "disk_usage", fails)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await store.fill()
    await store.close()
