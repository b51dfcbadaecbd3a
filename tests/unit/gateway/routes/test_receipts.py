"""Receipts over HTTP: what the archive's reader says, in the words of the API."""

from collections.abc import Mapping
from typing import Any

import pytest

from actors.outcome import Answered
from engine.commands import CommandBody
from engine.queries import GetPlayer, GetRound, QueryBody
from engine.rejections import Rejection
from tests.support.gateway_doubles import RECEIPT, VIEW, MemoryControlLog, RoleAuth, ScriptedReaders, app_with, calling

TARGET = "/players/p1/receipts/s-1"


class ForgetfulPlayers:
    """They know no round any more, and are at version 3."""

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: Any) -> None:
        known = {GetPlayer: Answered(VIEW, False), GetRound: Rejection("session_not_found", "No such round.")}
        on_outcome(known[type(body)])


async def test_a_receipt_is_passed_on() -> None:
    readers = ScriptedReaders()
    async with calling(app_with(readers=readers)) as client:
        response = await client.get(f"{TARGET}?day=2026-11-28")
    assert (response.status_code, response.json()) == (200, RECEIPT)
    asked = {"do": "receipt", "player_id": "p1", "session_id": "s-1", "day": "2026/11/28"}
    assert readers.asked == [("archive", asked)]


@pytest.mark.parametrize("role", ["auditor", "support"])
async def test_who_looks_is_told_of(role: str) -> None:
    """A leaf is the entry byte for byte, with what other answers hide."""
    log = MemoryControlLog()
    async with calling(app_with(auth=RoleAuth(role), control_log=log)) as client:
        assert (await client.get(TARGET)).status_code == 200
    [told] = log.entries
    assert (told.operation, told.player_id) == ("GET /players/{player_id}/receipts/{session_id}", "p1")
    assert (told.outcome, told.after) == ("done", {"receipt": "s-1"})


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"outcome": "pending"}, "receipt_pending"),
        ({"outcome": "busy"}, "overloaded"),
        ({"outcome": "unavailable", "detail": "no answer"}, "outcome_unknown"),
        ({"outcome": "not_found"}, "receipt_pending"),
    ],
)
async def test_why_there_is_none(said: Mapping[str, Any], code: str) -> None:
    async with calling(app_with(readers=ScriptedReaders(said))) as client:
        response = await client.get(TARGET)
    assert response.json()["code"] == code


@pytest.mark.parametrize(("seen", "code"), [(3, "session_not_found"), (-126, "receipt_pending")])
async def test_a_round_that_the_player_forgot_may_still_be_on_its_way(seen: int, code: str) -> None:
    readers = ScriptedReaders({"outcome": "not_found", "version": seen})
    async with calling(app_with(players=ForgetfulPlayers(), readers=readers)) as client:
        response = await client.get(TARGET)
    assert response.json()["code"] == code


async def test_without_an_archive_there_are_no_receipts() -> None:
    async with calling(app_with(reader_names=("webhooks",))) as client:
        response = await client.get(TARGET)
    assert response.json()["code"] == "session_not_found"
    assert "no archive" in response.json()["detail"]


async def test_a_day_is_a_day() -> None:
    async with calling(app_with()) as client:
        assert (await client.get(f"{TARGET}?day=2026-13-01")).json()["code"] == "invalid_request"
