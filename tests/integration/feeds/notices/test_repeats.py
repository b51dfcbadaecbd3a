"""Notices after a crash, and records that come again: what was sent, and what is forgotten."""

from __future__ import annotations

import pytest

from tests.support.notice_world import (
    World,
    level_changed,
)

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise

BY_SMS = {"level_changed": {"channels": ["sms"], "category": "service"}}


async def test_a_crash_while_a_mail_is_sent_repeats_it_once_with_the_same_id(world: World) -> None:
    world.mail.hold.clear()
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: len(world.mail.attempts) == 1)
        before = dict(world.notes.kept)
        world.mail.hold.set()
        await world.until(lambda: len(world.mail.mails) == 1)
    world.notes.kept = before  # as a crash would have left them: noted before, not after
    async with world.sink():
        await world.until(lambda: len(world.mail.mails) == 2)
        await world.until(lambda: not sending(world))
    first, second = world.mail.mails
    assert first["Message-ID"] == second["Message-ID"]
    world.notes.kept = {key: value.replace(b'"done"', b'"sending"') for key, value in world.notes.kept.items()}
    async with world.sink():
        await world.until(lambda: world.count("email", "unknown") == 1)
    assert len(world.mail.mails) == 2


async def test_a_crash_while_an_sms_is_sent_never_repeats_it(world: World) -> None:
    async with world.sink(kinds=BY_SMS) as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("sms", "sent", "service") == 1)
    world.notes.kept = {key: value.replace(b'"done"', b'"sending"') for key, value in world.notes.kept.items()}
    async with world.sink(kinds=BY_SMS):
        await world.until(lambda: world.count("sms", "unknown", "service") == 1)
    assert len(world.posted) == 1


def sending(world: World) -> list[str]:
    return [key for key, value in world.notes.kept.items() if b'"sending"' in value]


async def test_a_record_that_comes_again_is_told_once(world: World) -> None:
    record = world.happens("p1", level_changed())
    async with world.sink() as sink:
        await sink.take(record)
        await sink.take(record)
        await world.until(lambda: world.count("email", "sent") == 1)
        await sink.take(record)
    async with world.sink() as sink:
        await sink.take(record)
        await sink.take(world.happens("p2", level_changed()))
        await world.until(lambda: world.count("email", "sent") == 2)
    assert len(world.mail.mails) == 2


async def test_what_has_left_is_forgotten_when_its_record_is_passed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.notifications.sink.COMMITTED_AFTER_S", 0.1)
    monkeypatch.setattr("feeds.notifications.sink.FORGET_EVERY_S", 0.1)
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", "sent") == 1)
        assert [key for key in world.notes.kept if key.startswith("owed:")]

        def forgotten() -> bool:
            sink.settled()
            return not [key for key in world.notes.kept if key.startswith("owed:")]

        await world.until(forgotten)
