"""A copy shows the store at one instant, while it is written to: `croupier backup` is made of it."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from snapshots.contract import GENESIS, LogHead, Owner, Position, Store
from snapshots.copying import open_copy
from snapshots.errors import StoreUnavailable, StoreUnsuitable
from snapshots.opening import open_store
from snapshots.redis import copying as redis_copying
from snapshots.redis.copying import plain_url
from snapshots.sqlite import copying
from tests.contract.backends import Backend, SqliteBackend
from tests.contract.test_redis_sentinel import named, sentinels
from tests.support.redis_server import RedisServer

OWNER = Owner("host", 1, 1)
TRIES_MAX = 100
T = TypeVar("T")


@asynccontextmanager
async def written_to(store: Store) -> AsyncIterator[Callable[[], int]]:
    """Appends records to one shard, and after each moves a reader's cursor to it: two files of the SQLite store.

    What is yielded tells how many records were appended so far.
    """
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    reader = await store.claim_reader("bus", "n")
    appended, stopped = 0, False

    async def write() -> None:
        nonlocal appended
        head = LogHead(0, GENESIS)
        while not stopped:
            head = await repeated(lambda head=head: store.append(inc, head, b"record"))
            appended = head.seq
            await repeated(lambda seq=head.seq: store.commit_reader(reader, {"s0": Position(inc.epoch, seq)}, {}))

    writing = asyncio.create_task(write())
    try:
        yield lambda: appended
    finally:
        stopped = True  # no cancelling: what was sent is answered
        await writing


async def repeated(call: Callable[[], Awaitable[T]]) -> T:
    """The identical call, as a shard repeats it: on a busy machine a pause may seem a silence."""
    for _ in range(TRIES_MAX):
        with suppress(StoreUnavailable):
            return await call()
        await asyncio.sleep(0.05)
    return await call()


async def until(holds: Callable[[], bool]) -> None:
    """Lets the others run until it holds."""
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.001)


async def standing(store: Store) -> tuple[int, int]:
    """The last record of the log, and the reader's cursor."""
    await store.open()
    try:
        [log] = await store.unfinished_logs()
        records = await store.read_log(log.log_id, 0, 100_000)
        return records[-1].seq, (await store.reader_positions("bus"))["s0"].seq
    finally:
        await store.close()


async def test_a_sqlite_copy_shows_all_files_at_one_instant(tmp_path: Path) -> None:
    backend = SqliteBackend(tmp_path / "store")
    store = backend.store()
    await store.open()
    async with written_to(store) as appended:
        for number in range(5):
            await until(lambda: appended() > number * 5)  # noqa: B023
            copy = open_copy(f"sqlite:{tmp_path / 'store'}")
            before = appended()
            with copy.frozen():
                pass
            await until(lambda: appended() > before + 5)  # noqa: B023 what is written now must not be in the copy
            names = copy.write_to(tmp_path / f"copy{number}")
            copy.close()
            last, cursor = await standing(open_store(f"sqlite:{tmp_path / f'copy{number}'}"))
            assert names == ["control.db", "readers.db", "shard-s0.db", "shared.db"]
            assert last - 1 <= cursor <= last and before <= last <= before + 1
    await store.close()


async def test_nobody_writes_while_a_sqlite_store_is_frozen(tmp_path: Path) -> None:
    store = SqliteBackend(tmp_path / "store").store()
    await store.open()
    async with written_to(store) as appended:
        await until(lambda: appended() > 0)
        copy = open_copy(f"sqlite:{tmp_path / 'store'}")
        with copy.frozen():
            with (
                pytest.raises(sqlite3.OperationalError, match="locked"),
                sqlite3.connect(tmp_path / "store" / "shard-s0.db", timeout=0) as other,
            ):
                other.execute("DELETE FROM records")
            other.close()
        copy.close()
        before = appended()
        await until(lambda: appended() > before)
    await store.close()


async def test_a_store_that_stays_locked_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteBackend(tmp_path / "store").store()
    await store.open()
    await store.close()
    monkeypatch.setattr(copying, "LOCK_TRY_S", 0.0)
    holder = sqlite3.connect(tmp_path / "store" / "readers.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    copy = open_copy(f"sqlite:{tmp_path / 'store'}")
    with pytest.raises(StoreUnavailable, match="could not be locked all at once"), copy.frozen():
        pass
    holder.execute("ROLLBACK")
    with copy.frozen():
        pass
    copy.close()
    holder.close()


def test_a_folder_without_a_store_is_not_made_one(tmp_path: Path) -> None:
    with pytest.raises(StoreUnsuitable, match="There is no store in"), open_copy(f"sqlite:{tmp_path}").frozen():
        pass
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreUnsuitable, match="can't be copied"):
        open_copy("mongodb://localhost")


def impatient(server: RedisServer) -> redis.Redis:
    """A client that waits for a tenth of a second, once."""
    return redis.Redis(port=server.port, socket_timeout=0.1, retry=Retry(NoBackoff(), 0))


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
async def test_a_redis_copy_shows_the_instant_at_which_writes_were_paused(
    backend: Backend, redis_server: RedisServer, tmp_path: Path
) -> None:
    store = backend.store()
    await store.open()
    async with written_to(store) as appended:
        await until(lambda: appended() > 0)
        copy = open_copy(redis_server.url)
        with copy.frozen(), impatient(redis_server) as other:
            with pytest.raises(redis.TimeoutError):
                other.set("written", "while frozen")
            assert other.get("written") is None
        before = appended()
        await until(lambda: appended() > before + 50)
        names = await asyncio.to_thread(copy.write_to, tmp_path / "copy")
        copy.close()
    await store.close()
    assert (names, copy.elsewhere) == (["dump.rdb"], None)
    assert (tmp_path / "copy" / "dump.rdb").read_bytes()[:5] in (b"REDIS", b"VALKE")


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
async def test_a_save_that_is_not_on_a_disk_of_this_machine_is_named(
    backend: Backend, redis_server: RedisServer, tmp_path: Path
) -> None:
    store = backend.store()
    await store.open()
    copy = open_copy(redis_server.url)
    with copy.frozen():
        pass
    (redis_server.folder / "dump.rdb").unlink(missing_ok=True)
    while copy.write_to(tmp_path / "early"):  # the save may have ended only now
        shutil.rmtree(tmp_path / "early")
        (redis_server.folder / "dump.rdb").unlink()
    assert copy.elsewhere == f"{redis_server.folder / 'dump.rdb'} on the host of {redis_server.url}"
    assert not (tmp_path / "early").exists()
    copy.close()
    await store.close()


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
async def test_a_pause_that_ended_too_early_is_no_copy(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    store = backend.store()
    await store.open()
    monkeypatch.setattr(redis_copying, "PAUSE_MS", 1)
    copy = open_copy(backend.url)
    with pytest.raises(StoreUnavailable, match="did not fork within 1 ms: writes went on"), copy.frozen():
        await asyncio.sleep(0.002)
    copy.close()
    await store.close()


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
async def test_the_master_that_sentinels_name_is_copied(
    backend: Backend, redis_server: RedisServer, tmp_path: Path
) -> None:
    store = backend.store()
    await store.open()
    async with sentinels([named(redis_server.port)] * 3) as hosts:

        def copied() -> list[str]:
            copy = open_copy(
                f"redis+sentinel://{hosts}/house/0?sentinel_username=a&sentinel_password=b&wait_replicas=1"
            )
            with copy.frozen():
                pass
            try:
                return copy.write_to(tmp_path / "copy")
            finally:
                copy.close()

        assert await asyncio.to_thread(copied) == ["dump.rdb"]
    await store.close()


def test_what_only_croupier_reads_of_a_url_is_not_passed_on() -> None:
    url = "rediss://ann:p%40ss@redis.example:6380/3?wait_replicas=1&ssl_ca_certs=%2Fca.crt"
    assert plain_url(url) == "rediss://ann:p%40ss@redis.example:6380/3?ssl_ca_certs=%2Fca.crt"
    with pytest.raises(StoreUnsuitable, match="is not a Redis URL"), open_copy("redis://h:x").frozen():
        pass


def test_a_replica_is_not_copied(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", extra="--replicaof 127.0.0.1 1").start()
    copy = open_copy(server.url)
    with pytest.raises(StoreUnavailable, match="is a replica: take the backup of its master"), copy.frozen():
        pass
    copy.close()
    server.stop()


async def test_a_redis_that_does_not_answer_is_told() -> None:
    copy = open_copy("redis://127.0.0.1:1")
    with pytest.raises(StoreUnavailable, match=r"Redis at redis://127\.0\.0\.1:1: "), copy.frozen():
        pass
    copy.close()
