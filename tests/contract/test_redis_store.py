"""What only the Redis backend can show: settings refused at start, SIGKILL of the server, its lost functions."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest
import redis
import uvloop

from engine.facts import Signals, WantedAward
from snapshots.contract import Address, LogHead, Owner, SnapshotRecord, StoredPlayer
from snapshots.errors import Fenced, StoreRefused, StoreUnavailable, StoreUnsuitable
from snapshots.opening import open_store
from snapshots.redis.connection import CONNECTIONS_MAX, LIBRARY
from snapshots.redis.refusals import unavailable
from snapshots.redis.settings import check_settings, masked
from snapshots.redis.store import RedisStore
from tests.support.redis_server import KINDS, RedisServer, free_port

OWNER = Owner("host-1", 100, 5_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    started = RedisServer(tmp_path, appendfsync="always").start()
    yield started
    started.stop()


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    opened = RedisStore(server.url, append_timeout_ms=300)
    await opened.open()
    yield opened
    await opened.close()


async def test_everything_confirmed_survives_a_sigkill_of_redis(server: RedisServer, store: RedisStore) -> None:
    term = await store.take_term()
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    await store.assign(term, {3: "s0"}, {"vip": "s0"})
    head = LogHead()
    for number in range(50):
        head = await store.append(inc, head, b"batch %d" % number)
    await store.put_snapshots(inc, [SnapshotRecord("alice", 5, b"state", b"window")])
    inc = await store.release_slots(inc, term, [3], [], "s1", {"alice": 5})
    routing, records = await store.routing(), await store.read_log(inc.log_id, 0, 100)

    server.kill()
    with pytest.raises(StoreUnavailable):
        await store.append(inc, head, b"one more")
    with pytest.raises(StoreUnavailable):
        await store.load_player("alice")
    server.start()

    assert await store.routing() == routing
    assert await store.read_log(inc.log_id, 0, 100) == records
    assert await store.load_player("alice") == StoredPlayer((SnapshotRecord("alice", 5, b"state", b"window"),), 5)
    assert (await store.append(inc, head, b"one more")).seq == 51


async def test_an_append_without_an_answer_may_be_repeated(server: RedisServer, store: RedisStore) -> None:
    """Redis is frozen while the batch is on its way; it takes it in later. The repeated batch is not a second one."""
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    head = await store.append(inc, LogHead(), b"one")
    signal_server(server, SIGSTOP)
    with pytest.raises(StoreUnavailable, match=r"no answer within 0\.3 s"):
        await store.append(inc, head, b"two")
    signal_server(server, SIGCONT)
    assert (await store.append(inc, head, b"two")).seq == 2
    assert [record.payload for record in await store.read_log(inc.log_id, 0, 10)] == [b"one", b"two"]


@pytest.mark.parametrize(("appendfsync", "horizon_ms"), [("always", 0), ("everysec", 2_000), ("no", 60_000)])
async def test_what_readers_pass_on_waits_for_redis_to_sync(
    server: RedisServer, store: RedisStore, appendfsync: str, horizon_ms: int
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendfsync", appendfsync)
    assert await store.horizon_ms() == horizon_ms


async def test_a_redis_that_keeps_its_settings_to_itself_is_taken_to_sync_once_a_second(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, appendfsync="always", extra="--rename-command CONFIG HIDDEN").start()
    store = RedisStore(server.url)
    await store.open()
    assert await store.horizon_ms() == 2_000
    await store.close()
    server.stop()


async def test_logs_sealed_by_an_older_version_end_where_their_stream_ended(
    server: RedisServer, store: RedisStore
) -> None:
    inc = (await store.claim("s0", OWNER, "n1")).incarnation
    head = LogHead()
    for number in range(5):
        head = await store.append(inc, head, b"batch %d" % number)
    await store.checkpoint(inc, 5, 5)
    await store.claim("s0", OWNER, "n2")
    with redis.Redis.from_url(server.url) as client:
        assert client.hdel("croupier:logmeta:s0-1", "last") == 1
    assert [(log.log_id, log.last_seq) for log in await store.journal_logs()] == [("s0-1", 5), ("s0-2", 0)]


def signal_server(server: RedisServer, signal: int) -> None:
    os.kill(server.pid, signal)


async def test_functions_flushed_by_somebody_are_loaded_again(server: RedisServer, store: RedisStore) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    for write in (lambda: store.append(inc, LogHead(), b"one"), lambda: store.heartbeat(inc)):
        with redis.Redis.from_url(server.url) as client:
            client.function_flush()
        with pytest.raises(StoreUnavailable):
            await write()
        await write()


async def test_the_library_is_loaded_once_and_named_by_its_content(server: RedisServer, store: RedisStore) -> None:
    second = RedisStore(server.url)
    await second.open()
    await second.close()
    with redis.Redis.from_url(server.url) as client:
        assert [library[1].decode() for library in client.function_list()] == [LIBRARY]


async def test_a_full_redis_is_unavailable_not_wrong(server: RedisServer, store: RedisStore) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable, match="OOM"):
            await store.append(inc, LogHead(), b"one")
        client.config_set("maxmemory", 0)
    assert (await store.append(inc, LogHead(), b"one")).seq == 1


async def test_why_redis_refuses_is_told_by_either_connection(server: RedisServer, store: RedisStore) -> None:
    """Appends have a connection of their own; all other calls go through the pool, whose errors have other words."""
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    address = Address("127.0.0.1", 1, None, "host-1")
    with redis.Redis.from_url(server.url) as client:
        for setting, value, before, reason in [
            ("maxmemory", 1, 0, "oom"),
            ("min-replicas-to-write", 1, 0, "noreplicas"),
        ]:
            client.config_set(setting, value)
            for write in (store.append(inc, LogHead(), b"one"), store.serve(inc, address)):
                with pytest.raises(StoreRefused) as refusal:
                    await write
                assert (refusal.value.reason, refusal.value.proved, refusal.value.passes) == (reason, True, False)
            client.config_set(setting, before)
        client.replicaof("127.0.0.1", str(free_port()))
        for write in (store.append(inc, LogHead(), b"one"), store.serve(inc, address)):
            with pytest.raises(StoreRefused) as refusal:
                await write
            assert refusal.value.reason == "readonly"
        client.replicaof("no", "one")
    assert (await store.append(inc, LogHead(), b"one")).seq == 1


async def test_a_key_of_the_wrong_type_refuses_and_writes_nothing(server: RedisServer, store: RedisStore) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    with redis.Redis.from_url(server.url) as client:
        client.set(f"croupier:log:{inc.log_id}", "spoilt")
        before = client.hgetall("croupier:shard:s0")
        with pytest.raises(StoreRefused) as refusal:
            await store.append(inc, LogHead(), b"one", tallies={"points": 1})
        assert (refusal.value.reason, refusal.value.proved) == ("wrongtype", True)
        assert client.hgetall("croupier:shard:s0") == before and not client.exists("croupier:tallies")
        client.delete(f"croupier:log:{inc.log_id}")
    assert (await store.append(inc, LogHead(), b"one")).seq == 1


@pytest.mark.parametrize(
    ("text", "reason", "proved", "passes"),
    [
        ("MISCONF Redis is configured to save RDB snapshots", "misconf", True, False),
        ("NOPERM this user has no permissions", "noperm", True, False),
        ("LOADING Redis is loading the dataset in memory", "loading", True, True),
        ("MASTERDOWN Link with MASTER is down", "masterdown", True, True),
        ("BUSY Redis is busy running a script", "busy", True, True),
        ("ERR something that nobody has seen yet", "other", False, False),
    ],
)
def test_what_a_refusal_of_redis_means(text: str, reason: str, proved: bool, passes: bool) -> None:
    refusal = unavailable(text)
    assert isinstance(refusal, StoreRefused) and text in str(refusal)
    assert (refusal.reason, refusal.proved, refusal.passes) == (reason, proved, passes)


async def test_a_full_redis_still_confirms_the_lease(server: RedisServer, store: RedisStore) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
        assert await store.heartbeat(inc) > 0
        client.config_set("maxmemory", 0)


async def test_a_redis_that_became_a_replica_refuses_appends_and_takes_them_once_it_is_a_master_again(
    server: RedisServer, store: RedisStore
) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", str(free_port()))
        with pytest.raises(StoreUnavailable, match="READONLY"):
            await store.append(inc, LogHead(), b"one")
        assert await store.heartbeat(inc) > 0
        client.replicaof("no", "one")
    assert (await store.append(inc, LogHead(), b"one")).seq == 1
    assert len(await store.read_log("s0-1", 0, 9)) == 1


async def test_a_thousand_loads_at_once_share_a_few_connections(server: RedisServer) -> None:
    store = RedisStore(server.url, call_timeout_ms=30_000)
    await store.open()
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    await store.put_snapshots(inc, [SnapshotRecord(f"p{n}", 1, b"state", b"window") for n in range(1_000)])
    loaded = await asyncio.gather(*(store.load_player(f"p{n}") for n in range(1_000)))
    assert [player.generations[0].player_id for player in loaded] == [f"p{n}" for n in range(1_000)]
    with redis.Redis.from_url(server.url) as client:
        assert len(client.client_list()) <= CONNECTIONS_MAX + 2
    await store.close()


async def test_what_is_of_one_ip_or_device_goes_once_nobody_can_ask_for_it(
    server: RedisServer, store: RedisStore
) -> None:
    signals, now_ms = Signals(ip="203.0.113.7", device="phone"), 1_800_000_000_000
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    await store.see("alice", signals, now_ms, 30)
    await store.reserve(inc, "alice", "c", signals, [WantedAward("w", "r", 2, 2, None, None, None)], None, now_ms)
    days = {"seen:ip:203.0.113.7": 31, "seen:device:phone": 31, "ipbonus:203.0.113.7": 366}
    with redis.Redis.from_url(server.url) as client:
        assert {key: round(client.ttl(f"croupier:{key}") / 86_400) for key in days} == days


def test_appends_work_on_uvloop_too(server: RedisServer) -> None:
    async def play() -> int:
        store = RedisStore(server.url)
        await store.open()
        inc = (await store.claim("s0", OWNER, "n")).incarnation
        head = await store.append(inc, LogHead(), b"one")
        with pytest.raises(Fenced):
            await store.append(inc, LogHead(), b"other")
        await store.close()
        return head.seq

    assert uvloop.run(play()) == 1


async def test_unix_socket_password_and_database_of_the_url(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, extra="--requirepass s3cret").start()
    try:
        for url in (f"redis://:s3cret@127.0.0.1:{server.port}/2", f"unix://:s3cret@{tmp_path}/redis.sock?db=3"):
            store = open_store(url)
            await store.open()
            inc = (await store.claim("s0", OWNER, "n")).incarnation
            assert inc.epoch == 1
            await store.append(inc, LogHead(), b"one")
            with pytest.raises(Fenced):
                await store.append(inc, LogHead(), b"other")
            await store.close()
        wrong = RedisStore(f"redis://:wr0ng@127.0.0.1:{server.port}")
        with pytest.raises(StoreUnsuitable) as refusal:
            await wrong.open()
    finally:
        server.stop()
    assert "password" in str(refusal.value)
    assert "wr0ng" not in str(refusal.value)


async def test_an_unreachable_redis_is_one_sentence() -> None:
    port = free_port()
    with pytest.raises(StoreUnsuitable, match=rf"^Redis at redis://127.0.0.1:{port} can't be used: .*\.$") as refusal:
        await RedisStore(f"redis://:s3cret@127.0.0.1:{port}").open()
    assert "s3cret" not in str(refusal.value)


async def test_a_server_that_never_answers_is_one_sentence() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = RedisStore(f"redis://127.0.0.1:{silent.getsockname()[1]}", call_timeout_ms=200)
        with pytest.raises(StoreUnsuitable, match="can't be used"):
            await store.open()


async def test_a_redis_without_append_only_file_is_refused(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendonly", "no")
    with pytest.raises(StoreUnsuitable, match="set `appendonly yes`"):
        await RedisStore(server.url).open()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_in_cluster_mode_is_refused(kind: str, tmp_path: Path) -> None:
    cluster = f"--cluster-enabled yes --cluster-port {free_port()}"
    server = RedisServer(tmp_path, extra=cluster, kind=kind).start()
    try:
        with pytest.raises(StoreUnsuitable, match="runs in cluster mode"):
            await RedisStore(server.url).open()
    finally:
        server.kill()


GOOD = {"redis_version": "7.0.15", "cluster_enabled": 0, "role": "master", "aof_enabled": 1, "maxmemory": 0}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"redis_version": "6.2.14"}, "has version 6.2.14, but version 7 or newer is needed"),
        ({"cluster_enabled": 1}, "runs in cluster mode"),
        ({"role": "slave"}, "is a replica"),
        ({"aof_enabled": 0}, "set `appendonly yes`"),
        ({"maxmemory": 1_000_000, "maxmemory_policy": "allkeys-lru"}, "set `maxmemory-policy noeviction`"),
    ],
)
def test_settings_that_cant_keep_the_promise(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(StoreUnsuitable, match=sentence):
        check_settings("redis://r", GOOD | change)


@pytest.mark.parametrize(
    "change", [{}, {"redis_version": "10.1.0"}, {"maxmemory": 1_000_000, "maxmemory_policy": "noeviction"}]
)
def test_settings_that_can(change: dict[str, object]) -> None:
    check_settings("redis://r", GOOD | change)


def test_a_url_is_shown_without_its_secrets() -> None:
    assert masked("rediss://user:s3cret@r.example:6380/1?password=s3cret") == "rediss://r.example:6380/1"
