"""Mode `latest`: after an outage only the newest state of a player goes out, and none that is older than one before."""

import asyncio
import json
from typing import Any

from engine import events as e
from tests.integration.feeds.webhooks.waiting import hurry, settle, take, until_rests
from tests.support.patience import PATIENCE_S
from tests.support.webhook_receiver import answering, receiving
from tests.support.webhook_world import Clock, Journal, KilledNotes, asked, level_changed, settings, sinking


async def test_after_an_outage_only_the_newest_state_of_each_kind_goes_out() -> None:
    clock, journal = Clock(), Journal()
    journal.add("p1", level_changed("silver"))
    journal.add("p1", e.PlayerBlocked("fraud"))
    journal.add("p1", level_changed("gold"))
    journal.add("p1", e.PlayerUnblocked("cleared"))
    journal.add("p1", level_changed("platinum"))
    async with (
        receiving(answering(500)) as receiver,
        sinking(KilledNotes(), {"pms": settings(receiver.url)}, clock) as sink,
    ):
        await take(sink, journal)
        await settle(sink, journal)
        await receiver.until(lambda: len(receiver.received) == 1)
        await until_rests(sink)
        receiver.script = answering(204)
        await hurry(sink, clock, 6)
        await receiver.until_accepted(2)
        told = [(got.place, got.json["data"].get("new"), got.json["data"]["superseded"]) for got in receiver.accepted]
        assert told == [((4, 0), None, 1), ((5, 0), "platinum", 2)]
        await until_rests(sink)
        assert (await asked(sink, do="list"))["endpoints"][0]["owed"] == 0


async def test_a_newer_state_overtakes_the_one_that_just_failed() -> None:
    clock, journal = Clock(), Journal()
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def script(request: Any, got: Any) -> Any:
        arrived.set()
        await go_on.wait()
        return await answering(500 if got.place == (1, 0) else 204)(request, got)

    async with (
        receiving(script) as receiver,
        sinking(KilledNotes(), {"pms": settings(receiver.url)}, clock) as sink,
    ):
        await sink.take(journal.add("p1"))
        await arrived.wait()
        await sink.take(journal.add("p1"))
        await settle(sink, journal)
        go_on.set()
        await receiver.until(lambda: len(receiver.received) == 1)
        await until_rests(sink)
        await hurry(sink, clock, 6)
        await receiver.until_accepted(1)
        assert [(got.place, got.json["data"]["superseded"]) for got in receiver.accepted] == [((2, 0), 1)]
        assert [got.place for got in receiver.received] == [(1, 0), (2, 0)]


async def test_a_restart_before_the_cursor_moved_sends_nothing_older() -> None:
    journal, notes = Journal(), KilledNotes()
    for _ in range(3):
        journal.add("p1")
    async with receiving() as receiver:
        for _ in range(2):
            async with sinking(notes, {"pms": settings(receiver.url)}) as sink:
                await take(sink, journal)
                await receiver.until(lambda: receiver.accepted[-1:] != [] and receiver.accepted[-1].place == (3, 0))
                await settle(sink, journal)
                await until_rests(sink)
                await asyncio.sleep(0.05)
        places = receiver.places()["p1"]
        assert places == sorted(places)


async def test_what_was_sent_is_forgotten_when_the_cursor_has_passed_it(monkeypatch: Any) -> None:
    monkeypatch.setattr("feeds.webhooks.sink.COMMITTED_AFTER_S", 0.0)
    monkeypatch.setattr("feeds.webhooks.sink.TOLD_EVERY_S", 0.0)
    journal, notes = Journal(), KilledNotes()
    journal.add("p1")
    async with receiving() as receiver, sinking(notes, {"pms": settings(receiver.url)}) as sink:
        await take(sink, journal)
        await receiver.until_accepted(1)
        async with asyncio.timeout(PATIENCE_S):
            while notes.under("sent/") + notes.under("owed/"):
                sink.settled()
                await asyncio.sleep(0.01)
        assert notes.under("") == ["endpoint/pms"]


async def test_a_replay_can_not_take_it_backwards() -> None:
    async with receiving() as receiver, sinking(KilledNotes(), {"pms": settings(receiver.url)}) as sink:
        refused = await asked(sink, do="replay", endpoint="pms", ids=["p1-1-0"])
    assert refused["refused"] == "replay_impossible"
    assert "latest state only" in refused["detail"]


def test_superseded_stays_inside_the_data() -> None:
    from feeds.webhooks.messages import Message

    body = json.loads(Message("p1", 2, 0, "LevelChanged", 0, b'{"player_id":"p1"}', superseded=3).body())
    assert body["data"] == {"player_id": "p1", "superseded": 3}
