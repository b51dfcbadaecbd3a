"""Every state-changing operation leaves its line in the control log; the list of operations comes from the routes."""

from typing import Any

import pytest

from engine.control_entries import ControlEntry
from engine.rejections import Rejection
from gateway.access.roles import PEOPLE, Role
from gateway.declaring import Route
from gateway.route_table import ROUTES
from tests.support.gateway_doubles import (
    SAMPLES,
    MemoryControlLog,
    RoleAuth,
    ScriptedControl,
    ScriptedPlayers,
    app_with,
    calling,
    send,
)

BY_PEOPLE = [name for name, route in ROUTES.items() if route.changes and route.roles & PEOPLE]
"""What people can change."""
BY_MACHINES = [name for name, route in ROUTES.items() if route.changes and route.recorded and route.roles - PEOPLE]
"""What is told of machines, too."""
READS = [name for name, route in ROUTES.items() if not route.changes and route.asks_player and route.roles & PEOPLE]
"""How people see a player."""


def a_role(route: Route, *, of_people: bool = True) -> Role:
    return sorted(route.roles & PEOPLE if of_people else route.roles - PEOPLE)[0]


async def entries_of(name: str, role: Role, **more: Any) -> list[ControlEntry]:
    log = MemoryControlLog()
    async with calling(app_with(auth=RoleAuth(role), control_log=log, **more)) as client:
        response = await send(client, name)
        assert response.status_code < 300, response.text
    return log.entries


def test_the_lists_are_not_empty() -> None:
    assert {"POST /catalog/deploy", "POST /loyalty/points/add", "POST /webhooks/{name}/enable"} <= set(BY_PEOPLE)
    assert {"POST /players/{player_id}/block", "POST /sandbox/clock"} <= set(BY_MACHINES)
    assert {"GET /players/{player_id}", "GET /loyalty/{player_id}"} <= set(READS)


def test_what_is_no_read_changes_something() -> None:
    changing = {name for name, route in ROUTES.items() if route.changes}
    assert changing == {name for name in ROUTES if not name.startswith("GET ")} - {"POST /catalog/check"}


@pytest.mark.parametrize("name", BY_PEOPLE)
async def test_what_a_person_changes_is_asked_and_done(name: str) -> None:
    role = a_role(ROUTES[name])
    asked, done = [entry for entry in await entries_of(name, role) if entry.operation == name]
    for entry in (asked, done):
        assert (entry.who, entry.role) == ("tester", role)
        assert entry.player_id == "p1" or not ROUTES[name].asks_player
        assert entry.reason == (SAMPLES[name].json or {}).get("reason", "")
        assert entry.time_ms > 0
    assert (asked.outcome, done.outcome) == ("asked", "done")
    assert asked.request_id == done.request_id == "k1"
    assert done.before is not None or done.after is not None


@pytest.mark.parametrize("name", BY_MACHINES)
async def test_what_belongs_to_no_player_is_told_of_machines_too(name: str) -> None:
    role = a_role(ROUTES[name], of_people=False)
    entries = await entries_of(name, role)
    assert [(entry.operation, entry.outcome, entry.role) for entry in entries] == [
        (name, "asked", role),
        (name, "done", role),
    ]


async def test_a_person_who_looks_at_a_player_is_told_of() -> None:
    for name in READS:
        (entry,) = await entries_of(name, a_role(ROUTES[name]))
        assert (entry.operation, entry.outcome, entry.who, entry.player_id) == (name, "done", "tester", "p1")


async def test_nothing_is_told_of_machines_that_play() -> None:
    for name, route in ROUTES.items():
        machines = sorted(route.roles - PEOPLE)
        if machines and not route.recorded:
            assert await entries_of(name, machines[0]) == [], name


@pytest.mark.parametrize("name", BY_PEOPLE)
async def test_what_can_not_be_written_down_is_not_done(name: str) -> None:
    log, players, control = MemoryControlLog(), ScriptedPlayers(), ScriptedControl()
    log.down = "the disk is full"
    async with calling(app_with(players, RoleAuth(a_role(ROUTES[name])), control=control, control_log=log)) as client:
        response = await send(client, name)
    assert (response.status_code, response.json()["code"]) == (503, "journal_unavailable")
    assert "the disk is full" in response.json()["detail"]
    assert (players.asked, control.deploys, control.advanced) == ([], [], {})


async def test_nobody_sees_a_player_unseen() -> None:
    log = MemoryControlLog()
    log.down = "the disk is full"
    for name in READS:
        async with calling(app_with(auth=RoleAuth(a_role(ROUTES[name])), control_log=log)) as client:
            response = await send(client, name)
        assert (response.status_code, response.json()["code"]) == (503, "journal_unavailable"), name


async def test_a_refusal_is_an_outcome() -> None:
    for name in (name for name in BY_PEOPLE if ROUTES[name].asks_player):
        log, players = MemoryControlLog(), ScriptedPlayers(Rejection("invalid_state", "no"))
        async with calling(app_with(players, RoleAuth(a_role(ROUTES[name])), control_log=log)) as client:
            assert (await send(client, name)).status_code == 409, name
        assert log.told() == [(name, "asked"), (name, "invalid_state")]


async def test_an_outcome_that_can_not_be_written_is_written_later() -> None:
    class GoesDown(MemoryControlLog):
        async def append(self, entries: Any) -> None:
            await super().append(entries)
            self.down = "the store is away"

    log, name = GoesDown(), "POST /loyalty/points/add"
    app = app_with(auth=RoleAuth("loyalty_admin"), control_log=log)
    async with calling(app) as client:
        response = await send(client, name)
    assert (response.status_code, response.json()["code"]) == (503, "outcome_unknown")
    assert log.told() == [(name, "asked")]
    log.down = ""
    await app.state.parts.recording.flush()
    assert log.told() == [(name, "asked"), (name, "done")]


async def test_a_bug_leaves_its_outcome() -> None:
    class Broken(ScriptedPlayers):
        def submit(self, player_id: str, command_id: str, body: Any, on_outcome: Any) -> None:
            raise RuntimeError("a bug")

    log, name = MemoryControlLog(), "POST /loyalty/points/add"
    async with calling(app_with(Broken(), RoleAuth("loyalty_admin"), control_log=log)) as client:
        assert (await send(client, name)).status_code == 500
    assert log.told() == [(name, "asked"), (name, "internal_error")]
