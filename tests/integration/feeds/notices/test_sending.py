"""Notices to players, from the journal to a real mail server, a real HTTP service behind Apprise, and a platform."""

from __future__ import annotations

import asyncio
import hmac
from urllib.parse import parse_qs, urlsplit

import pytest

from engine import events as e
from snapshots.records import Position
from tests.support.notice_world import (
    CONTACT,
    GERMAN,
    HOUR_MS,
    MORNING_MS,
    World,
    bonus_granted,
    level_changed,
    words,
)

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise

WITHDRAWN = {"withdrawal_confirmed": {"channels": ["email"]}}
BY_SMS = {"level_changed": {"channels": ["sms"], "category": "service"}}


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
