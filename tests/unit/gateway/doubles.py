"""Stand-ins for what the gateway talks to, and the smallest valid request of every route."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

from actors.outcome import Answered, Outcome, Players
from engine.answers import (
    Balance,
    BlockAnswer,
    DepositAnswer,
    GrantAnswer,
    Granted,
    RegisteredAnswer,
    RollbackAnswer,
    RoundAnswer,
    Wagering,
)
from engine.commands import Block, CommandBody, Deposit, GrantCampaign, Register, Rollback, Unblock
from engine.queries import GetBonuses, GetPlayer, GetRounds, QueryBody
from engine.views import AnyReply, GrantsView, PlayerView, RoundsView
from gateway.app import GatewayApp, create_app
from gateway.auth import Authenticator, Caller, OpenAuth
from gateway.settings import GatewaySettings

BALANCE = Balance(real=9_900, bonus=500, bonus_usable=300, withdrawable=9_900)
ROUND = RoundAnswer(
    session_id="s-1",
    round_id=None,
    game_id="book-of-dunes",
    mode="real",
    state="open",
    bet_amount=100,
    win_amount=0,
    win_reported=0,
    remaining_spins=0,
    currency="EUR",
    funds_real=100,
    funds_bonus=0,
    balance=BALANCE,
    wagering=Wagering("g-1", 3_400, 100, 500),
    time_ms=1_767_225_600_000,
)
VIEW = PlayerView("p1", 3, "EUR", "DE", "de", ("newcomers",), False, BALANCE, (), (), (ROUND,))
REPLIES: Mapping[type, AnyReply] = {
    Register: RegisteredAnswer(True, "EUR", "DE", "de", ("newcomers",)),
    Deposit: DepositAnswer("d-1", 10_000, 1, "EUR", BALANCE, (Granted("welcome-100", "g-1", 5_000),)),
    GrantCampaign: GrantAnswer(Granted("gift", None, 0, "k-1", 20), BALANCE),
    Block: BlockAnswer(True, "fraud"),
    Unblock: BlockAnswer(False, "cleared"),
    Rollback: RollbackAnswer("rolled_back", ("g-1",), "s-1", BALANCE),
    GetPlayer: VIEW,
    GetRounds: RoundsView((ROUND,)),
    GetBonuses: GrantsView(()),
}


class Asked(NamedTuple):
    """What a player was asked."""

    player_id: str
    command_id: str
    body: CommandBody | QueryBody


class ScriptedPlayers:
    """Answers everything plausibly, or with `outcome`; remembers what it was asked."""

    def __init__(self, outcome: Outcome | None = None, replayed: bool = False) -> None:
        self.asked: list[Asked] = []
        self._outcome = outcome
        self._replayed = replayed

    def ask(self, player_id: str, command_id: str, body: CommandBody | QueryBody) -> "asyncio.Future[Outcome]":
        self.asked.append(Asked(player_id, command_id, body))
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        future.set_result(self._outcome or Answered(REPLIES.get(type(body), ROUND), self._replayed))
        return future


class QuietCluster:
    """A cluster that is ready, or says why not."""

    def __init__(self, not_ready: str = "") -> None:
        self._not_ready = not_ready

    def ready(self) -> tuple[bool, str]:
        return not self._not_ready, self._not_ready

    def cluster(self) -> Mapping[str, Any]:
        return {"shards": [{"shard_id": "s0", "epoch": 3}]}

    def metric_targets(self) -> list[Mapping[str, Any]]:
        return [{"targets": ["127.0.0.1:8080"], "labels": {"role": "gateway"}}]

    def catalog_version(self) -> str:
        return "5f3a"


class RoleAuth:
    """Every caller has exactly the given roles."""

    def __init__(self, *roles: Any) -> None:
        self._caller = Caller("tester", frozenset(roles))

    def caller(self, method: str, target: bytes, headers: Mapping[bytes, bytes], body: bytes) -> Caller:
        return self._caller


def app_with(
    players: Players | None = None,
    auth: Authenticator | None = None,
    settings: GatewaySettings | None = None,
    not_ready: str = "",
) -> GatewayApp:
    """An application over doubles."""
    cluster = QuietCluster(not_ready)
    return create_app(players or ScriptedPlayers(), auth or OpenAuth(), cluster, settings or GatewaySettings())


@asynccontextmanager
async def calling(app: Callable[..., Any]) -> AsyncIterator[httpx.AsyncClient]:
    """A client that drives the application without a socket."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://croupier") as client:
        yield client


class Sample(NamedTuple):
    """A valid request: path and query, and a JSON body if the route takes one."""

    path: str
    json: Mapping[str, Any] | None = None


SPIN = "/spin?player_id=p1&game_id=book-of-dunes&mode=real&bet=100"
SAMPLES: Mapping[str, Sample] = {
    "POST /spin": Sample(SPIN),
    "POST /spin/{session_id}/result": Sample("/spin/s-1/result", {"player_id": "p1", "win": 250}),
    "POST /spin/{session_id}/bet": Sample("/spin/s-1/bet", {"player_id": "p1", "amount": 50}),
    "POST /spin/{session_id}/cancel": Sample("/spin/s-1/cancel", {"player_id": "p1"}),
    "POST /spin/rollback": Sample("/spin/rollback", {"player_id": "p1", "transaction_id": "bet-1"}),
    "GET /spin/{session_id}": Sample("/spin/s-1?player_id=p1"),
    "GET /players/{player_id}/rounds": Sample("/players/p1/rounds"),
    "PUT /players/{player_id}": Sample("/players/p1", {"currency": "EUR"}),
    "GET /players/{player_id}": Sample("/players/p1"),
    "POST /players/{player_id}/deposits": Sample("/players/p1/deposits", {"amount": 10_000}),
    "POST /players/{player_id}/block": Sample("/players/p1/block", {"reason": "fraud"}),
    "POST /players/{player_id}/unblock": Sample("/players/p1/unblock", {"reason": "cleared"}),
    "GET /players/{player_id}/bonuses": Sample("/players/p1/bonuses"),
    "POST /players/{player_id}/bonuses": Sample("/players/p1/bonuses", {"campaign_id": "gift", "reason": "sorry"}),
    "GET /catalog": Sample("/catalog"),
    "GET /cluster": Sample("/cluster"),
    "GET /health/live": Sample("/health/live"),
    "GET /health/ready": Sample("/health/ready"),
    "GET /metrics": Sample("/metrics"),
    "GET /metrics/targets": Sample("/metrics/targets"),
}
CHANGES = [name for name in SAMPLES if not name.startswith("GET")]


async def send(
    client: httpx.AsyncClient, name: str, key: str | None = "k1", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Sends a route's sample."""
    sample = SAMPLES[name]
    keyed = {} if key is None else {"idempotency-key": key}
    method = name.partition(" ")[0]
    return await client.request(method, sample.path, json=sample.json, headers=keyed | dict(headers or {}))
