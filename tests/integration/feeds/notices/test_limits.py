"""Limits and mistakes: what hangs, fails or is missing holds up nothing else."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from engine import events as e
from feeds.notifications.owed import Owed
from feeds.notifications.words.wording import Wording, wording
from feeds.reading import SinkFailed
from tests.support.notice_world import (
    HOUR_MS,
    World,
    level_changed,
)
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise

WITHDRAWN = {"withdrawal_confirmed": {"channels": ["email"]}}
BY_SMS = {"level_changed": {"channels": ["sms"], "category": "service"}}


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
        async with asyncio.timeout(PATIENCE_S):
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
        await world.until(lambda: world.count("email", "sent", "service") == 1)
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
