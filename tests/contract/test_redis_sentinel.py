"""Which server the store goes to when sentinels name it: a majority of all agrees, and the server is a master."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest
import redis

from snapshots.contract import Incarnation, LogHead, Owner
from snapshots.errors import Fenced, StoreRefused, StoreUnavailable, StoreUnsuitable
from snapshots.redis.connection import RedisConnection
from snapshots.redis.endpoint import endpoint_of
from snapshots.redis.settings import check_settings, masked
from snapshots.redis.store import RedisStore
from tests.support.redis_server import RedisServer, free_port

OWNER = Owner("host-1", 100, 5_000)
NOBODY = b"*-1\r\n"
REFUSED = b"-NOAUTH Authentication required.\r\n"


def named(port: int, host: str = "127.0.0.1") -> bytes:
    return b"*2\r\n$%d\r\n%s\r\n$%d\r\n%d\r\n" % (len(host), host.encode(), len(str(port)), port)


@asynccontextmanager
async def sentinels(answers: Sequence[bytes | None]) -> AsyncIterator[str]:
    """Sentinels that answer so, None: never. Yields their hosts as a URL has them."""
    serving: list[asyncio.Task[None] | None] = []

    def scripted(answer: bytes | None) -> asyncio.StreamReaderProtocol:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving.append(asyncio.current_task())
            while data := await reader.read(4_096):
                if answer is not None:
                    writer.write(b"+OK\r\n" * data.count(b"AUTH") + answer)
            writer.close()

        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), serve)

    async with AsyncExitStack() as stack:
        hosts = []
        for answer in answers:
            server = await asyncio.get_running_loop().create_server(lambda a=answer: scripted(a), "127.0.0.1", 0)
            await stack.enter_async_context(server)
            hosts.append(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield ",".join(hosts)
        await asyncio.gather(*filter(None, serving))  # they end when the store has hung up


async def master(answers: Sequence[bytes | None], login: str = "") -> tuple[str, int]:
    async with sentinels(answers) as hosts:
        return await endpoint_of(f"redis+sentinel://{hosts}/house{login}").address()


@pytest.mark.parametrize(
    "answers",
    [
        [named(7), named(7), named(7)],
        [named(7), named(6), named(7)],
        [None, named(7), named(7)],
        [NOBODY, named(7), named(7)],
        [named(7)],
    ],
)
async def test_the_master_is_whom_a_majority_of_all_sentinels_names(answers: Sequence[bytes | None]) -> None:
    assert await master(answers) == ("127.0.0.1", 7)


@pytest.mark.parametrize(
    "answers",
    [
        [named(7), named(6), named(5)],
        [named(7), None, None],
        [named(7), NOBODY, REFUSED],
        [named(7), named(6)],
        [b"*2\r\n$1\r\nx\r\n$4\r\nport\r\n"] * 3,
        [b"not RESP at all\r\n"] * 3,
        [b""] * 3,
    ],
)
async def test_without_a_majority_there_is_no_master(answers: Sequence[bytes | None]) -> None:
    with pytest.raises(StoreUnavailable, match=r"agree on the master of 'house'"):
        await master(answers)


async def test_sentinels_have_a_login_of_their_own() -> None:
    assert await master([named(7)] * 3, "?sentinel_username=watch&sentinel_password=s3cret") == ("127.0.0.1", 7)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("redis+sentinel://one,two,three", "with NAME as the sentinels call the master"),
        ("redis+sentinel://one,,three/house", "with NAME as the sentinels call the master"),
        ("redis+sentinel://one:port/house", "port is not a number"),
        ("redis://one/0?wait_replicas=many", "wait_replicas must be a number"),
    ],
)
async def test_a_url_that_cant_be_read_is_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(StoreUnsuitable, match=sentence):
        await RedisStore(url).open()


def test_everything_a_url_may_say() -> None:
    endpoint = endpoint_of(
        "rediss+sentinel://ops:p%40ss@one,[::1]:7,two:8/house/3?ssl_cert_reqs=none&ssl_check_hostname=false&wait_replicas=1"
    )
    assert endpoint.sentinels is not None and endpoint.sentinels.name == "house"
    assert endpoint.sentinels.hosts == (("one", 26_379), ("::1", 7), ("two", 8))
    settings = endpoint.settings
    assert (settings["username"], settings["password"], settings["db"]) == ("ops", "p@ss", 3)
    assert endpoint.wait_replicas == 1 and endpoint.tls() is not None
    assert masked("redis+sentinel://ops:s3cret@one,two:8/house/3?sentinel_password=s3cret") == (
        "redis+sentinel://one,two:8/house/3"
    )


def test_a_master_that_sentinels_watch_must_stop_when_it_is_cut_off() -> None:
    good = {"redis_version": "7.0.15", "cluster_enabled": 0, "role": "master", "aof_enabled": 1, "maxmemory": 0}
    with pytest.raises(StoreUnsuitable, match="set `min-replicas-to-write 1`"):
        check_settings("redis+sentinel://one/house", good, failover=True)
    check_settings("redis+sentinel://one/house", good | {"min_slaves_good_slaves": 1}, failover=True)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    """A master with a replica."""
    options = "--repl-diskless-sync-delay 0"
    first = RedisServer(tmp_path / "first", extra=options).start()
    second = RedisServer(tmp_path / "second", extra=f"--replicaof 127.0.0.1 {first.port}").start()
    with redis.Redis.from_url(first.url) as client:
        client.config_set("min-replicas-to-write", 1)
        assert client.wait(1, 20_000) == 1
    yield first, second
    first.kill()
    second.kill()


async def appended_by(answers: Sequence[bytes]) -> tuple[asyncio.Server, RedisStore, Incarnation, LogHead]:
    """A sentinel that gives the last of the answers there are by then, and a store that has appended once by it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4_096):
            writer.write(answers[-1])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    store = RedisStore(f"redis+sentinel://127.0.0.1:{server.sockets[0].getsockname()[1]}/house")
    await store.open()
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    head = await store.append(inc, LogHead(), b"one")
    return server, store, inc, head


async def test_appends_and_calls_go_to_the_master_and_follow_it(pair: tuple[RedisServer, RedisServer]) -> None:
    first, second = pair
    ports = [named(first.port)]
    server, store, inc, head = await appended_by(ports)
    with redis.Redis.from_url(first.url) as old, redis.Redis.from_url(second.url) as new:
        ports.append(named(second.port))
        old.execute_command("FAILOVER", "TO", "127.0.0.1", second.port)
        while new.info("replication")["role"] != "master" or not new.info("replication")["connected_slaves"]:
            await asyncio.sleep(0.01)
    while True:  # the first calls meet the old master, are refused, and hang up
        try:
            head = await store.append(inc, head, b"two")
            await store.heartbeat(inc)
            break
        except StoreUnavailable:
            await asyncio.sleep(0.01)
    with redis.Redis.from_url(second.url) as new:
        assert new.xlen(f"croupier:log:{inc.log_id}") == head.seq == 2
    await store.close()
    server.close()


@pytest.mark.parametrize("refusal", ["NOREPLICAS", "OOM"])
async def test_a_master_that_refuses_to_write_is_left_for_the_one_that_the_sentinels_name(
    pair: tuple[RedisServer, RedisServer], refusal: str
) -> None:
    """As in a failover: the old master is told seconds later that it is none any more."""
    first, second = pair
    ports = [named(first.port)]
    server, store, inc, head = await appended_by(ports)
    with redis.Redis.from_url(second.url) as new:
        new.replicaof("NO", "ONE")
    ports.append(named(second.port))
    with redis.Redis.from_url(first.url) as old:
        while old.info("replication")["connected_slaves"]:
            await asyncio.sleep(0.01)
        if refusal == "OOM":
            old.config_set("min-replicas-to-write", 0)
            old.config_set("maxmemory", 1)
    with pytest.raises(StoreUnavailable, match=refusal):
        await store.append(inc, head, b"two")
    assert await store.append(inc, head, b"two")
    with redis.Redis.from_url(second.url) as new, redis.Redis.from_url(first.url) as old:
        assert (new.xlen(f"croupier:log:{inc.log_id}"), old.xlen(f"croupier:log:{inc.log_id}")) == (2, 1)
    await store.close()
    server.close()


async def test_a_server_that_is_named_but_is_no_master_is_not_written_to(
    pair: tuple[RedisServer, RedisServer],
) -> None:
    _, replica = pair
    async with sentinels([named(replica.port)] * 3) as hosts:
        with pytest.raises(StoreUnsuitable, match="no master"):
            await RedisStore(f"redis+sentinel://{hosts}/house").open()


async def test_readers_wait_for_replicas_even_if_every_append_is_synced(
    pair: tuple[RedisServer, RedisServer],
) -> None:
    first, _ = pair
    with redis.Redis.from_url(first.url) as client:
        client.config_set("appendfsync", "always")
    async with sentinels([named(first.port)] * 3) as hosts:
        store = RedisStore(f"redis+sentinel://{hosts}/house")
        await store.open()
        assert await store.horizon_ms() == 2_000
        await store.close()


async def test_readers_are_told_of_no_record_that_only_the_master_has(pair: tuple[RedisServer, RedisServer]) -> None:
    """The next master will not have it: whoever passed it on would have told what never happened."""
    first, second = pair
    async with sentinels([named(first.port)] * 3) as hosts:
        store = RedisStore(f"redis+sentinel://{hosts}/house", call_timeout_ms=4_000)
        await store.open()
        inc = (await store.claim("s0", OWNER, "n")).incarnation
        head = await store.append(inc, LogHead(), b"one")
        assert [log.last_seq for log in await store.journal_logs()] == [1]
        os.kill(second.pid, SIGSTOP)
        await store.append(inc, head, b"two")
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await store.journal_logs()
        os.kill(second.pid, SIGCONT)
        with redis.Redis.from_url(second.url) as replica:
            while replica.xlen(f"croupier:log:{inc.log_id}") < 2:
                await asyncio.sleep(0.01)
        assert [log.last_seq for log in await store.journal_logs()] == [2]
        await store.close()


async def test_an_append_may_wait_for_replicas(pair: tuple[RedisServer, RedisServer]) -> None:
    first, second = pair
    store = RedisStore(f"{first.url}?wait_replicas=1", append_timeout_ms=300)
    await store.open()
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    head = await store.append(inc, LogHead(), b"one")
    with redis.Redis.from_url(second.url) as client:
        assert client.xlen(f"croupier:log:{inc.log_id}") == 1
        client.replicaof("127.0.0.1", str(free_port()))
    with redis.Redis.from_url(first.url) as client:
        client.config_set("min-replicas-to-write", 0)
    with pytest.raises(StoreUnavailable, match="0 of 1 replicas have the append"):
        await store.append(inc, head, b"two")
    with redis.Redis.from_url(second.url) as client:
        client.replicaof("127.0.0.1", str(first.port))
    while True:
        try:
            head = await store.append(inc, head, b"two")
            break
        except StoreUnavailable:
            await asyncio.sleep(0.01)
    assert head.seq == 2 and len(await store.read_log(inc.log_id, 0, 9)) == 2
    await store.close()


async def test_rule_05_a_master_that_is_cut_off_confirms_no_lease(pair: tuple[RedisServer, RedisServer]) -> None:
    """Another one may have been promoted, and the shard have a successor there."""
    first, second = pair
    async with sentinels([named(first.port)] * 3) as hosts:
        store = RedisStore(f"redis+sentinel://{hosts}/house")
        await store.open()
        inc = (await store.claim("s0", OWNER, "n")).incarnation
        assert await store.heartbeat(inc) > 0
        with redis.Redis.from_url(second.url) as client:
            client.replicaof("127.0.0.1", str(free_port()))
        with redis.Redis.from_url(first.url) as client:
            while client.info("replication")["min_slaves_good_slaves"]:
                await asyncio.sleep(0.01)
        with pytest.raises(StoreRefused) as refused:
            await store.heartbeat(inc)
        assert refused.value.reason == "noreplicas"
        await store.close()


async def test_a_refusal_to_wait_does_not_prove_that_nothing_was_written(pair: tuple[RedisServer, RedisServer]) -> None:
    first, _ = pair
    with redis.Redis.from_url(first.url) as client:
        client.acl_setuser("croupier", enabled=True, passwords=["+s3cret"], keys=["*"], commands=["+@all", "-wait"])
    store = RedisStore(f"redis://croupier:s3cret@127.0.0.1:{first.port}?wait_replicas=1")
    await store.open()
    with pytest.raises(StoreRefused) as of_claim:
        await store.claim("s0", OWNER, "n")
    inc = Incarnation("s0", 1, "n", "s0-1")
    with pytest.raises(StoreRefused) as of_append:
        await store.append(inc, LogHead(), b"one")
    assert len(await store.read_log("s0-1", 0, 9)) == 1, "written all the same"
    assert (of_append.value.reason, of_append.value.proved, of_claim.value.proved) == ("noperm", False, False)
    await store.close()


async def test_a_claim_counts_once_a_replica_has_it(pair: tuple[RedisServer, RedisServer]) -> None:
    """Else the replica, once it is the master, would know an owner that is fenced, and not the one that plays."""
    first, second = pair
    async with sentinels([named(first.port)] * 3) as hosts:
        store = RedisStore(f"redis+sentinel://{hosts}/house", call_timeout_ms=400)
        await store.open()
        with redis.Redis.from_url(second.url) as client:
            client.replicaof("127.0.0.1", str(free_port()))
        with redis.Redis.from_url(first.url) as client:
            client.config_set("min-replicas-to-write", 0)
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas have it"):
            await store.claim("s0", OWNER, "n")
        with redis.Redis.from_url(second.url) as client:
            client.replicaof("127.0.0.1", str(first.port))
        claim = None
        while claim is None:
            try:
                claim = await store.claim("s0", OWNER, "n")
            except StoreUnavailable:
                await asyncio.sleep(0.01)
        assert claim.incarnation.epoch == 1, "the same claim, repeated"
        with redis.Redis.from_url(second.url) as client:
            assert client.hget("croupier:shard:s0", "epoch") == b"1"
        with pytest.raises(Fenced):
            await store.assign(99, {}, {})
        await store.close()


async def test_a_store_that_is_not_open_knows_no_server() -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        await RedisConnection("redis+sentinel://one/house").clock_ms()
