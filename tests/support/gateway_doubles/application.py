"""The application over all doubles, and a client that calls it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from actors.outcome import Players
from gateway.access.auth import Authenticator, Caller, OpenAuth
from gateway.access.rates import Rate
from gateway.app import GatewayApp, create_app
from gateway.http.wire import HttpRequest
from gateway.live_operations import OperationsPort
from gateway.ports import (
    ControlLogPort,
    ControlPort,
    HistoryPort,
    ProposalsPort,
    ReadersPort,
    ReportsPort,
    SnapshotsPort,
    SwitchesPort,
)
from gateway.settings import GatewaySettings
from tests.support.gateway_doubles.control import (
    MemoryControlLog,
    QuietCluster,
    ScriptedControl,
    ScriptedOperations,
    one_waiting,
)
from tests.support.gateway_doubles.histories import ScriptedHistory
from tests.support.gateway_doubles.readers import ScriptedReaders
from tests.support.gateway_doubles.reports import ScriptedReports
from tests.support.gateway_doubles.switches import MemorySwitches
from tests.support.scripted_players import ScriptedPlayers


class RoleAuth:
    """Every caller has exactly the given roles, and the given rate."""

    def __init__(self, *roles: Any, rate: Rate | None = None) -> None:
        self._caller = Caller("tester", frozenset(roles), rate)

    def caller(self, request: HttpRequest) -> Caller:
        return self._caller

    def standing(self, headers: Mapping[bytes, bytes]) -> object:
        return self._caller

    def watch(self, on_change: Callable[[], None]) -> None:
        pass


SANDBOX = GatewaySettings(sandbox=True)


def app_with(
    players: Players | None = None,
    auth: Authenticator | None = None,
    settings: GatewaySettings = SANDBOX,
    not_ready: str = "",
    control: ControlPort | None = None,
    readers: ReadersPort | None = None,
    reader_names: Sequence[str] = ("archive", "webhooks"),
    reports: ReportsPort | None = None,
    history: HistoryPort | None = None,
    control_log: ControlLogPort | None = None,
    proposals: ProposalsPort | None = None,
    switches: SwitchesPort | None = None,
    operations: OperationsPort | None = None,
    snapshots: SnapshotsPort | None = None,
) -> GatewayApp:
    """An application over doubles, with the sandbox clock."""
    cluster = QuietCluster(not_ready, reader_names)
    return create_app(
        players=players or ScriptedPlayers(),
        auth=auth or OpenAuth(),
        cluster=cluster,
        control=control or ScriptedControl(),
        control_log=control_log or MemoryControlLog(),
        proposals=proposals or one_waiting(),
        switches=switches or MemorySwitches(),
        settings=settings,
        readers=readers or ScriptedReaders(),
        reports=reports or ScriptedReports(),
        history=history or ScriptedHistory(),
        operations=operations or ScriptedOperations(),
        snapshots=snapshots,
    )


@asynccontextmanager
async def calling(app: Callable[..., Any]) -> AsyncIterator[httpx.AsyncClient]:
    """A client that drives the application without a socket."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://croupier") as client:
        yield client
