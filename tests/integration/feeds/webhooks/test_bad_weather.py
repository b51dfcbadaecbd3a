"""Endpoints that misbehave, and addresses that must not be reached: nothing is lost, nobody else waits."""

import asyncio
import socket
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from engine import events as e
from feeds.webhooks.schedule import GIVEN_UP_MS
from tests.integration.feeds.webhooks.waiting import age, hurry, settle, take, until_rests
from tests.support.patience import PATIENCE_S
from tests.support.webhook_receiver import answering, closing_mid_answer, hanging, in_turn, receiving
from tests.support.webhook_world import T0, Clock, Journal, KilledNotes, asked, settings, sinking

EVERY: dict[str, Any] = {"events": ("LevelChanged", "PlayerBlocked", "PlayerUnblocked"), "mode": "every"}


async def one_failure(sink: Any, journal: Journal) -> dict[str, Any]:
    """Takes the journal, waits for the first failure, and answers how the only endpoint stands."""
    await take(sink, journal)
    await settle(sink, journal)
    await until_rests(sink)
    [report] = (await asked(sink, do="list"))["endpoints"]
    return dict(report)


def value(registry: CollectorRegistry, metric: str, /, **labels: str) -> float:
    return registry.get_sample_value(metric, labels) or 0.0


async def test_a_hanging_endpoint_blocks_nobody_and_no_cursor() -> None:
    journal, notes = Journal(), KilledNotes()
    for player in range(20):
        journal.add(f"p{player}")
    async with (
        receiving(hanging()) as dead,
        receiving() as alive,
        sinking(
            notes,
            {"dead": settings(dead.url, timeout_ms=300, **EVERY), "alive": settings(alive.url, **EVERY)},
        ) as sink,
    ):
        await take(sink, journal)
        await alive.until_accepted(20)
        await settle(sink, journal)
        assert len(notes.under("owed/dead/")) == 20
        await until_rests(sink)
        [first, second] = (await asked(sink, do="list"))["endpoints"]
        assert (first["state"], first["owed"], second["state"], second["owed"]) == ("open", 20, "ok", 0)
        assert len(dead.received) < 20, "the breaker ended the attempts"


async def test_a_probe_ends_the_outage_and_all_that_rested_follows_in_order() -> None:
    clock, journal, registry = Clock(), Journal(), CollectorRegistry()
    for _ in range(3):
        for player in range(8):
            journal.add(f"p{player}")
    async with (
        receiving(answering(500)) as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}, clock, registry=registry) as sink,
    ):
        breaker = sink.endpoints["crm"].breaker
        report = await one_failure(sink, journal)
        assert (report["state"], report["owed"]) == ("open", 24)
        async with asyncio.timeout(PATIENCE_S):
            while value(registry, "breaker_state", breaker="webhook:crm") != 2:
                await asyncio.sleep(0.02)
        failed = len(receiver.received)
        age(breaker, 31)
        await hurry(sink, clock, 6)
        await receiver.until(lambda: len(receiver.received) > failed)
        await until_rests(sink)
        assert len(receiver.received) == failed + 1, "one probe, not all that is owed"
        receiver.script = answering(204)
        age(breaker, 31)
        await hurry(sink, clock, 0)
        await receiver.until_accepted(24)
        assert all(places == [(1, 0), (2, 0), (3, 0)] for places in receiver.places().values())
        await until_rests(sink)
        assert value(registry, "breaker_state", breaker="webhook:crm") == 0


@pytest.mark.parametrize(
    "script", [closing_mid_answer(), answering(302, {"location": "http://169.254.169.254/latest"})]
)
async def test_only_a_whole_answer_of_2xx_is_success(script: Any) -> None:
    clock, journal = Clock(), Journal()
    journal.add("p1")
    async with (
        receiving(in_turn(script, answering(204))) as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}, clock) as sink,
    ):
        report = await one_failure(sink, journal)
        assert (report["state"], report["owed"], len(receiver.received)) == ("failing", 1, 1)
        await hurry(sink, clock, 6)
        await receiver.until_accepted(1)
        assert [got.id for got in receiver.received] == ["p1-1-0", "p1-1-0"]


async def test_an_answer_without_end_is_read_to_4_kb() -> None:
    journal = Journal()
    journal.add("p1")
    async with (
        receiving(answering(200, body=b"x" * 50_000_000)) as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}) as sink,
    ):
        await take(sink, journal)
        await settle(sink, journal)
        assert len(receiver.received) == 1


async def test_410_disables_and_enabling_goes_on_with_what_is_owed() -> None:
    journal, notes, registry = Journal(), KilledNotes(), CollectorRegistry()
    journal.add("p1")
    async with (
        receiving(answering(410)) as receiver,
        sinking(notes, {"crm": settings(receiver.url, **EVERY)}, registry=registry) as sink,
    ):
        report = await one_failure(sink, journal)
        assert (report["state"], report["why"], report["owed"]) == ("disabled", "gone", 0)
        assert value(registry, "webhook_disabled", endpoint="crm") == 1
        await sink.take(journal.add("p1"))
        await settle(sink, journal)
        assert len(receiver.received) == 1
    async with (
        receiving() as receiver,
        sinking(notes, {"crm": settings(receiver.url, **EVERY)}, registry=registry) as sink,
    ):
        assert (await asked(sink, do="list"))["endpoints"][0]["state"] == "disabled", "a restart changes nothing"
        assert (await asked(sink, do="enable", endpoint="crm"))["state"] == "ok"
        await sink.take(journal.add("p1"))
        await receiver.until_accepted(2)
        assert receiver.places()["p1"] == [(1, 0), (3, 0)], "what happened meanwhile is a matter of a replay"
        assert value(registry, "webhook_disabled", endpoint="crm") == 0


@pytest.mark.parametrize(("from_now", "expected"), [(False, ["p1-1-0", "p1-2-0", "p1-3-0"]), (True, ["p1-3-0"])])
async def test_the_reader_of_an_endpoint_that_is_alone_waits_until_it_is_enabled(
    from_now: bool, expected: list[str]
) -> None:
    clock, journal = Clock(), Journal()
    journal.add("p1")
    journal.add("p1")
    async with (
        receiving() as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, alone=True, **EVERY)}, clock) as sink,
    ):
        await asked(sink, do="disable", endpoint="crm")
        taking = asyncio.create_task(take(sink, journal))
        await asyncio.sleep(0.05)
        assert (taking.done(), sink.settled()) == (False, {})
        clock.advance(60)
        await asked(sink, do="enable", endpoint="crm", from_now=from_now)
        await taking
        await sink.take(journal.add("p1", time_ms=clock()))
        await receiver.until(lambda: bool(receiver.accepted) and receiver.accepted[-1].id == "p1-3-0")
    assert [got.id for got in receiver.accepted] == expected


async def test_five_days_without_success_disable() -> None:
    clock, journal = Clock(), Journal()
    journal.add("p1")
    async with (
        receiving(answering(500)) as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}, clock) as sink,
    ):
        assert (await one_failure(sink, journal))["state"] == "failing"
        await hurry(sink, clock, GIVEN_UP_MS / 1_000 - 3_600)
        await receiver.until(lambda: len(receiver.received) == 2)
        await until_rests(sink)
        assert (await asked(sink, do="list"))["endpoints"][0]["state"] == "failing"
        await hurry(sink, clock, 3_600)
        await receiver.until(lambda: len(receiver.received) == 3)
        await until_rests(sink)
        [report] = (await asked(sink, do="list"))["endpoints"]
        assert (report["state"], report["why"]) == ("disabled", "five_days_without_success")


async def test_retry_after_rests_the_whole_endpoint() -> None:
    clock, journal = Clock(), Journal()
    journal.add("p1")
    async with (
        receiving(in_turn(answering(429, {"retry-after": "120"}), answering(204))) as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}, clock) as sink,
    ):
        assert (await one_failure(sink, journal))["state"] == "slowed"
        await sink.take(journal.add("p2"))
        await settle(sink, journal)
        await hurry(sink, clock, 119)
        await asyncio.sleep(0.05)
        assert len(receiver.received) == 1
        await hurry(sink, clock, 2)
        await receiver.until_accepted(2)


async def test_a_flapping_endpoint_gets_everything_in_order() -> None:
    turn = 0

    async def script(request: Any, got: Any) -> Any:
        nonlocal turn
        turn += 1
        return await answering(503 if turn % 3 == 0 else 204)(request, got)

    clock, journal = Clock(), Journal()
    for _ in range(10):
        for player in ("p1", "p2", "p3"):
            journal.add(player)
    async with (
        receiving(script) as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}, clock) as sink,
    ):
        await take(sink, journal)
        async with asyncio.timeout(PATIENCE_S):
            while len(receiver.accepted) < 30:
                await asyncio.sleep(0.01)
                await hurry(sink, clock, 400)
        assert all(places == [(v, 0) for v in range(1, 11)] for places in receiver.places().values())


async def test_when_too_much_is_owed_the_reader_waits_and_loses_nothing() -> None:
    clock, journal, notes = Clock(), Journal(), KilledNotes()
    for player in range(150):
        journal.add(f"p{player}")
    async with (
        receiving(answering(500)) as receiver,
        sinking(notes, {"crm": settings(receiver.url, owed_max=100, **EVERY)}, clock) as sink,
    ):
        taking = asyncio.create_task(take(sink, journal))
        async with asyncio.timeout(PATIENCE_S):
            while len(notes.under("owed/")) < 100:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert not taking.done()
        assert len(notes.under("owed/")) == 100
        receiver.script = answering(204)
        age(sink.endpoints["crm"].breaker, 31)
        await hurry(sink, clock, 6)
        await receiver.until_accepted(150)
        await taking


async def test_a_slow_endpoint_does_not_hold_the_cursor() -> None:
    clock, journal, notes = Clock(), Journal(), KilledNotes()
    for _ in range(3):
        journal.add("p1")
    async with (
        receiving(hanging()) as receiver,
        sinking(notes, {"crm": settings(receiver.url, **EVERY)}, clock) as sink,
    ):
        await take(sink, journal)
        await receiver.until(lambda: len(receiver.received) == 1)
        assert sink.settled() == {}
        await hurry(sink, clock, 5)
        await settle(sink, journal)
        assert len(notes.under("owed/crm/p1/")) == 3


async def test_what_is_counted() -> None:
    clock, journal, registry = Clock(), Journal(), CollectorRegistry()
    answers = [answering(204), answering(422), answering(204)]
    for player in ("p1", "p2", "p3"):
        journal.add(player)
    journal.add("p4", e.PlayerBlocked("x" * 20_000))
    async with (
        receiving(in_turn(*answers)) as receiver,
        sinking(
            KilledNotes(), {"crm": settings(receiver.url, connections=1, **EVERY)}, clock, registry=registry
        ) as sink,
    ):
        assert registry.get_sample_value("webhook_deliveries_total", {"endpoint": "crm", "outcome": "dead"}) == 0
        await take(sink, journal)
        await receiver.until(lambda: len(receiver.received) == 3)
        await until_rests(sink)
        await asked(sink, do="disable", endpoint="crm")
        await sink.take(journal.add("p1"))
        counted = {
            outcome: value(registry, "webhook_deliveries_total", endpoint="crm", outcome=outcome)
            for outcome in ("delivered", "failed", "too_large", "skipped")
        }
        assert counted == {"delivered": 2, "failed": 1, "too_large": 1, "skipped": 1}
        assert value(registry, "webhook_latency_seconds_count", endpoint="crm") == 3
        await asked(sink, do="enable", endpoint="crm")
        await receiver.until(lambda: len(receiver.received) == 4)


async def test_how_much_is_owed_is_shown() -> None:
    journal, registry = Journal(), CollectorRegistry()
    for player in range(7):
        journal.add(f"p{player}")
    async with (
        receiving(answering(500)) as receiver,
        sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}, Clock(T0 + 9_000), registry=registry) as sink,
    ):
        report = await one_failure(sink, journal)
        assert (report["owed"], report["lag_ms"]) == (7, 9_000)
        await hurry(sink, Clock(), 0)
        async with asyncio.timeout(PATIENCE_S):
            while value(registry, "webhook_owed", endpoint="crm") != 7:
                await asyncio.sleep(0.01)


async def test_an_endpoint_that_is_configured_no_more_leaves_nothing() -> None:
    journal, notes = Journal(), KilledNotes()
    for player in range(3):
        journal.add(f"p{player}")
    async with receiving(answering(500)) as receiver:
        both = {"crm": settings(receiver.url, **EVERY), "pms": settings(receiver.url)}
        async with sinking(notes, both) as sink:
            await take(sink, journal)
            await settle(sink, journal)
            await until_rests(sink)
        assert len(notes.under("owed/crm/")) == 3
        async with sinking(notes, {"pms": settings(receiver.url)}) as sink:
            assert [key for key in notes.kept if "crm" in key] == []
            assert len(notes.under("owed/pms/")) == 3


# --- addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"])
async def test_loopback_is_not_connected_to_unless_allowed(host: str) -> None:
    journal, registry = Journal(), CollectorRegistry()
    journal.add("p1")
    async with receiving() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        async with sinking(KilledNotes(), {"crm": settings(url, networks=(), **EVERY)}, registry=registry) as sink:
            assert (await one_failure(sink, journal))["owed"] == 1
            answer = await asked(sink, do="test", endpoint="crm")
    assert (answer["outcome"], answer["status"]) == ("refused", 0)
    assert "not a public address" in answer["detail"]
    assert receiver.received == []
    assert value(registry, "webhook_deliveries_total", endpoint="crm", outcome="refused") == 1


async def test_a_name_that_resolves_to_something_else_later_reaches_nothing_private(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the name was fine when it was first looked at."""
    answers = ["127.0.0.1", "127.0.0.2"]

    async def getaddrinfo(self: Any, host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0), port))]

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", getaddrinfo)
    async with receiving(answering(204, {"connection": "close"}), host="0.0.0.0") as receiver:
        url = receiver.url.replace("127.0.0.1", "rebinding.example")
        async with sinking(KilledNotes(), {"crm": settings(url, networks=("127.0.0.1/32",), **EVERY)}) as sink:
            first = await asked(sink, do="test", endpoint="crm")
            second = await asked(sink, do="test", endpoint="crm")
    assert (first["outcome"], second["outcome"]) == ("delivered", "refused")
    assert (len(receiver.received), answers) == (1, [])


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()
    journal.add("p1")
    async with receiving() as receiver, receiving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        async with sinking(KilledNotes(), {"crm": settings(receiver.url, **EVERY)}) as sink:
            await take(sink, journal)
            await receiver.until_accepted(1)
    assert proxy.received == []
