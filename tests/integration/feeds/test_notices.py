"""Notices to players, from the journal to a real mail server, a real HTTP service behind Apprise, and a platform."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from engine import events as e
from feeds.notifications.owed import Owed
from feeds.notifications.words.wording import Wording, wording
from feeds.reading import SinkFailed
from snapshots.records import Position
from tests.support.notice_world import (
    CONTACT,
    GERMAN,
    HOUR_MS,
    MORNING_MS,
    World,
    bonus_granted,
    level_changed,
    notice_world,
)

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise

WITHDRAWN = {"withdrawal_confirmed": {"channels": ["email"]}}
BY_SMS = {"level_changed": {"channels": ["sms"], "category": "service"}}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with notice_world(tmp_path) as made:
        yield made


def words(part: Message | None) -> str:
    """The text of a mail, or of a part of it."""
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content.rstrip()


async def test_a_new_level_is_told_by_mail(world: World) -> None:
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        assert sink.settled() == {"s0": Position(1, 1)}
        await world.until(lambda: world.count("email", "sent") == 1)
    [mail] = world.mail.mails
    assert mail["To"] == "anna@players.example"
    assert mail["Subject"] == "You are Gold now"
    plain, html = mail.iter_parts()
    assert words(plain).startswith("Hello p1, silver became Gold.")
    assert words(html) == "<p>Gold</p>"


@pytest.mark.parametrize("reason", ["reversal", "ladder_changed"])
async def test_a_level_that_was_only_corrected_is_not_told(world: World, reason: str) -> None:
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed(reason=reason)))
        await sink.take(world.happens("p2", level_changed(reason="play")))
        await world.until(lambda: world.count("email", "sent") == 1)
    assert world.notes.kept.keys() == {key for key in world.notes.kept if "p2" in key or key.startswith("count:")}


async def test_marketing_mail_can_be_stopped_by_one_click(world: World) -> None:
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", "sent") == 1)
    [mail] = world.mail.mails
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>")
    asked = parse_qs(urlsplit(link).query)
    token = hmac.new(b"unguessable", b"p1\nemail\nmarketing", "sha256").hexdigest()
    assert asked == {"p": ["p1"], "t": [token]}
    assert link in words(mail.get_body(("plain",)))


async def test_a_service_notice_has_no_unsubscribe_link_and_needs_no_consent(world: World) -> None:
    world.contacts["p1"] = CONTACT | {"consents": {}, "blocked": True}
    async with world.sink(kinds=WITHDRAWN) as sink:
        await sink.take(world.happens("p1", e.WithdrawalConfirmed("w1", 123_456)))
        await world.until(lambda: world.count("email", "sent", "service") == 1)
    [mail] = world.mail.mails
    assert mail["List-Unsubscribe"] is None
    assert words(mail) == "1234.56 EUR is on its way"


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({"consents": {"casino": {"email": False, "sms": True}}}, "no_consent"),
        ({"consents": {"sports": {"email": True}}}, "no_consent"),
        ({"blocked": True}, "blocked"),
        ({"excluded": True}, "blocked"),
        ({"addresses": {"sms": "+49"}}, "no_address"),
        ({"addresses": {"email": "a@b.example\r\nBcc: c@d.example"}}, "no_address"),
        ({"consents": "all"}, "no_answer"),
    ],
)
async def test_marketing_goes_to_nobody_who_may_not_get_it(
    world: World, changed: dict[str, object], outcome: str
) -> None:
    world.contacts["p1"] = CONTACT | changed
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", outcome) == 1)
    assert world.mail.attempts == []


@pytest.mark.parametrize("answer", [0, 500, 302, 404])
async def test_a_platform_that_does_not_answer_is_no_consent(world: World, answer: int) -> None:
    world.contacts["p1"] = answer
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", "no_contact" if answer == 404 else "no_answer") == 1)
    assert world.mail.attempts == []


async def test_a_service_notice_waits_for_the_platform_and_is_dropped_when_it_is_stale(world: World) -> None:
    world.contacts |= {"p1": 503, "p2": 503}
    async with world.sink(kinds={"withdrawal_confirmed": {"channels": ["email"], "stale_h": 1}}) as sink:
        await sink.take(world.happens("p1", e.WithdrawalConfirmed("w1", 100)))
        await world.until(lambda: world.count("email", "retried", "service") == 1)
        world.contacts["p1"] = CONTACT
        world.now_ms += 60_000
        await world.until(lambda: world.count("email", "sent", "service") == 1)
        await sink.take(world.happens("p2", e.WithdrawalConfirmed("w2", 100)))
        await world.until(lambda: world.count("email", "retried", "service") == 2)
        world.now_ms += HOUR_MS
        await world.until(lambda: world.count("email", "stale", "service") == 1)
    assert len(world.mail.mails) == 1


async def test_a_player_who_is_erased_is_told_nothing_more(world: World) -> None:
    world.contacts |= {"p1": 503, "p2": 503}
    kinds = {**WITHDRAWN, "bonus_expiring": {"channels": ["email"]}}
    async with world.sink(kinds=kinds) as sink:
        for player_id in ("p1", "p2"):
            await sink.take(world.happens(player_id, e.WithdrawalConfirmed("w1", 100)))
            await sink.take(world.happens(player_id, bonus_granted(world.now_ms + 240 * HOUR_MS)))
        await world.until(lambda: world.count("email", "retried", "service") >= 2)
        await sink.take(world.happens("p1", e.PlayerErased("asked for")))
        world.contacts |= {"p1": CONTACT, "p2": CONTACT}
        world.now_ms += 60_000
        await world.until(lambda: world.count("email", "sent", "service") == 1)
        assert world.count("email", "ended", "service") == 1
        assert {key.split(":")[1] for key in await world.notes.read("timer:")} == {"p2"}
    assert len(world.mail.mails) == 1


async def test_contacts_are_asked_for_once_in_five_minutes(world: World) -> None:
    async with world.sink() as sink:
        for version in (1, 2):
            await sink.take(world.happens("p1", level_changed(), version=version))
            await world.until(lambda: world.count("email", "sent") == version)  # noqa: B023
    assert [request.path for request in world.asked] == ["/players/p1/contact"]


async def test_requests_to_the_platform_are_signed(world: World) -> None:
    signature = {"key_id": "croupier", "secret": world.secret("pam", "shared")}
    async with world.sink(pam={"url": world.url, "signature": signature}) as sink:
        await sink.take(world.happens("p 1/2", level_changed()))
        await world.until(lambda: world.count("email", "sent") == 1)
    [request] = world.asked
    said = request.headers
    message = f"{said['X-Request-Timestamp']}\nGET\n/players/p%201%2F2/contact\n\n".encode()
    assert said["X-Api-Key"] == "croupier"
    assert said["X-Request-Sign"] == hmac.new(b"shared", message, "sha256").hexdigest()


async def test_the_player_reads_it_as_it_is_written_at_home(world: World) -> None:
    world.write_texts("de", GERMAN)
    world.contacts["p1"] = CONTACT | {"language": "de-AT", "time_zone": "Europe/Vienna", "currency": "EUR"}
    world.contacts["p2"] = CONTACT | {"language": "ja", "time_zone": "Asia/Tokyo", "currency": "JPY"}
    async with world.sink(kinds={"bonus_granted": {"channels": ["email"]}}, quiet_hours={"begin": "02:00"}) as sink:
        for player_id in ("p1", "p2"):
            await sink.take(world.happens(player_id, bonus_granted(MORNING_MS + HOUR_MS)))
        await world.until(lambda: world.count("email", "sent") == 2)
    german, english = sorted(world.mail.mails, key=lambda mail: mail["Subject"], reverse=True)
    assert german["Subject"] == "Willkommen"
    assert words(german) == "10,00 EUR bis 01.03.2026 10:30"
    assert words(english) == "1000 JPY until 2026-03-01 18:30"


async def test_sms_and_push_go_by_apprise(world: World) -> None:
    kinds = {"level_changed": {"channels": ["sms", "push"]}}
    async with world.sink(kinds=kinds) as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("sms", "sent") == 1 and world.count("push", "sent") == 1)
    assert sorted(post["to"] for post in world.posted) == ["+4915550100", "token-1", "token-2"]
    assert {post["message"] for post in world.posted} == {"Gold!"}


async def test_an_sms_is_never_tried_twice(world: World) -> None:
    world.post_status = 500
    async with world.sink(kinds=BY_SMS) as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("sms", "failed", "service") == 1)
        world.now_ms += HOUR_MS
        await asyncio.sleep(0.6)
    assert len(world.posted) == 1


async def test_greylisting_is_waited_out(world: World) -> None:
    world.mail.rcpt_script = lambda _: "450 4.7.1 greylisted"
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", "retried") == 1)
        world.now_ms += 40_000
        await world.until(lambda: world.count("email", "retried") == 2)
        world.mail.rcpt_script = lambda _: None
        world.now_ms += 130_000
        await world.until(lambda: world.count("email", "sent") == 1)
    assert world.registry.get_sample_value("breaker_state", {"breaker": "mail"}) == 0


async def test_a_recipient_whom_the_server_refuses_is_given_up(world: World) -> None:
    world.mail.rcpt_script = lambda _: "550 5.1.1 no such user"
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", "refused") == 1)
        world.mail.rcpt_script = lambda _: None
        await sink.take(world.happens("p2", level_changed()))
        await world.until(lambda: world.count("email", "sent") == 1)


async def test_a_mail_server_that_is_down_opens_the_breaker_and_nothing_is_lost(world: World) -> None:
    await world.mail.stop()
    async with world.sink() as sink:
        for number in range(8):
            await sink.take(world.happens(f"p{number}", level_changed()))
        await world.until(lambda: world.registry.get_sample_value("breaker_state", {"breaker": "mail"}) == 2)
        assert b'"mail":"open"' in await sink.ask(b"{}")
    assert world.count("email", "retried") >= 5
    await world.mail.start()
    world.now_ms += HOUR_MS
    async with world.sink():
        await world.until(lambda: world.count("email", "sent") == 8)
    assert len({mail["Message-ID"] for mail in world.mail.mails}) == 8


async def test_a_mail_whose_fate_is_unknown_goes_once_more_with_the_same_id(world: World) -> None:
    world.mail.script = lambda attempt: "break" if attempt == 1 else None
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", "retried") == 1)
        world.now_ms += 40_000
        await world.until(lambda: world.count("email", "sent") == 1)
    first, second = world.mail.attempts
    assert first["Message-ID"] == second["Message-ID"]


async def test_a_mail_whose_fate_is_unknown_twice_is_given_up(world: World) -> None:
    world.mail.script = lambda _: "break"
    async with world.sink() as sink:
        await sink.take(world.happens("p1", level_changed()))
        await world.until(lambda: world.count("email", "retried") == 1)
        world.now_ms += 40_000
        await world.until(lambda: world.count("email", "unknown") == 1)
    assert len(world.mail.attempts) == 2


# --- crashes


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


# --- when not


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


# --- what is about to end

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


# --- limits and mistakes


async def test_the_reader_waits_while_as_many_notices_wait_as_may(world: World) -> None:
    world.contacts |= {f"p{number}": 503 for number in range(101)}
    async with world.sink(kinds=WITHDRAWN, waiting_max=100) as sink:
        for number in range(100):
            await sink.take(world.happens(f"p{number}", e.WithdrawalConfirmed("w", 100)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.7):
                await sink.take(world.happens("p100", e.WithdrawalConfirmed("w", 100)))
        world.now_ms += 25 * HOUR_MS
        late = world.happens("p100", e.WithdrawalConfirmed("w", 100))
        async with asyncio.timeout(20):
            await sink.take(late)


async def test_a_text_that_is_missing_is_named(world: World) -> None:
    with pytest.raises(SinkFailed, match=r"en\.json has no text `notice\.bonus_expiring\.short`"):
        async with world.sink(kinds={"bonus_expiring": {"channels": ["sms"]}}):
            pass


async def test_texts_that_become_wrong_leave_those_before_in_use(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.notifications.words.texts.LOOK_AGAIN_S", 0.05)
    async with world.sink() as sink:
        texts = dict.fromkeys(("notice.level_changed.subject", "notice.level_changed.text"), "{{ name }}")
        world.write_texts("en", texts)
        with caplog.at_level(logging.ERROR):
            await world.until(lambda: "stay in use" in caplog.text)
            await sink.take(world.happens("p1", level_changed()))
            await world.until(lambda: world.count("email", "sent") == 1)
        assert "`notice.level_changed.subject`: 'name' is undefined" in caplog.text
        with caplog.at_level(logging.INFO):
            world.write_texts("en", dict.fromkeys(texts, "New words"))
            await world.until(lambda: "read again" in caplog.text)
        await sink.take(world.happens("p2", level_changed()))
        await world.until(lambda: world.count("email", "sent") == 2)
    assert [mail["Subject"] for mail in world.mail.mails] == ["You are Gold now", "New words"]


async def test_no_log_line_holds_an_address_or_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.post_status = 500
    world.mail.rcpt_script = lambda address: f"550 5.1.1 {address} unknown"
    kinds = {"level_changed": {"channels": ["email", "sms"]}}
    with caplog.at_level(logging.INFO):
        async with world.sink(kinds=kinds) as sink:
            await sink.take(world.happens("p1", level_changed()))
            await world.until(lambda: world.count("email", "refused") == 1 and world.count("sms", "failed") == 1)
    assert "was not sent" in caplog.text
    ours = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("aiohttp", "mail"))
    )
    for secret in ("anna@", "+4915550100", "unguessable", "/post/"):
        assert secret not in ours


async def test_a_channel_that_hangs_holds_up_no_other(world: World) -> None:
    world.post_delay_s = 3
    kinds = {"level_changed": {"channels": ["sms"]}, **WITHDRAWN}
    channels = {"sms": {"url": world.settings().channels["sms"].url, "threads": 1, "timeout_s": 0.3}}
    async with world.sink(kinds=kinds, channels=msgspec.to_builtins(channels)) as sink:
        for number in range(40):
            await sink.take(world.happens(f"p{number}", level_changed()))
        await sink.take(world.happens("p40", e.WithdrawalConfirmed("w1", 100)))
        await world.until(lambda: world.count("email", "sent", "service") == 1, 2)
        await world.until(lambda: world.registry.get_sample_value("breaker_state", {"breaker": "sms"}) == 2)
    assert len(world.posted) <= 5


async def test_while_the_mail_server_is_down_the_platform_is_left_alone(world: World) -> None:
    await world.mail.stop()
    async with world.sink() as sink:
        for number in range(60):
            await sink.take(world.happens(f"p{number}", level_changed()))
        await world.until(lambda: world.registry.get_sample_value("breaker_state", {"breaker": "mail"}) == 2)
        asked = len(world.asked)
        world.now_ms += 60_000
        await asyncio.sleep(1.2)
        assert len(world.asked) == asked < 30


async def test_a_notice_that_meets_a_bug_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(owed: Owed, *others: Any) -> Wording:
        if owed.player_id == "p1":
            raise RuntimeError("a bug")
        return wording(owed, *others)

    monkeypatch.setattr("feeds.notifications.delivering.wording", broken)
    async with world.sink() as sink:
        for player_id in ("p1", "p2"):
            await sink.take(world.happens(player_id, level_changed()))
        await world.until(lambda: world.count("email", "failed") == 1 and world.count("email", "sent") == 1)
        await world.until(lambda: not [value for value in world.notes.kept.values() if b'"waiting"' in value])
        sink.settled()
