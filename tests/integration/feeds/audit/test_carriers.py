"""A checkpoint arrives, as it is, at each kind of destination; one that fails is told in words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook

from feeds.audit.publishing.carriers import Undelivered, carrier
from feeds.audit.publishing.settings import Destination
from feeds.audit.signed import Signed
from snapshots.audit.notes import Signer
from tests.support.kafka import mock_kafka
from tests.support.notice_world import MailServer
from tests.support.webhook_receiver import Receiver, answering, receiving

SECRET = "whsec_" + "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g="
NOTE = Signer(bytes(32), "casino.example/log").sign(7, bytes(32))
SIGNED = Signed("checkpoints/2026/11/28/end-000000000007.note", 7, NOTE, True)


def destination(**settings: Any) -> Destination:
    return msgspec.convert(settings, Destination)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


async def test_a_bucket_has_it_under_its_name(tmp_path: Path) -> None:
    taken = carrier(destination(bucket={"url": str(tmp_path)}))
    await taken.carry(SIGNED)
    await taken.carry(SIGNED)
    assert (tmp_path / SIGNED.name).read_text() == NOTE
    (tmp_path / SIGNED.name).write_text("other")
    with pytest.raises(Undelivered, match="holds something else"):
        await taken.carry(SIGNED)
    await taken.close()


async def test_an_endpoint_gets_it_signed(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    hook = {"url": receiver.url, "secrets": [{"env": "HOOK"}], "allow_http": True, "networks": ["127.0.0.0/8"]}
    taken = carrier(destination(webhook=hook))
    await taken.carry(SIGNED)
    [got] = receiver.accepted
    headers = {name.lower(): value for name, value in got.headers.items()}
    body = Webhook(SECRET).verify(got.body, headers)
    assert (got.id, body["type"]) == (SIGNED.name, "audit.checkpoint")
    assert body["data"] == {"name": SIGNED.name, "size": 7, "checkpoint": NOTE, "ends_day": True}
    receiver.script = answering(500)
    with pytest.raises(Undelivered, match="500"):
        await taken.carry(SIGNED)
    await taken.close()


async def test_a_mail_has_the_note_in_it() -> None:
    server = MailServer()
    await server.start()
    sending = {"host": "127.0.0.1", "port": server.port, "tls": "none", "sender": "audit@casino.example"}
    taken = carrier(destination(mail={"server": sending, "to": ["ann@firm.example", "bob@firm.example"]}))
    try:
        await taken.carry(SIGNED)
    finally:
        await taken.close()
        await server.stop()
    assert [mail["To"] for mail in server.mails] == ["ann@firm.example", "bob@firm.example"]
    assert NOTE in server.mails[0].get_content().replace("\r\n", "\n")
    with pytest.raises(Undelivered):
        await taken.carry(SIGNED)


async def test_a_topic_has_it_under_its_origin() -> None:
    with mock_kafka(brokers=1) as cluster:
        cluster.create_topic("checkpoints", 1)
        taken = carrier(destination(topic={"brokers": [cluster.bootstrap_servers], "topic": "checkpoints"}))
        await taken.carry(SIGNED)
        [message] = cluster.read(["checkpoints"])
        await taken.close()
    assert (message.key(), message.value()) == (b"casino.example/log", NOTE.encode())
    assert message.headers() == [("name", SIGNED.name.encode())]
