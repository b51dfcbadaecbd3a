"""`croupier integrations check --connect` against real sockets: what works, and what does not and why."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from aiohttp import web
from moto.server import ThreadedMotoServer

from croupier.cli import main
from croupier.integrations import connecting
from feeds.integrations import Integrations
from tests.support.kafka import MockKafka
from tests.support.notice_world import MailServer
from tests.support.redis_server import free_port

UNSUBSCRIBE = {"url": "https://casino.example/u?p={player}&t={token}", "key": {"env": "HOOK_SECRET"}}
EVENT_TOPICS = [f"croupier.{family}" for family in ("account", "bets", "bonus", "loyalty", "money")]


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    cluster = MockKafka(1)
    yield cluster
    cluster.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "TIMEOUT_S", 2.0)
    monkeypatch.setenv("HOOK_SECRET", "whsec_c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g=")


def check(folder: Path, capsys: pytest.CaptureFixture[str], **sections: Any) -> tuple[int, list[str]]:
    """Exit code and lines after the first, which says that the file is fine."""
    path = folder / "integrations.yaml"
    path.write_text(yaml.safe_dump(sections))
    code = main(["integrations", "check", str(path), "--connect"])
    return code, capsys.readouterr().out.splitlines()[1:]


def endpoint(port: int, **more: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/hook"
    return {"endpoints": {"pms": {"url": url, "secrets": [{"env": "HOOK_SECRET"}], "allow_http": True, **more}}}


class Listening:
    """A server that accepts connections and counts the bytes that come."""

    def __enter__(self) -> "Listening":
        import socketserver
        import threading

        received = self.received = list[bytes]()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                received.append(self.request.recv(100))

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def closing_to(folder: Path) -> dict[str, object]:
    return {
        "report": "daily-closing",
        "cron": "30 6 * * *",
        "period": "previous_day",
        "place": {"url": str(folder)},
    }


def test_all_that_answers_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], kafka: MockKafka) -> None:
    for topic in (*EVENT_TOPICS, "payments", "payments.dead-letters"):
        kafka.create_topic(topic, 3)
    brokers = kafka.bootstrap_servers.split(",")
    with Listening() as server:
        code, lines = check(
            tmp_path,
            capsys,
            archive={"place": {"url": str(tmp_path / "a")}, "spool": str(tmp_path / "s"), "key_file": "k"},
            bus={"brokers": brokers},
            bus_in={
                "brokers": brokers,
                "first_start": "latest",
                "topics": [{"name": "payments", "types": ["com.croupier.Deposit.v1"]}],
            },
            webhooks=endpoint(server.port, networks=["127.0.0.0/8"]),
            reports={"schedules": {"closing": closing_to(tmp_path / "r")}},
        )
    assert code == 0
    assert lines[0] == f"archive at {tmp_path / 'a'}: folder and spool can be written"
    assert "croupier.bets (3 partitions)" in lines[1]
    assert "payments.dead-letters (3 partitions)" in lines[2]
    assert lines[3].endswith("127.0.0.1 accepts connections; nothing was sent")
    assert lines[4] == f"scheduled report closing to {tmp_path / 'r'}: the folder can be written"
    assert server.received == [b""]
    assert not (tmp_path / "a").exists()


def test_a_topic_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], kafka: MockKafka) -> None:
    for topic in EVENT_TOPICS[:-1]:
        kafka.create_topic(topic)
    code, lines = check(tmp_path, capsys, bus={"brokers": kafka.bootstrap_servers.split(",")})
    assert code == 1
    assert lines[0].endswith("FAILED: the brokers answer, but have no topic croupier.money")


def test_what_does_not_answer_is_told_within_the_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = tmp_path / "file" / "spool"
    code, lines = check(
        tmp_path,
        capsys,
        bus={"brokers": [f"127.0.0.1:{free_port()}"]},
        webhooks=endpoint(free_port(), networks=["127.0.0.0/8"]),
        archive={"place": {"url": str(tmp_path / "a")}, "spool": str(spool), "key_file": "k"},
    )
    assert code == 1
    assert f"FAILED: {spool} can't be written: {spool.parent} is no folder" in lines[0]
    assert "FAILED: no broker answers: " in lines[1] and "Connection refused" in lines[1]
    assert "FAILED: " in lines[2] and "Connect call failed" in lines[2]


def bucket(folder: Path, endpoint: str) -> dict[str, Any]:
    """One that no other test makes: all servers of moto in a process have the same buckets."""
    keys = {name: {"env": "BUCKET_KEY"} for name in ("access_key_id", "secret_access_key")}
    place = {"url": "s3://linked/casino", "endpoint": endpoint, **keys}
    return {"place": place, "spool": str(folder / "spool"), "key_file": "k"}


def test_a_bucket_answers_or_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    monkeypatch.setenv("BUCKET_KEY", "not-shown")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        assert check(tmp_path, capsys, archive=bucket(tmp_path, address))[0] == 1
        client: Any = boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="not-shown",
            aws_secret_access_key="not-shown",
        )
        client.create_bucket(Bucket="linked")
        code, lines = check(tmp_path, capsys, archive=bucket(tmp_path, address))
        assert (code, lines) == (
            0,
            ["archive at s3://linked/casino: the bucket answers (nothing is archived yet); the spool can be written"],
        )
    finally:
        server.stop()
    code, lines = check(tmp_path, capsys, archive=bucket(tmp_path, address))
    assert code == 1 and "FAILED" in lines[0] and "not-shown" not in lines[0]


def test_an_address_that_deliveries_may_not_reach_is_not_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Listening() as server:
        code, lines = check(tmp_path, capsys, webhooks=endpoint(server.port))
    assert code == 1
    assert lines[0].endswith("FAILED: 127.0.0.1 is not a public address, nor in the endpoint's networks")
    assert server.received == []


class Platform:
    """A PAM that knows nobody, and answers 401 without the token; and a mail server."""

    async def __aenter__(self) -> "Platform":
        app = web.Application()
        app.router.add_get("/api/players/{id}/contact", self._contact)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.pam = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/api"
        self.mail = MailServer()
        await self.mail.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self.mail.stop()

    async def _contact(self, request: web.Request) -> web.Response:
        return web.Response(status=404 if request.headers.get("authorization") == "Bearer right" else 401)


async def tried(platform: Platform, port: int) -> list[str]:
    kinds = {"level_changed": {"channels": ["email"]}}
    mail = {"host": "127.0.0.1", "port": port, "sender": "no-reply@casino.example", "tls": "none"}
    pam = {"url": platform.pam, "bearer": {"env": "PAM_TOKEN"}}
    section = {"pam": pam, "product": "casino", "catalog": "catalog", "kinds": kinds, "mail": mail}
    found = msgspec.convert({"notices": section | {"unsubscribe": UNSUBSCRIBE}}, Integrations)
    return [str(attempt).partition(": ")[2] for attempt in await connecting.try_all(found)]


async def test_the_pam_and_the_mail_server_answer_or_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Platform() as platform:
        monkeypatch.setenv("PAM_TOKEN", "right")
        assert await tried(platform, platform.mail.port) == [
            "it answers, and knows no player croupier-check",
            "it accepts this client; nothing was sent",
        ]
        monkeypatch.setenv("PAM_TOKEN", "wrong")
        pam, mail = await tried(platform, free_port())
        assert pam == "FAILED: pam answers 401"
        assert mail.startswith("FAILED: ") and "onnect" in mail
        assert platform.mail.attempts == []


async def test_one_that_hangs_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs() -> str:
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(connecting, "TIMEOUT_S", -1.9)
    attempt = await connecting._attempt("something", hangs())
    assert attempt.failure is not None and attempt.failure.startswith("no answer within")
