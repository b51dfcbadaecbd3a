"""A house in which two persons are asked for, and the people in it."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
from msgspec.structs import replace

from engine.catalog import Catalog, FourEyes
from gateway.access.auth import Caller
from gateway.access.roles import Role
from gateway.app import GatewayApp
from gateway.http.wire import HttpRequest
from tests.support.engine_players import CATALOG
from tests.support.gateway_doubles import (
    MemoryControlLog,
    MemoryProposals,
    ScriptedControl,
    ScriptedPlayers,
    app_with,
    calling,
)

PEOPLE: Mapping[str, tuple[Role, ...]] = {
    "ann": ("loyalty_admin",),
    "bob": ("loyalty_admin",),
    "olga": ("ops",),
    "mia": ("marketing_manager",),
    "max": ("marketing_manager", "ops"),
    "tom": ("marketing_manager", "ops"),
    "eva": ("auditor",),
}
STRICT = FourEyes(points=100, forced_level=True, campaign_budget_micro_eur=1_000_000)


class PeopleAuth:
    """Everybody is who they say they are, with the roles above."""

    def caller(self, request: HttpRequest) -> Caller:
        name = request.headers[b"x-api-key"].decode()
        return Caller(name, frozenset(PEOPLE[name]))

    def standing(self, headers: Mapping[bytes, bytes]) -> object:
        return None

    def watch(self, on_change: Callable[[], None]) -> None:
        pass


class Strict(ScriptedControl):
    """Two persons are asked for."""

    rules = STRICT

    def catalog(self) -> Catalog:
        return replace(CATALOG, four_eyes=self.rules)


class House:
    """A gateway with everything that it was given to remember."""

    def __init__(self, players: ScriptedPlayers | None = None, control: ScriptedControl | None = None) -> None:
        self.players, self.control = players or ScriptedPlayers(), control or Strict()
        self.log, self.proposals = MemoryControlLog(), MemoryProposals()
        self.app: GatewayApp = app_with(
            self.players, PeopleAuth(), control=self.control, control_log=self.log, proposals=self.proposals
        )

    async def ask(self, who: str, path: str, json: Any = None, key: str = "k1") -> httpx.Response:
        async with calling(self.app) as client:
            method = "GET" if json is None else "POST"
            headers = {"x-api-key": who, "idempotency-key": key}
            return await client.request(method, path, json=json, headers=headers)

    async def points(self, who: str = "ann", points: int = 500, key: str = "k1") -> httpx.Response:
        return await self.ask(who, "/loyalty/points/add", {"player_id": "p1", "points": points, "reason": "sorry"}, key)

    async def approve(self, who: str, approval_id: str, key: str = "a1") -> httpx.Response:
        return await self.ask(who, f"/approvals/{approval_id}/approve", {}, key)

    async def reject(self, who: str, approval_id: str) -> httpx.Response:
        return await self.ask(who, f"/approvals/{approval_id}/reject", {"reason": "too much"}, "r1")

    async def proposed(self) -> str:
        response = await self.points()
        assert response.status_code == 202, response.text
        return str(response.json()["approval_id"])

    @property
    def done(self) -> list[tuple[str, str]]:
        return [(type(asked.body).__name__, asked.command_id) for asked in self.players.asked]


def told(house: House) -> list[tuple[str, str, str, str]]:
    return [(entry.operation, entry.outcome, entry.who, entry.approved_by) for entry in house.log.entries]


ADD, APPROVE = "POST /loyalty/points/add", "POST /approvals/{approval_id}/approve"
