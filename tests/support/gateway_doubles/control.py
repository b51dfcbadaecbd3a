"""The control plane: a cluster, a catalog in force, the control log, proposals that wait."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.host.clock import now_ms
from engine.catalog import Campaign, Catalog
from engine.control_entries import ControlEntry, encode_control_entry
from gateway.access.roles import Role
from gateway.four_eyes.approvals import Summary, content_of
from gateway.live_operations import OperationAsked, OperationBegun, OperationRefused
from gateway.ports import (
    CampaignFigures,
    Checked,
    Deployed,
    InForce,
    KeyTaken,
    LogUnavailable,
    Overtaken,
    Population,
    Proposal,
    SandboxClock,
    TimeEnds,
)
from gateway.texts import Texts
from tests.support.engine_players import CATALOG, NOW_MS

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


class QuietCluster:
    """A cluster that is ready, or says why not; `trouble` of its store may come."""

    trouble = ""

    def __init__(self, not_ready: str = "", readers: Sequence[str] = ()) -> None:
        self._not_ready, self._readers = not_ready, readers

    def ready(self) -> tuple[bool, str]:
        return not self._not_ready, self._not_ready

    def not_writing(self) -> str:
        return self.trouble

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


OPERATION: Mapping[str, Any] = {
    "number": 3,
    "kind": "scale",
    "asked": "2 → 4 shards",
    "by": "tester",
    "state": "running",
    "trouble": None,
    "began_at": "2026-01-01T00:00:00.000Z",
    "ended_at": None,
    "slots_moved": 0,
    "slots_left": 128,
    "shards_done": 0,
    "shards_left": 0,
    "longest_wait_ms": 0,
}


class ScriptedOperations:
    """Begins whatever it is asked for, or answers with `outcome`; remembers what it was asked, by whom, and the id."""

    def __init__(self, outcome: OperationRefused | KeyTaken | None = None) -> None:
        self.asked: list[tuple[OperationAsked, str, str]] = []
        self._outcome = outcome

    async def begin(
        self, asked: OperationAsked, by: str, command_id: str
    ) -> OperationBegun | OperationRefused | KeyTaken:
        replayed = any(command_id == known for _, _, known in self.asked)
        self.asked.append((asked, by, command_id))
        return OperationBegun(OPERATION, replayed) if self._outcome is None else self._outcome


class MemoryControlLog:
    """A control log in memory; `down` says why it can't be used, if it can't."""

    def __init__(self) -> None:
        self.entries: list[ControlEntry] = []
        self.down = ""
        self.gone = 0
        """So many of the oldest entries are in the archive only."""

    async def append(self, entries: Sequence[ControlEntry]) -> None:
        if self.down:
            raise LogUnavailable(self.down)
        self.entries += entries

    async def before(self, number: int | None, limit: int) -> Sequence[tuple[int, bytes]]:
        if self.down:
            raise LogUnavailable(self.down)
        last = len(self.entries) if number is None else min(number - 1, len(self.entries))
        numbers = range(last, max(self.gone, last - limit), -1)
        return [(each, encode_control_entry(self.entries[each - 1])) for each in numbers]

    async def oldest(self) -> tuple[int, bytes] | None:
        if self.down:
            raise LogUnavailable(self.down)
        held = self.entries[self.gone :]
        return (self.gone + 1, encode_control_entry(held[0])) if held else None

    def told(self) -> list[tuple[str, str]]:
        """Operation and outcome of every entry."""
        return [(entry.operation, entry.outcome) for entry in self.entries]


class MemoryProposals:
    """Proposals in memory."""

    def __init__(self) -> None:
        self.held: dict[str, Proposal] = {}
        self.bodies: dict[str, bytes] = {}
        self.most = 64

    async def put(self, proposal: Proposal, body: bytes) -> Proposal | None:
        if proposal.proposal_id not in self.held and len(self.held) >= self.most:
            return None
        self.bodies.setdefault(proposal.proposal_id, body)
        return self.held.setdefault(proposal.proposal_id, proposal)

    async def remove(self, proposal_id: str, decision: bytes) -> None:
        if self.held[proposal_id].decision == decision:
            del self.held[proposal_id], self.bodies[proposal_id]

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
