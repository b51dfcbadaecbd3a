"""Stand-ins for what the gateway talks to, and the smallest valid request of every route."""

import json
import zlib
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import msgspec
from msgspec.structs import replace

from actors.host.clock import now_ms
from actors.outcome import Answered, OnOutcome, Outcome, Players
from engine import commands as c
from engine.answers import (
    OPEN,
    AwardsAnswer,
    Balance,
    BlockAnswer,
    DepositAnswer,
    ErasedAnswer,
    FlagClearedAnswer,
    GrantAnswer,
    Granted,
    GrantStateAnswer,
    LevelAnswer,
    Points,
    PointsAnswer,
    RedemptionAnswer,
    RegisteredAnswer,
    ReportedBetAnswer,
    RollbackAnswer,
    RoundAnswer,
    SessionAnswer,
    Wagering,
    WithdrawalAnswer,
)
from engine.catalog import Campaign, Catalog, Privileges
from engine.commands import CommandBody
from engine.control_entries import ControlEntry, encode_control_entry
from engine.queries import GetBonuses, GetCancelPreview, GetLoyalty, GetPlayer, GetRounds, GetRtp, QueryBody
from engine.state import Redemption
from engine.views import (
    AnyReply,
    CancelPreview,
    GrantsView,
    LoyaltyView,
    NextLevel,
    PlayerView,
    RoundsView,
    RtpView,
)
from gateway.access.auth import Authenticator, Caller, OpenAuth
from gateway.access.roles import Role
from gateway.app import GatewayApp, create_app
from gateway.four_eyes.approvals import Summary, content_of
from gateway.http.wire import HttpRequest
from gateway.ports import (
    CampaignFigures,
    Checked,
    ControlLogPort,
    ControlPort,
    Deployed,
    HistoryBusy,
    HistoryPort,
    InForce,
    KeyTaken,
    LogUnavailable,
    Overtaken,
    Population,
    Proposal,
    ProposalsPort,
    ReadersPort,
    ReportAsked,
    ReportListed,
    ReportParameter,
    ReportRefused,
    ReportsPort,
    ReportStream,
    SandboxClock,
    TimeEnds,
)
from gateway.route_table import ROUTES
from gateway.settings import GatewaySettings
from gateway.texts import Texts
from tests.support.engine_players import CATALOG, NOW_MS

BALANCE = Balance(real=9_900, bonus=500, bonus_usable=300, withdrawable=9_900)
ROUND = RoundAnswer(
    session_id="s-1",
    round_id=None,
    game_id="book-of-dunes",
    mode="real",
    stage=OPEN,
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
    level="gold",
    points=1_234,
)
POINTS = Points(1_234, 1_000, 500, 20, 2_754)
GOLD = Privileges(1_250_000, 2_000_000, "email", 965_000, "accelerated", ("tournaments",))
LOYALTY = LoyaltyView(
    player_id="p1",
    level="gold",
    points=POINTS,
    cumulative_micro=62_000_009_999,
    qualifying_micro=60_000_019_999,
    rolling_micro=9_999_999_999,
    next_level=NextLevel("platinum", 200_000_000_000, 139_999_980_001),
    privileges=GOLD,
    points_expire_ms=1_798_761_600_000,
    level_since_ms=1_767_225_600_000,
    downgrade_at_risk=True,
    forced=True,
    redemptions=(Redemption("r9", 1_000, 1_000, "locked", 1_767_225_600_000, 1_767_484_800_000),),
)
VIEW = PlayerView("p1", 3, "EUR", "DE", "de", ("newcomers",), False, BALANCE, (), (), (ROUND,), (), LOYALTY)
DECLINED = Granted("spring", "g-2", 500, state="declined", reasons=("budget_exhausted",))
RESERVED = WithdrawalAnswer("w7", 400, "reserved", "EUR", BALANCE, ("g-1",), ("k-1",), "accelerated")
REDEEMED = Granted("redemption", "g-3", 1_000)
LOCKED = RedemptionAnswer("r9", "locked", 1_000, 1_000, "EUR", 1_767_484_800_000, POINTS, BALANCE)
CHANGED = GrantStateAnswer("g-1", "gift", "granted", (), BALANCE)
REPLIES: Mapping[type, AnyReply] = {
    c.Register: RegisteredAnswer(True, "EUR", "DE", "de", ("newcomers",)),
    c.Deposit: DepositAnswer("d-1", 10_000, 1, "EUR", BALANCE, (Granted("welcome-100", "g-1", 5_000),), (DECLINED,)),
    c.GrantCampaign: GrantAnswer(Granted("gift", None, 0, "k-1", 20), BALANCE),
    c.Block: BlockAnswer(True, "fraud"),
    c.Unblock: BlockAnswer(False, "cleared"),
    c.ErasePlayer: ErasedAnswer(1_700_000_000_000),
    c.ClearFlag: FlagClearedAnswer("f0123456789abcdef", "win_already_spent", "s-1", 500, "settled by hand"),
    c.Rollback: RollbackAnswer("rolled_back", ("g-1",), "s-1", BALANCE),
    c.RollbackReportedBet: RollbackAnswer("tombstoned", (), None, BALANCE),
    c.Withdraw: RESERVED,
    c.ConfirmWithdrawal: WithdrawalAnswer("w7", 400, "confirmed", "EUR", BALANCE),
    c.CancelWithdrawal: WithdrawalAnswer("w7", 400, "cancelled", "EUR", BALANCE),
    c.StartSession: SessionAnswer((ROUND,), (Granted("gift", "g-1", 500),), (DECLINED,), 965_000),
    c.PostEvent: AwardsAnswer(BALANCE, (Granted("gift", "g-1", 500),)),
    c.EnterCode: AwardsAnswer(BALANCE, (Granted("gift", "g-1", 500),), (DECLINED,)),
    c.ReportBet: ReportedBetAnswer("b8", 333, "table", 290_043, points_micro=145_021, level="gold"),
    c.ClaimGrant: CHANGED,
    c.CancelGrant: GrantStateAnswer("g-1", "gift", "cancelled", (), BALANCE),
    c.ApproveGrant: CHANGED,
    c.DeclineGrant: GrantStateAnswer("g-1", "gift", "declined", ("shared_device",), BALANCE),
    c.ReleaseGrant: GrantStateAnswer("g-1", "gift", "completed", (), BALANCE),
    c.AdjustPoints: PointsAnswer(POINTS),
    c.ForceLevel: LevelAnswer("silver", "gold"),
    c.RequestRedemption: LOCKED,
    c.ConfirmRedemption: replace(LOCKED, state="confirmed", granted=(REDEEMED,)),
    c.CancelRedemption: replace(LOCKED, state="cancelled"),
    GetLoyalty: LOYALTY,
    GetRtp: RtpView(965_000, "gold", True),
    GetCancelPreview: CancelPreview(300, 0, 9_900),
    GetPlayer: VIEW,
    GetRounds: RoundsView((ROUND,)),
    GetBonuses: GrantsView(()),
}


TEXTS = Texts(
    {
        "en": {
            "campaign.gift.name": "A gift",
            "campaign.gift.description": "5 EUR for you.",
            "level.bronze.name": "Bronze",
            "level.gold.name": "Gold",
        },
        "de": {"campaign.gift.name": "Ein Geschenk", "level.bronze.name": "Bronze (Stufe 1)"},
        "sv": {"campaign.gift.name": "En gåva"},
    }
)
QUIET = CampaignFigures(0, 0, 0, 0, 0)
SOUND = Checked((), (), (), 7)
DEPLOYED = Deployed("77aa", 8, {"added": ["campaigns.spring"], "removed": [], "changed": [], "left_off": 0})


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

    def submit(self, player_id: str, command_id: str, body: CommandBody | QueryBody, on_outcome: OnOutcome) -> None:
        self.asked.append(Asked(player_id, command_id, body))
        on_outcome(self._outcome or Answered(REPLIES.get(type(body), ROUND), self._replayed))


class QuietCluster:
    """A cluster that is ready, or says why not."""

    def __init__(self, not_ready: str = "", readers: Sequence[str] = ()) -> None:
        self._not_ready, self._readers = not_ready, readers

    def ready(self) -> tuple[bool, str]:
        return not self._not_ready, self._not_ready

    def cluster(self) -> Mapping[str, Any]:
        readers = {"readers": [{"name": name} for name in self._readers]} if self._readers else {}
        return {"shards": [{"shard_id": "s0", "epoch": 3}], **readers}

    def metric_targets(self) -> list[Mapping[str, Any]]:
        return [{"targets": ["127.0.0.1:8080"], "labels": {"role": "gateway"}}]


class ScriptedControl:
    """A catalog in force, and one that is `checked` as told; remembers what was deployed, and by whom, under which id.

    `first` is what is known of every deploy from before.
    """

    def __init__(
        self,
        checked: Checked = SOUND,
        figures: CampaignFigures | None = QUIET,
        outcome: Deployed | Checked | Overtaken | KeyTaken = DEPLOYED,
        first: Deployed | KeyTaken | None = None,
    ) -> None:
        self.bundles: list[Mapping[str, bytes]] = []
        self.deploys: list[tuple[Mapping[str, bytes], str, str]] = []
        self.advanced: dict[str, int] = {}
        self.checked, self.outcome = checked, outcome
        self._figures, self._first = figures, first
        self.figures_asked: list[list[str]] = []
        self.left_seconds: int | None = None
        """Before time ends, for whoever moves the clock; None: enough."""

    def catalog(self) -> Catalog:
        return CATALOG

    def texts(self) -> Texts:
        return TEXTS

    def in_force(self) -> InForce:
        return InForce("5f3a", 7, NOW_MS, "ann")

    async def check(self, files: Mapping[str, bytes]) -> Checked:
        self.bundles.append(files)
        return self.checked

    async def deployed(self, files: Mapping[str, bytes], command_id: str) -> Deployed | KeyTaken | None:
        return self._first

    async def deploy(
        self, files: Mapping[str, bytes], by: str, base: int | None = None, command_id: str = ""
    ) -> Deployed | Checked | Overtaken | KeyTaken:
        self.deploys.append((files, by, command_id))
        return self.outcome

    async def figures(self, campaigns: Sequence[Campaign]) -> Mapping[str, CampaignFigures]:
        self.figures_asked.append([each.campaign_id for each in campaigns])
        return {} if self._figures is None else {each.campaign_id: self._figures for each in campaigns}

    async def population(self) -> Population | None:
        return Population(4, 10_000_000, {"bronze": 3, "silver": 1})

    async def advance_clock(self, seconds: int, command_id: str) -> SandboxClock | KeyTaken | TimeEnds:
        replayed = command_id in self.advanced
        if self.advanced.setdefault(command_id, seconds) != seconds:
            return KeyTaken()
        ahead_ms = sum(self.advanced.values()) * 1000
        if self.left_seconds is not None:
            return TimeEnds(self.left_seconds)
        return SandboxClock(NOW_MS + ahead_ms, ahead_ms, replayed)


class MemoryControlLog:
    """A control log in memory; `down` says why it can't be used, if it can't."""

    def __init__(self) -> None:
        self.entries: list[ControlEntry] = []
        self.down = ""

    async def append(self, entries: Sequence[ControlEntry]) -> None:
        if self.down:
            raise LogUnavailable(self.down)
        self.entries += entries

    async def before(self, number: int | None, limit: int) -> Sequence[tuple[int, bytes]]:
        if self.down:
            raise LogUnavailable(self.down)
        last = len(self.entries) if number is None else min(number - 1, len(self.entries))
        numbers = range(last, max(0, last - limit), -1)
        return [(each, encode_control_entry(self.entries[each - 1])) for each in numbers]

    def told(self) -> list[tuple[str, str]]:
        """Operation and outcome of every entry."""
        return [(entry.operation, entry.outcome) for entry in self.entries]


class MemoryProposals:
    """Proposals in memory."""

    def __init__(self) -> None:
        self.held: dict[str, Proposal] = {}
        self.bodies: dict[str, bytes] = {}
        self.full = False

    async def put(self, proposal: Proposal, body: bytes) -> Proposal | None:
        if self.full:
            return None
        self.bodies.setdefault(proposal.proposal_id, body)
        return self.held.setdefault(proposal.proposal_id, proposal)

    async def listed(self) -> Sequence[Proposal]:
        return list(self.held.values())[::-1]

    async def body(self, proposal_id: str) -> bytes | None:
        return self.bodies.get(proposal_id)

    async def decide(self, proposal_id: str, known: bytes, decision: bytes) -> bytes | None:
        held = self.held.get(proposal_id)
        if held is None:
            return None
        if held.decision == known:
            self.held[proposal_id] = held = held._replace(decision=decision)
        return held.decision


ENDPOINT: Mapping[str, Any] = {
    "name": "pms",
    "url": "https://pms.example/hooks",
    "mode": "latest",
    "events": ["LevelChanged"],
    "state": "ok",
    "why": "",
    "owed": 2,
    "lag_ms": 1_500,
    "dead": 0,
    "last_success": "2026-01-01T00:00:00.000Z",
    "failing_since": None,
    "disabled_since": None,
}
RECEIPT: Mapping[str, Any] = {
    "format": 1,
    "player_id": "p1",
    "session_id": "s-1",
    "entries": [{"version": 3, "leaf": "ZW50cnk=", "index": 7, "path": ["cGF0aA=="]}],
    "checkpoint": "casino.example/log\n8\ncm9vdA==\n\n— casino.example/log c2ln\n",
    "more": False,
}
READER_ANSWERS: Mapping[str, Any] = {
    "receipt": {"outcome": "proven", "receipt": RECEIPT, "version": 3},
    "list": {"endpoints": [ENDPOINT]},
    "test": {"endpoint": "pms", "outcome": "delivered", "status": 204, "ms": 12, "detail": ""},
    "replay": {"endpoint": "pms", "replayed": 1, "missing": [], "next_ms": None},
    "enable": ENDPOINT,
    "disable": ENDPOINT,
    "stopped": {"count": 1, "players": [{"player_id": "p1", "last": 3, "came": 5, "at": "2026-03-01T12:00:00.000Z"}]},
    "resume": {"player_id": "p1", "resumed": True, "last": 3},
}


class ScriptedReaders:
    """Answers everything plausibly, or with `said`; remembers what it was asked."""

    def __init__(self, said: Mapping[str, Any] | None = None) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._said = said

    async def ask_reader(self, name: str, request: bytes) -> bytes:
        self.asked.append((name, json.loads(request)))
        return json.dumps(self._said or READER_ANSWERS[self.asked[-1][1]["do"]]).encode()


GGR = ReportListed("ggr", "GGR", "Stakes less wins.", frozenset({"auditor", "marketing_manager"}))
STATEMENT = ReportListed(
    "player-statement",
    "Player statement",
    "What moved a player's money.",
    frozenset({"support"}),
    (ReportParameter("player_id", "the player", None),),
)


class ScriptedReports:
    """Two reports. Answers with a few bytes, or with `refused`; remembers what it was asked."""

    def __init__(self, refused: ReportRefused | None = None, reconciled: bool | None = True) -> None:
        self.asked: list[ReportAsked] = []
        self._refused, self._reconciled = refused, reconciled

    async def listed(self) -> Sequence[ReportListed]:
        return [GGR, STATEMENT]

    async def ask(self, asked: ReportAsked) -> ReportStream | ReportRefused:
        self.asked.append(asked)
        if self._refused is not None:
            return self._refused
        return ReportStream("text/csv; charset=utf-8", True, self._reconciled, _told(b"day,ggr\r\n", b"x,1.00\r\n"))


async def _told(*pieces: bytes) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


AMOUNTS: Mapping[str, Any] = {"real": -100, "bonus": 0, "points": "1"}
LINE: Mapping[str, Any] = {
    "event": "BetPlaced",
    "text": "The whole stake of 1.00 EUR came from real money: no bonus was in wager.",
    "rules": [{"section": "§2.1", "paragraph": "A stake is taken from the real wallet first"}],
    "moved": AMOUNTS,
    "vip": False,
}
SECRET_LINE: Mapping[str, Any] = {**LINE, "event": "LevelChanged", "text": "The level changed to gold.", "vip": True}
ENTRY: Mapping[str, Any] = {
    "version": 3,
    "time": "2026-01-01T00:00:00.000Z",
    "request_id": "k1",
    "moved": AMOUNTS,
    "after": AMOUNTS,
}
HISTORY: Mapping[str, Any] = {
    "player_id": "p1",
    "currency": "EUR",
    "exponent": 2,
    "entries": [{**ENTRY, "lines": [LINE, SECRET_LINE]}],
    "cursor": "sealed",
    "complete": True,
    "note": "",
}
EXPLAINED: Mapping[str, Any] = {
    "player_id": "p1",
    "session_id": "p1-3",
    "game_id": "book",
    "round_id": None,
    "mode": "real",
    "state": "closed",
    "currency": "EUR",
    "exponent": 2,
    "entries": [{**ENTRY, "steps": [LINE], "level": "gold"}],
    "moved": AMOUNTS,
    "terms": [],
    "catalog": "77aa",
    "read_through": 9,
    "notes": [],
    "receipt_url": "/players/p1/receipts/p1-3",
}
TERMS: Mapping[str, Any] = {
    "grant_id": "g-1",
    "campaign_id": "gift",
    "multiplier": "35",
    "wager_total": 35_000,
    "min_bet": None,
    "max_bet": 500,
    "over_max_bet": "reject",
    "max_bet_counts": "round",
    "excluded_games": [],
    "excluded_policy": "no_progress",
    "contribution_games": {},
    "contribution_types": {"table": 10},
    "max_cashout": None,
    "min_average_bet": None,
    "funds_order": None,
    "cancel_on_withdrawal": True,
    "words": ["To be wagered: 350.00 EUR (multiplier 35)."],
}
DISPUTE: Mapping[str, Any] = {
    "player_id": "p1",
    "grant_id": "g-1",
    "campaign_id": "gift",
    "source": "manual",
    "currency": "EUR",
    "exponent": 2,
    "state": "in_wager",
    "created_at": "2026-01-01T00:00:00.000Z",
    "opted_in_at": None,
    "granted_at": "2026-01-01T00:00:00.000Z",
    "ended_at": None,
    "amount": 1_000,
    "balance": 1_000,
    "released": 0,
    "removed": 0,
    "wager_total": 35_000,
    "counted": 0,
    "remaining": 35_000,
    "ending": "The bonus has not ended.",
    "limit_hit": None,
    "verdict": "allow",
    "reasons": [],
    "terms": TERMS,
    "catalog": "77aa",
    "bets": [],
    "steps": [],
    "read_through": 9,
    "notes": [],
}
HISTORY_ANSWERS: Mapping[str, Any] = {"history": HISTORY, "round": EXPLAINED, "dispute": DISPUTE}


class ScriptedHistory:
    """Finds everything, or says `said`; remembers what it was asked. `busy`: it has no place."""

    def __init__(self, said: Mapping[str, Any] | None = None, busy: bool = False) -> None:
        self.asked: list[Any] = []
        self._said, self._busy = said, busy

    async def ask_history(self, request: bytes) -> bytes:
        if self._busy:
            raise HistoryBusy
        self.asked.append(json.loads(request))
        found: Mapping[str, Any] = {"outcome": "found", "document": HISTORY_ANSWERS[self.asked[-1]["do"]]}
        if self.asked[-1].get("form") == "pdf":
            found = {"outcome": "found", "pdf": b64encode(b"%PDF-1.7").decode()}
        return json.dumps(self._said or found).encode()


class RoleAuth:
    """Every caller has exactly the given roles."""

    def __init__(self, *roles: Any) -> None:
        self._caller = Caller("tester", frozenset(roles))

    def caller(self, request: HttpRequest) -> Caller:
        return self._caller

    def standing(self, headers: Mapping[bytes, bytes]) -> object:
        return self._caller

    def watch(self, on_change: Callable[[], None]) -> None:
        pass


WAITS = "0123456789abcdef01234567"


def one_waiting(*roles: Role) -> MemoryProposals:
    """Bob waits for somebody with these roles to approve what he wants; by default anybody who may approve is right."""
    wanted = msgspec.json.encode({"player_id": "p1", "points": 500, "reason": "sorry"})
    summary = Summary(
        route="POST /loyalty/points/add",
        who="bob",
        proposer_roles=("loyalty_admin",),
        roles=roles,
        command_id="bob:k7",
        content=content_of(wanted),
        content_type="application/json",
        why="Adjustments by more than 100 points need two persons.",
        player_id="p1",
        reason="sorry",
    )
    proposals = MemoryProposals()
    proposals.held[WAITS] = Proposal(WAITS, now_ms(), msgspec.msgpack.encode(summary))
    proposals.bodies[WAITS] = zlib.compress(wanted)
    return proposals


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
        settings=settings,
        readers=readers or ScriptedReaders(),
        reports=reports or ScriptedReports(),
        history=history or ScriptedHistory(),
    )


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


REASON = {"reason": "checked"}
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
    "POST /players/{player_id}/erase": Sample("/players/p1/erase", {"reason": "asked for by mail"}),
    "POST /players/{player_id}/flags/{flag_id}/clear": Sample(
        "/players/p1/flags/f0123456789abcdef/clear", {"reason": "settled by hand"}
    ),
    "POST /players/{player_id}/withdrawals": Sample("/players/p1/withdrawals", {"amount": 400}),
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/confirm": Sample("/players/p1/withdrawals/w7/confirm", {}),
    "POST /players/{player_id}/withdrawals/{withdrawal_id}/cancel": Sample("/players/p1/withdrawals/w7/cancel", {}),
    "POST /players/{player_id}/sessions": Sample("/players/p1/sessions", {}),
    "POST /players/{player_id}/events": Sample("/players/p1/events", {"name": "app_installed"}),
    "POST /players/{player_id}/codes": Sample("/players/p1/codes", {"code": "SPRING"}),
    "POST /players/{player_id}/bets": Sample("/players/p1/bets", {"amount": 333, "game_type": "table"}),
    "POST /players/{player_id}/bets/rollback": Sample("/players/p1/bets/rollback", {"transaction_id": "bet-1"}),
    "GET /players/{player_id}/bonuses": Sample("/players/p1/bonuses"),
    "POST /players/{player_id}/bonuses": Sample("/players/p1/bonuses", {"campaign_id": "gift", "reason": "sorry"}),
    "GET /players/{player_id}/bonuses/{grant_id}/cancel-preview": Sample("/players/p1/bonuses/g-1/cancel-preview"),
    "POST /players/{player_id}/bonuses/{grant_id}/claim": Sample("/players/p1/bonuses/g-1/claim", {}),
    "POST /players/{player_id}/bonuses/{grant_id}/cancel": Sample("/players/p1/bonuses/g-1/cancel", {}),
    "POST /players/{player_id}/bonuses/{grant_id}/approve": Sample("/players/p1/bonuses/g-1/approve", REASON),
    "POST /players/{player_id}/bonuses/{grant_id}/decline": Sample("/players/p1/bonuses/g-1/decline", REASON),
    "POST /players/{player_id}/bonuses/{grant_id}/release": Sample("/players/p1/bonuses/g-1/release", REASON),
    "GET /players/{player_id}/rtp": Sample("/players/p1/rtp?game_id=book-of-dunes"),
    "GET /loyalty/levels": Sample("/loyalty/levels"),
    "GET /loyalty/{player_id}": Sample("/loyalty/p1"),
    "POST /loyalty/points/add": Sample("/loyalty/points/add", {"player_id": "p1", "points": -5, **REASON}),
    "POST /loyalty/status/update": Sample("/loyalty/status/update", {"player_id": "p1", "level": "gold", **REASON}),
    "POST /loyalty/redemptions": Sample("/loyalty/redemptions", {"player_id": "p1", "points": 1_000}),
    "POST /loyalty/redemptions/{redemption_id}/confirm": Sample("/loyalty/redemptions/r9/confirm", {"player_id": "p1"}),
    "POST /loyalty/redemptions/{redemption_id}/cancel": Sample("/loyalty/redemptions/r9/cancel", {"player_id": "p1"}),
    "GET /campaigns": Sample("/campaigns"),
    "GET /campaigns/{campaign_id}": Sample("/campaigns/gift"),
    "GET /catalog": Sample("/catalog"),
    "POST /catalog/check": Sample("/catalog/check", {"files": {"games.yaml": "games: {}"}}),
    "POST /catalog/deploy": Sample("/catalog/deploy", {"files": {"games.yaml": "games: {}"}}),
    "POST /sandbox/clock": Sample("/sandbox/clock", {"advance_seconds": 60}),
    "GET /players/{player_id}/receipts/{session_id}": Sample("/players/p1/receipts/s-1"),
    "GET /players/{player_id}/history": Sample("/players/p1/history"),
    "GET /players/{player_id}/rounds/{session_id}/explain": Sample("/players/p1/rounds/p1-3/explain"),
    "GET /players/{player_id}/bonuses/{grant_id}/dispute.json": Sample("/players/p1/bonuses/g-1/dispute.json"),
    "GET /players/{player_id}/bonuses/{grant_id}/dispute.pdf": Sample("/players/p1/bonuses/g-1/dispute.pdf"),
    "GET /webhooks": Sample("/webhooks"),
    "POST /webhooks/{name}/test": Sample("/webhooks/pms/test"),
    "POST /webhooks/{name}/replay": Sample("/webhooks/pms/replay", {"ids": ["p1-3-0"]}),
    "POST /webhooks/{name}/enable": Sample("/webhooks/pms/enable"),
    "POST /webhooks/{name}/disable": Sample("/webhooks/pms/disable"),
    "GET /reports": Sample("/reports"),
    "GET /reports/{name}.{format}": Sample("/reports/ggr.csv"),
    "GET /readers/{name}/stopped": Sample("/readers/archive/stopped"),
    "POST /readers/{name}/stopped/{player_id}/resume": Sample("/readers/archive/stopped/p1/resume"),
    "GET /cluster": Sample("/cluster"),
    "GET /audit": Sample("/audit"),
    "GET /approvals": Sample("/approvals"),
    "POST /approvals/{approval_id}/approve": Sample(f"/approvals/{WAITS}/approve"),
    "POST /approvals/{approval_id}/reject": Sample(f"/approvals/{WAITS}/reject", {"reason": "not like this"}),
    "GET /health/live": Sample("/health/live"),
    "GET /health/ready": Sample("/health/ready"),
    "GET /metrics": Sample("/metrics"),
    "GET /metrics/targets": Sample("/metrics/targets"),
    "GET /asyncapi.json": Sample("/asyncapi.json"),
}
KEYED = [name for name, route in ROUTES.items() if route.keyed]
"""What changes something, and needs a key."""
CHANGES = [name for name in KEYED if ROUTES[name].asks_player]
"""What changes a player."""


async def send(
    client: httpx.AsyncClient, name: str, key: str | None = "k1", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Sends a route's sample."""
    sample = SAMPLES[name]
    keyed = {} if key is None else {"idempotency-key": key}
    method = name.partition(" ")[0]
    return await client.request(method, sample.path, json=sample.json, headers=keyed | dict(headers or {}))
