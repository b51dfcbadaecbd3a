"""Webhooks on real sockets: what is delivered, signed how, in which order, when endpoints misbehave."""

import asyncio
import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from engine import events as e
from feeds.webhooks.sink import real_ms
from tests.integration.feeds.webhooks.waiting import hurry, settle, take, until_rests
from tests.support.webhook_receiver import (
    answering,
    receiving,
)
from tests.support.webhook_world import (
    SECRET,
    Clock,
    Journal,
    KilledNotes,
    asked,
    level_changed,
    settings,
    sinking,
)

EVERY = {"events": ("LevelChanged", "PlayerBlocked", "PlayerUnblocked", "DepositMade"), "mode": "every"}


async def test_an_event_arrives_signed_as_the_standard_asks() -> None:
    journal = Journal()
    journal.add("p1", level_changed("gold"))
    async with (
        receiving() as receiver,
        sinking(KilledNotes(), {"pms": settings(receiver.url)}, Clock(real_ms())) as sink,
    ):
        await take(sink, journal)
        await receiver.until_accepted(1)
        [got] = receiver.received
        await settle(sink, journal)
    assert got.headers["webhook-id"] == "p1-1-0"
    told = Webhook(SECRET).verify(got.body, dict(got.headers))
    assert told["type"] == "com.croupier.LevelChanged.v1"
    assert told["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert (told["data"]["player_id"], told["data"]["new"]) == ("p1", "gold")
    assert set(told) == {"type", "timestamp", "data"}


async def test_during_a_rotation_old_and_new_secrets_both_prove_the_request() -> None:
    private = Ed25519PrivateKey.generate()
    other = "whsec_" + base64.b64encode(b"another secret of 32 bytes......").decode()
    key = "whsk_" + base64.b64encode(private.private_bytes_raw()).decode()
    journal = Journal()
    journal.add("p1")
    async with (
        receiving() as receiver,
        sinking(KilledNotes(), {"pms": settings(receiver.url)}, Clock(real_ms()), (SECRET, other, key)) as sink,
    ):
        await take(sink, journal)
        await receiver.until_accepted(1)
        [got] = receiver.received
    headers = dict(got.headers)
    assert Webhook(SECRET).verify(got.body, headers) == Webhook(other).verify(got.body, headers)
    [signature] = [part[4:] for part in headers["webhook-signature"].split(" ") if part.startswith("v1a,")]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + got.body
    private.public_key().verify(base64.b64decode(signature), signed)


async def test_every_event_arrives_in_the_order_of_its_player() -> None:
    journal = Journal()
    for turn in range(30):
        for player in ("p1", "p2", "p3"):
            journal.add(player, e.DepositMade(f"d{turn}", 100, turn + 1))
    async with receiving() as receiver, sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}) as sink:
        await take(sink, journal)
        await receiver.until_accepted(90)
        await settle(sink, journal)
    assert all(places == [(v, 0) for v in range(1, 31)] for places in receiver.places().values())
    assert len(receiver.places()) == 3


async def test_a_failed_player_waits_alone() -> None:
    async def script(request: Any, got: Any) -> Any:
        return await answering(400 if got.player_id == "p1" else 204)(request, got)

    journal, notes = Journal(), KilledNotes()
    for _ in range(5):
        for player in ("p1", "p2"):
            journal.add(player)
    async with receiving(script) as receiver, sinking(notes, {"crm": settings(receiver.url, **EVERY)}) as sink:
        await take(sink, journal)
        await receiver.until_accepted(5)
        await settle(sink, journal)
        assert receiver.places() == {"p2": [(v, 0) for v in range(1, 6)]}
        assert [got.id for got in receiver.received if got.player_id == "p1"] == ["p1-1-0"]
        assert len(notes.under("owed/crm/p1/")) == 5


async def test_attempts_follow_the_schedule_and_a_refused_event_is_given_up_at_last() -> None:
    clock, journal, notes = Clock(), Journal(), KilledNotes()
    journal.add("p1")
    journal.add("p1")
    waits_s = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]

    async def script(request: Any, got: Any) -> Any:
        return await answering(422 if got.place == (1, 0) else 204)(request, got)

    async with receiving(script) as receiver, sinking(notes, {"crm": settings(receiver.url, **EVERY)}, clock) as sink:
        await take(sink, journal)
        await settle(sink, journal)
        for attempts, wait_s in enumerate(waits_s, 1):
            await receiver.until(lambda n=attempts: len(receiver.received) == n)
            await until_rests(sink)
            await hurry(sink, clock, wait_s * 0.99)
            await asyncio.sleep(0.05)
            assert len(receiver.received) == attempts
            await hurry(sink, clock, wait_s * 0.12)
        await receiver.until_accepted(1)
        assert [got.id for got in receiver.received] == ["p1-1-0"] * 10 + ["p1-2-0"]
        assert (await asked(sink, do="list"))["endpoints"][0]["dead"] == 1
        assert (await asked(sink, do="replay", endpoint="crm", ids=["p1-1-0"]))["replayed"] == 1
        receiver.script = answering(204)
        await receiver.until_accepted(2)
    assert receiver.accepted[-1].id == "p1-1-0"
