"""What the control log says of changes: before and after, in bounded room."""

from typing import Any

import msgspec
import pytest

from engine.control_entries import (
    CHANGE_BYTES_MAX,
    REASON_BYTES_MAX,
    ControlEntry,
    decode_control_entry,
    encode_control_entry,
)
from gateway.ports import Deployed
from gateway.recording.operation import ASKED, DONE, Operation, bounded, cut
from tests.support.gateway_doubles import (
    MemoryControlLog,
    RoleAuth,
    ScriptedControl,
    ScriptedPlayers,
    app_with,
    calling,
    send,
)


async def done(name: str, role: Any, **more: Any) -> ControlEntry:
    log = MemoryControlLog()
    async with calling(app_with(auth=RoleAuth(role), control_log=log, **more)) as client:
        assert (await send(client, name)).status_code < 300
    return decode_control_entry(encode_control_entry(log.entries[-1]))


@pytest.mark.parametrize(
    ("name", "role", "subject", "before", "after"),
    [
        ("POST /loyalty/points/add", "loyalty_admin", "", {"points_available": 1_239}, {"points_available": 1_234}),
        ("POST /loyalty/status/update", "loyalty_admin", "", {"level": "silver"}, {"level": "gold"}),
        (
            "POST /players/{player_id}/flags/{flag_id}/clear",
            "support",
            "f0123456789abcdef",
            None,
            {"flag_id": "f0123456789abcdef", "code": "win_already_spent", "session_id": "s-1", "amount": 500},
        ),
        ("POST /players/{player_id}/block", "platform", "", None, {"blocked": True}),
        (
            "POST /players/{player_id}/erase",
            "support",
            "",
            None,
            {"erased_ms": 1_700_000_000_000},
        ),
        (
            "POST /players/{player_id}/bonuses/{grant_id}/decline",
            "marketing_manager",
            "g-1",
            None,
            {"grant_id": "g-1", "campaign_id": "gift", "state": "declined", "reasons": ["shared_device"]},
        ),
        (
            "POST /catalog/deploy",
            "ops",
            "77aa",
            {"version": "5f3a", "number": 7, "by": "ann"},
            {
                "version": "77aa",
                "number": 8,
                "diff": {"added": ["campaigns.spring"], "removed": [], "changed": [], "left_off": 0},
            },
        ),
        ("POST /sandbox/clock", "ops", "", {"offset_seconds": 0}, {"offset_seconds": 60}),
        ("POST /webhooks/{name}/enable", "ops", "pms", None, {"state": "ok", "owed": 2}),
    ],
)
async def test_before_and_after(name: str, role: str, subject: str, before: Any, after: Any) -> None:
    entry = await done(name, role)
    assert (entry.subject, entry.before, entry.after) == (subject, before, after)


async def test_a_replay_is_told_as_one() -> None:
    entry = await done("POST /loyalty/status/update", "loyalty_admin", players=ScriptedPlayers(replayed=True))
    assert entry.after == {"level": "gold", "replayed": True}


async def test_what_was_asked_for_is_in_the_first_entry() -> None:
    log = MemoryControlLog()
    async with calling(app_with(auth=RoleAuth("loyalty_admin"), control_log=log)) as client:
        await send(client, "POST /loyalty/points/add")
    asked = log.entries[0]
    assert (asked.outcome, asked.before, asked.after, asked.reason) == (ASKED, None, {"points": -5}, "checked")


async def test_a_diff_that_is_too_long_is_shortened() -> None:
    changes = [{"path": f"levels.{n}.threshold_eur", "from": "x" * 200, "to": "y" * 200} for n in range(200)]
    deployed = Deployed("77aa", 8, {"added": [], "removed": [], "changed": changes, "left_off": 0})
    entry = await done("POST /catalog/deploy", "ops", control=ScriptedControl(outcome=deployed))
    assert 0 < len(entry.after["diff"]["changed"]) < 200
    assert entry.after["version"] == "77aa"
    assert len(msgspec.json.encode(entry.after)) <= CHANGE_BYTES_MAX


def test_what_can_not_be_shortened_is_left_out() -> None:
    assert bounded("x" * CHANGE_BYTES_MAX) == {"left_off_bytes": CHANGE_BYTES_MAX + 2}


def test_a_long_reason_is_cut_between_characters() -> None:
    operation = Operation("POST /x", "ann", "ops", "k")
    operation.about(reason="\U0001f3b2" * 500)
    reason = operation.entry(DONE).reason
    assert len(reason.encode()) <= REASON_BYTES_MAX
    assert reason.rstrip("…").strip("\U0001f3b2") == ""
    assert cut("short", 256) == "short"
