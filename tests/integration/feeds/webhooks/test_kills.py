"""The process is killed at every boundary: between answer, note and cursor. Seeded."""

import asyncio
import random
from typing import Any

import pytest

from feeds.reading import SinkFailed
from feeds.webhooks.sink import WebhooksSink
from snapshots.contract import Position
from tests.integration.feeds.webhooks.waiting import hurry
from tests.support.webhook_receiver import Receiver, answering, receiving
from tests.support.webhook_world import Clock, Journal, KilledNotes, settings, sinking

PLAYERS = 4
VERSIONS = 12
LIVES_MAX = 200


def a_journal(chance: random.Random) -> Journal:
    journal = Journal()
    left = [f"p{player}" for player in range(PLAYERS) for _ in range(VERSIONS)]
    chance.shuffle(left)
    for player in left:
        journal.add(player)
    return journal


def flaky(chance: random.Random) -> Any:
    async def script(request: Any, got: Any) -> Any:
        await asyncio.sleep(chance.random() * 0.004)
        return await answering(chance.choice((204, 204, 204, 500)))(request, got)

    return script


async def live(sink: WebhooksSink, journal: Journal, cursor: Position | None, clock: Clock) -> Position | None:
    """One life: takes what follows the cursor and commits now and then, until killed or done. Answers the cursor."""
    chance = random.Random(len(journal.records))
    try:
        for record in journal.after(cursor):
            await sink.take(record)
            if chance.random() < 0.3:
                await asyncio.sleep(0.002)
                cursor = sink.settled().get(journal.shard_id, cursor)
        while any(endpoint.held for endpoint in sink.endpoints.values()):
            sink._ledger.check()
            await hurry(sink, clock, 30)
            await asyncio.sleep(0.002)
        await sink._ledger.flush()
        return sink.settled().get(journal.shard_id, cursor)
    except SinkFailed:
        return cursor


async def lives(receiver: Receiver, journal: Journal, chance: random.Random, **mode: Any) -> None:
    """Life after life, each ended after a few more writes; the last one ends by itself."""
    notes, clock = KilledNotes(), Clock()
    cursor: Position | None = None
    for life in range(LIVES_MAX):
        notes.writes_left = chance.randrange(1, 12) if life < 25 else None
        notes.torn = chance.random() < 0.5
        async with sinking(notes, {"x": settings(receiver.url, **mode)}, clock) as sink:
            endpoint = sink.endpoints["x"]
            endpoint.breaker._open_s = 0.01
            cursor = await live(sink, journal, cursor, clock)
        if notes.writes_left is None:
            return


def first_times(places: list[tuple[int, int]]) -> list[int]:
    """What is left when a consumer drops what is at or below the last version it handled."""
    kept: list[int] = []
    for version, _ in places:
        if not kept or version > kept[-1]:
            kept.append(version)
    return kept


@pytest.mark.parametrize("seed", range(8))
async def test_every_event_arrives_in_order_whenever_the_process_is_killed(seed: int) -> None:
    chance = random.Random(seed)
    journal = a_journal(chance)
    async with receiving(flaky(chance)) as receiver:
        await lives(receiver, journal, chance, mode="every")
        found = {player: first_times(places) for player, places in receiver.places().items()}
    assert found == {f"p{player}": list(range(1, VERSIONS + 1)) for player in range(PLAYERS)}


@pytest.mark.parametrize("seed", range(8))
async def test_the_latest_state_never_goes_backwards_whenever_the_process_is_killed(seed: int) -> None:
    chance = random.Random(100 + seed)
    journal = a_journal(chance)
    async with receiving(flaky(chance)) as receiver:
        await lives(receiver, journal, chance, mode="latest")
        sent = {
            f"p{player}": [got.place for got in receiver.received if got.player_id == f"p{player}"]
            for player in range(PLAYERS)
        }
        accepted = receiver.places()
    for player, places in sent.items():
        assert places == sorted(places)
        assert (VERSIONS, 0) in accepted[player], "the newest state arrived"
