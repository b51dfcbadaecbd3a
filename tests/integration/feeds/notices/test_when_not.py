"""Notices that wait, or are not sent: quiet hours, caps, old news."""

from __future__ import annotations

import asyncio

import pytest

from engine import events as e
from tests.support.notice_world import (
    HOUR_MS,
    MORNING_MS,
    World,
    level_changed,
)

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise

WITHDRAWN = {"withdrawal_confirmed": {"channels": ["email"]}}


async def test_quiet_hours_defer_marketing_and_nothing_else(world: World) -> None:
    world.now_ms = MORNING_MS - 3 * HOUR_MS  # 05:30
    kinds = {**WITHDRAWN, "level_changed": {"channels": ["email"]}}
    async with world.sink(kinds=kinds) as sink:
        await sink.take(world.happens("p1", level_changed(), e.WithdrawalConfirmed("w1", 100)))
        await world.until(lambda: world.count("email", "deferred") == 1)
        await world.until(lambda: world.count("email", "sent", "service") == 1)
        world.now_ms += 2 * HOUR_MS + 29 * 60_000
        await asyncio.sleep(0.6)
        assert world.count("email", "sent") == 0
        world.now_ms += 60_000
        await world.until(lambda: world.count("email", "sent") == 1)


async def test_what_is_stale_before_the_quiet_hours_end_is_dropped(world: World) -> None:
    world.now_ms = MORNING_MS - 3 * HOUR_MS
    async with world.sink(kinds={"level_changed": {"channels": ["email"], "stale_h": 2}}) as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", "stale") == 1)


async def test_a_player_gets_no_more_of_a_category_than_its_cap_on_a_day(world: World) -> None:
    categories = {"marketing": {"basis": "marketing", "per_day_max": 2}}
    async with world.sink(categories=categories) as sink:
        for version in range(1, 5):
            await sink.take(world.happens("p1", level_changed(), version=version))
        await sink.take(world.happens("p2", level_changed()))
        await world.until(lambda: world.count("email", "capped") == 2 and world.count("email", "sent") == 3)
    async with world.sink(categories=categories) as sink:
        await sink.take(world.happens("p1", level_changed(), version=5))
        await world.until(lambda: world.count("email", "capped") == 3)
        world.now_ms += 24 * HOUR_MS
        await sink.take(world.happens("p1", level_changed(), version=6))
        await world.until(lambda: world.count("email", "sent") == 4)


async def test_nothing_stays_of_players_who_are_told_nothing_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COMMITTED_AFTER_S", "FORGET_EVERY_S", "FORGET_COUNTS_EVERY_S"):
        monkeypatch.setattr(f"feeds.notifications.sink.{name}", 0.05)
    monkeypatch.setattr("feeds.notifications.caps.PAGE", 1)
    async with world.sink() as sink:
        for player_id in ("p1", "p2", "p3"):
            await sink.take(world.happens(player_id, level_changed()))
        await world.until(lambda: world.count("email", "sent") == 3)
        world.now_ms += 24 * HOUR_MS
        await sink.take(world.happens("p3", level_changed(), version=2))
        await world.until(lambda: world.count("email", "sent") == 4)
        sink.settled()
        await asyncio.sleep(0.2)
        assert len([key for key in world.notes.kept if key.startswith("count:")]) == 3, "a day may last elsewhere"
        world.now_ms += 24 * HOUR_MS

        def forgotten() -> bool:
            sink.settled()
            return len(world.notes.kept) == 1 and b"p3" in next(iter(world.notes.kept.values()))

        await world.until(forgotten)


async def test_a_first_reading_of_an_old_journal_tells_nobody_old_news(world: World) -> None:
    record = world.happens("p1", level_changed())
    world.now_ms += 25 * HOUR_MS
    async with world.sink() as sink:
        await sink.take(record)
        assert world.count("email", "stale") == 1
    assert world.notes.kept == {}
