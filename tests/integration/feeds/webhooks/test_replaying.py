"""Replays: by id and by time, of what the archive holds; what operators are told."""

import asyncio
from pathlib import Path
from typing import Any

from engine.commands import Deposit, Register
from feeds.webhooks.archived import ArchiveLookup
from snapshots.archive.place import ArchivePlace
from snapshots.contract import Position
from tests.integration.feeds.webhooks.waiting import settle, take
from tests.support.archiving import Archive, PlayedLog
from tests.support.patience import PATIENCE_S
from tests.support.playing import START_MS
from tests.support.webhook_receiver import receiving
from tests.support.webhook_world import T0, Clock, Journal, KilledNotes, asked, level_changed, settings, sinking

EVERY: dict[str, Any] = {"events": ("LevelChanged", "PlayerBlocked"), "mode": "every"}


async def test_events_are_sent_again_by_id() -> None:
    journal = Journal()
    for _ in range(3):
        journal.add("p-1")
    async with (
        receiving() as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}, lookup=journal) as sink,
    ):
        await take(sink, journal)
        await receiver.until_accepted(3)
        said = await asked(sink, do="replay", endpoint="crm", ids=["p-1-2-0", "p-1-9-0", "nobody-1-0"])
        assert (said["replayed"], said["missing"]) == (1, ["p-1-9-0", "nobody-1-0"])
        await receiver.until_accepted(4)
    assert [got.id for got in receiver.accepted] == ["p-1-1-0", "p-1-2-0", "p-1-3-0", "p-1-2-0"]
    assert receiver.accepted[1].body == receiver.accepted[3].body


async def test_events_are_sent_again_by_time_in_their_order() -> None:
    journal, clock = Journal(), Clock(T0 + 100_000)
    for second in range(10):
        journal.add("p1", level_changed(f"l{second}"), time_ms=T0 + second * 1_000)
    async with (
        receiving() as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}, clock, lookup=journal) as sink,
    ):
        said = await asked(sink, do="replay", endpoint="crm", from_ms=T0 + 3_000, to_ms=T0 + 6_000)
        assert (said["replayed"], said["next_ms"]) == (3, None)
        await receiver.until_accepted(3)
    assert [got.id for got in receiver.accepted] == ["p1-4-0", "p1-5-0", "p1-6-0"]


async def test_a_replay_stops_where_there_is_no_room_and_says_where() -> None:
    journal, clock = Journal(), Clock(T0 + 1_000_000)
    for second in range(150):
        journal.add(f"p{second}", level_changed("l"), time_ms=T0 + second * 1_000)
    async with (
        receiving() as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, owed_max=100, **EVERY)}, clock, lookup=journal) as sink,
    ):
        first = await asked(sink, do="replay", endpoint="crm", from_ms=T0)
        assert (first["replayed"], first["next_ms"]) == (100, T0 + 100_000)
        await receiver.until_accepted(100)
        await settle_all(sink)
        second_said = await asked(sink, do="replay", endpoint="crm", from_ms=first["next_ms"])
        assert (second_said["replayed"], second_said["next_ms"]) == (50, None)
        await receiver.until_accepted(150)
    assert len({got.id for got in receiver.accepted}) == 150


async def settle_all(sink: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while any(endpoint.held for endpoint in sink.endpoints.values()):
            await asyncio.sleep(0.01)


async def test_a_real_archive_is_looked_into(tmp_path: Path) -> None:
    played = PlayedLog()
    records = [played.arrive("alice"), played.batch(played.play("bob", Register("EUR", "FI", "fi")))]
    records.append(played.batch(played.play("alice", Deposit(777))))
    async with Archive(tmp_path) as archive:
        for followed in records:
            await archive.sink.take(followed)
        await archive.until_settled(Position(1, 3))
        await archive.until_stored(3)
        lookup = ArchiveLookup(ArchivePlace(str(tmp_path / "archive")))
        endpoint = {"events": ("DepositMade", "PlayerRegistered"), "mode": "every"}
        async with (
            receiving() as receiver,
            sinking(KilledNotes(), {"crm": settings(receiver.url, **endpoint)}, Clock(START_MS), lookup=lookup) as sink,
        ):
            by_id = await asked(sink, do="replay", endpoint="crm", ids=["alice-4-0"])
            assert by_id["replayed"] == 1, by_id
            await receiver.until_accepted(1)
            await settle_all(sink)
            by_time = await asked(sink, do="replay", endpoint="crm", from_ms=START_MS - 1, to_ms=START_MS + 60_000)
            assert by_time["replayed"] == 4, by_time
            await receiver.until_accepted(5)
    assert receiver.accepted[0].json["data"]["amount"] == 777
    assert b"198.51.100.77" not in b"".join(got.body for got in receiver.accepted), "addresses stay inside"


async def test_what_can_not_be_done_is_said_in_words() -> None:
    async with receiving() as receiver, sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}) as sink:
        assert (await asked(sink, do="test", endpoint="pms"))["detail"] == (
            "There is no endpoint 'pms'; there are: crm."
        )
        odd = await asked(sink, do="replay", endpoint="crm", ids=["p1"])
        assert "<player>-<version>-<n>" in odd["detail"]
        assert (await asked(sink, do="replay", endpoint="crm"))["refused"] == "invalid_request"
        assert (await asked(sink, do="replay", endpoint="crm", from_ms=1))["refused"] == "replay_impossible"
        assert (await asked(sink, do="explode"))["refused"] == "invalid_request"
        await asked(sink, do="disable", endpoint="crm")
        off = await asked(sink, do="replay", endpoint="crm", ids=["p1-1-0"])
        assert "enable it first" in off["detail"]


async def test_a_test_event_is_signed_and_waits_for_nothing() -> None:
    journal = Journal()
    journal.add("p1")
    async with receiving() as receiver, sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}) as sink:
        said = await asked(sink, do="test", endpoint="crm")
        assert (said["outcome"], said["status"]) == ("delivered", 204)
        assert receiver.accepted[0].json["type"] == "com.croupier.WebhookTested.v1"
        await take(sink, journal)
        await receiver.until_accepted(2)
        await settle(sink, journal)
