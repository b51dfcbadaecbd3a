"""What is about to end: bonuses and points."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from engine import events as e
from tests.support.notice_world import (
    HOUR_MS,
    MORNING_MS,
    World,
    bonus_granted,
    words,
)

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise


EXPIRING = {"bonus_expiring": {"channels": ["email"], "before_h": 48}}


async def test_a_bonus_is_told_before_it_expires_also_after_a_restart(world: World) -> None:
    until_ms = MORNING_MS + 240 * HOUR_MS
    async with world.sink(kinds=EXPIRING) as sink:
        await sink.take(world.happens("p1", bonus_granted(until_ms)))
        assert world.count("email", "sent") == 0
    world.now_ms = until_ms - 48 * HOUR_MS - 1_000
    async with world.sink(kinds=EXPIRING):
        await asyncio.sleep(0.6)
        assert world.count("email", "sent") == 0
        world.now_ms += 1_000
        await world.until(lambda: world.count("email", "sent") == 1)
    [mail] = world.mail.mails
    assert mail["Subject"] == "Welcome ends"
    assert words(mail) == "10.00 EUR until 2026-03-11 08:30"


@pytest.mark.parametrize(
    "end",
    [
        e.BonusRedeemed("g1", "welcome", 900, 100),
        e.GrantCancelled("g1", "welcome", 1_000, "withdrawal"),
        e.GrantExhausted("g1", "welcome"),
    ],
)
async def test_a_bonus_that_has_ended_is_not_about_to_expire(world: World, end: e.AnyEvent) -> None:
    until_ms = MORNING_MS + 240 * HOUR_MS
    async with world.sink(kinds=EXPIRING) as sink:
        await sink.take(world.happens("p1", bonus_granted(until_ms)))
        await sink.take(world.happens("p1", end, version=2))
        assert world.notes.kept == {}
        world.now_ms = until_ms - HOUR_MS
        await asyncio.sleep(0.6)
    assert world.mail.attempts == []


@pytest.mark.parametrize("together", [False, True], ids=["in records of their own", "in one record"])
async def test_a_bonus_that_a_rollback_reopened_is_about_to_expire_again(world: World, together: bool) -> None:
    until_ms = MORNING_MS + 240 * HOUR_MS
    end = e.BonusRedeemed("g1", "welcome", 900, 100)
    reopened = e.GrantReopened("g1", 900, 700, "in_wager", "welcome", until_ms)
    async with world.sink(kinds=EXPIRING) as sink:
        await sink.take(world.happens("p1", bonus_granted(until_ms)))
        for number, events in enumerate([(end, reopened)] if together else [(end,), (reopened,)], start=2):
            await sink.take(world.happens("p1", *events, version=number))
        world.now_ms = until_ms - 47 * HOUR_MS
        await world.until(lambda: world.count("email", "sent") == 1)
    assert words(world.mail.mails[0]).endswith(" EUR until 2026-03-11 08:30")


async def test_a_bonus_that_ends_in_the_quiet_hours_is_not_told_in_the_morning(world: World) -> None:
    night_ms = MORNING_MS + 237 * HOUR_MS  # 05:30
    async with world.sink(kinds=EXPIRING) as sink:
        await sink.take(world.happens("p1", bonus_granted(night_ms + 48 * HOUR_MS)))
        world.now_ms = night_ms
        await world.until(lambda: world.count("email", "deferred") == 1)
        await sink.take(world.happens("p1", e.GrantExhausted("g1", "welcome"), version=2))
        assert world.count("email", "ended") == 1
        world.now_ms += 4 * HOUR_MS
        await asyncio.sleep(0.6)
    assert world.mail.attempts == []


async def test_watching_has_a_limit(world: World) -> None:
    async with world.sink(kinds=EXPIRING, timers_max=2) as sink:
        for number in range(4):
            await sink.take(world.happens(f"p{number}", bonus_granted(MORNING_MS + 240 * HOUR_MS)))
    assert len(world.notes.kept) == 2
    assert world.count("any", "no_room") == 2


async def test_points_are_told_when_the_engine_says_that_they_expire(world: World) -> None:
    kinds = {"points_expiring": {"channels": ["email"], "before_h": 240}}
    standing = {"player_id": "p1", "points": {"available": 1_200, "locked": 0}, "points_expire_at": None}
    expires = "2026-04-01T00:00:00Z"
    async with world.sink(kinds=kinds, engine={"url": world.url}) as sink:
        world.loyalty["p1"] = standing | {"points_expire_at": expires}
        await sink.take(world.happens("p1", e.PointsAdjusted(1_200_000_000, "thanks")))
        world.now_ms += 24 * HOUR_MS
        await world.until(lambda: looks_again_at(world, "2026-03-22T00:00:00+00:00"))
        world.now_ms += 19 * 24 * HOUR_MS
        await asyncio.sleep(0.6)
        assert len(world.asked) == 1  # the engine told when to look again
        world.now_ms += 48 * HOUR_MS
        await world.until(lambda: world.count("email", "sent") == 1)
    [mail] = world.mail.mails
    assert words(mail) == "1200 until 2026-04-01 00:00"


async def test_points_of_a_player_who_has_played_are_not_about_to_expire(world: World) -> None:
    kinds = {"points_expiring": {"channels": ["email"], "before_h": 240}}
    points = {"available": 1_200}
    async with world.sink(kinds=kinds, engine={"url": world.url}) as sink:
        world.loyalty["p1"] = {"points": points, "points_expire_at": "2026-04-01T00:00:00Z"}
        await sink.take(world.happens("p1", e.PointsAdjusted(1_200_000_000, "thanks")))
        world.now_ms += 24 * HOUR_MS
        await world.until(lambda: looks_again_at(world, "2026-03-22T00:00:00+00:00"))
        world.loyalty["p1"] = {"points": points, "points_expire_at": "2026-05-01T00:00:00Z"}
        world.now_ms += 21 * 24 * HOUR_MS
        await world.until(lambda: looks_again_at(world, "2026-04-21T00:00:00+00:00"))
        await sink.take(world.happens("p1", e.PointsExpired(1), version=2))
        assert world.notes.kept == {}
    assert world.mail.attempts == []


def looks_again_at(world: World, when: str) -> bool:
    due = b'"p1":%d' % round(datetime.fromisoformat(when).timestamp() * 1_000)
    return any(due in value for value in world.notes.kept.values())
