"""Refused attempts: the first is told at once, the rest once a minute with their count; nothing grows without bound."""

import asyncio
from collections.abc import Sequence

import pytest

from actors.host.clock import now_ms
from engine.control_entries import ControlEntry
from gateway.access.auth import ProofAuth
from gateway.access.keys import ApiKey, ApiKeys
from gateway.metrics import GatewayMetrics
from gateway.recording import recording as recording_module
from gateway.recording.attempts import CALLERS_MAX, OTHERS, WINDOW_MS, RefusedAttempts
from gateway.recording.recording import LATER_MAX, Recording
from tests.support.gateway_doubles import MemoryControlLog, RoleAuth, app_with, calling, send

START_MS = 1_000_000


def attempt(who: str = "ann", at_ms: int = START_MS, operation: str = "GET /cluster") -> ControlEntry:
    return ControlEntry(at_ms, who, "support", operation, "forbidden")


def test_the_first_is_told_at_once_and_the_rest_after_a_minute_with_their_count() -> None:
    attempts = RefusedAttempts()
    assert attempts.note(attempt()) == attempt()
    for second in range(1, 8):
        assert attempts.note(attempt(at_ms=START_MS + 1_000 * second)) is None
    assert list(attempts.due(START_MS + WINDOW_MS - 1)) == []
    (entry,) = attempts.due(START_MS + WINDOW_MS)
    assert (entry.count, entry.time_ms, entry.who) == (7, START_MS + WINDOW_MS, "ann")
    assert list(attempts.due(START_MS + 2 * WINDOW_MS)) == []
    assert attempts.note(attempt()) == attempt()


def test_callers_and_operations_are_told_apart() -> None:
    attempts = RefusedAttempts()
    for who in ("ann", "bob"):
        for operation in ("GET /cluster", "GET /audit"):
            assert attempts.note(attempt(who, operation=operation)) is not None


def test_claimed_keys_are_a_sample_and_not_told_apart() -> None:
    """Whoever sends another key with each request must not fill the log."""
    attempts = RefusedAttempts()
    claims = [ControlEntry(START_MS, "", "", "POST /spin", "unauthenticated", f"key k{each}") for each in range(1_000)]
    assert [told for claim in claims if (told := attempts.note(claim)) is not None] == [claims[0]]
    (entry,) = attempts.due(START_MS + WINDOW_MS)
    assert (entry.count, entry.subject) == (999, "key k999")


def test_a_crowd_is_told_together() -> None:
    attempts = RefusedAttempts()
    told = [attempts.note(attempt(f"c{number}")) for number in range(CALLERS_MAX + 100)]
    first = [entry for entry in told if entry is not None]
    assert len(first) == CALLERS_MAX + 1
    assert first[-1].who == OTHERS
    assert [entry.count for entry in attempts.due(START_MS + WINDOW_MS)] == [99]


async def told_of(app: object, log: MemoryControlLog) -> list[ControlEntry]:
    await app.state.parts.recording.flush()  # type: ignore[attr-defined]
    return log.entries


@pytest.mark.parametrize("name", ["POST /spin", "GET /cluster", "POST /catalog/deploy", "GET /spin/{session_id}"])
async def test_a_role_that_may_not(name: str) -> None:
    log = MemoryControlLog()
    app = app_with(auth=RoleAuth("auditor" if name != "GET /cluster" else "platform"), control_log=log)
    async with calling(app) as client:
        for _ in range(3):
            assert (await send(client, name)).status_code == 403
    (entry,) = await told_of(app, log)
    assert (entry.who, entry.operation, entry.outcome, entry.count) == ("tester", name, "forbidden", 1)
    assert entry.role in ("auditor", "platform")


@pytest.mark.parametrize("name", ["POST /spin", "POST /players/{player_id}/deposits"])
async def test_a_bad_signature_names_the_key_that_was_claimed_but_nobody(name: str) -> None:
    log = MemoryControlLog()
    app = app_with(auth=ProofAuth(ApiKeys((ApiKey("studio-7", "s" * 16, "game_server"),))), control_log=log)
    headers = {"x-api-key": "studio-7", "x-request-timestamp": "1", "x-request-sign": "00"}
    async with calling(app) as client:
        for _ in range(5):
            assert (await send(client, name, headers=headers)).status_code == 401
    (entry,) = await told_of(app, log)
    assert (entry.who, entry.subject, entry.operation) == ("", "key studio-7", name)
    assert (entry.outcome, entry.role) == ("unauthenticated", "")


async def test_other_refusals_are_no_attempts() -> None:
    log = MemoryControlLog()
    app = app_with(control_log=log)
    async with calling(app) as client:
        await client.get("/nowhere")
        await client.post("/spin?bet=x")
        await send(client, "POST /players/{player_id}/deposits", key=None)
    assert await told_of(app, log) == []


async def test_while_the_log_is_away_a_bounded_number_waits() -> None:
    log, metrics = MemoryControlLog(), GatewayMetrics()
    log.down = "away"
    recording = Recording(log, metrics)
    for _ in range(LATER_MAX + 5):
        recording.later(attempt(at_ms=now_ms()))
    assert metrics.control_dropped == 5
    assert "control_log_dropped_total 5.0" in metrics.exposition().decode()
    log.down = ""
    await recording.flush()
    assert len(log.entries) == LATER_MAX


async def test_while_the_log_is_slow_a_bounded_number_of_reads_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, "WRITING_MAX", 2)
    freed = asyncio.Event()

    class Slow(MemoryControlLog):
        async def append(self, entries: Sequence[ControlEntry]) -> None:
            await freed.wait()
            await super().append(entries)

    log = Slow()
    app = app_with(auth=RoleAuth("support"), control_log=log)
    async with calling(app) as client:
        reads = [asyncio.create_task(send(client, "GET /spin/{session_id}")) for _ in range(2)]
        while len(app.state.parts.recording._writing) < 2:
            await asyncio.sleep(0)
        refused = await send(client, "GET /spin/{session_id}")
        assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
        freed.set()
        assert [(await read).status_code for read in reads] == [200, 200]
        assert (await send(client, "GET /spin/{session_id}")).status_code == 200
    assert [entry.outcome for entry in log.entries] == ["done"] * 3
