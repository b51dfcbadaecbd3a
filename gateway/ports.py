"""What the gateway needs to know about the rest of the cluster, apart from the players themselves."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from engine.catalog import Campaign, Catalog
from engine.control_entries import ControlEntry
from engine.queries import QueryBody
from engine.switches import Switch, Switches
from engine.views import AnyReply
from gateway.texts import Texts


class ClusterPort(Protocol):
    """Answers from what this process already knows: none of these may block or raise."""

    def ready(self) -> tuple[bool, str]:
        """Whether every player has a shard that serves; if not, one sentence says which have none."""

    def not_writing(self) -> str:
        """Which shards can't write to the store just now, in a sentence; "" if all can, as far as is known."""

    def cluster(self) -> Mapping[str, Any]:
        """Shards, epochs, slots, players: the JSON of `GET /cluster`."""

    def metric_targets(self) -> Sequence[Mapping[str, Any]]:
        """Prometheus HTTP service discovery: `{"targets": ["host:port"], "labels": {…}}` per gateway, shard, reader."""


class Finding(NamedTuple):
    """One problem or warning of a catalog, in the words of a marketing person; `line` counts from 1."""

    file: str
    line: int
    reason: str


class Checked(NamedTuple):
    """A candidate catalog: refused if there are `problems`, taken with its `warnings`.

    `changed_files` names the files that were added, were removed, or have other bytes than those in force. It includes
    broken files, but no files that don't belong to a catalog. `base` is the number of the catalog in force that the
    candidate was compared with. `two_persons` says why a second person must approve it, if one must.
    """

    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    changed_files: tuple[str, ...]
    base: int
    two_persons: str = ""


class InForce(NamedTuple):
    """The catalog all shards decide under: content hash, running number, since when (Unix ms), and who deployed it."""

    version: str
    number: int
    at_ms: int
    by: str


class Deployed(NamedTuple):
    """A catalog is in force in every shard. `diff` is what changed, as JSON. `replayed`: it was done before."""

    version: str
    number: int
    diff: Mapping[str, Any]
    replayed: bool = False


class Overtaken(NamedTuple):
    """Nothing was deployed, because the catalog of this number is in force by now.

    The caller must compare and judge again.
    """

    number: int


class KeyTaken(NamedTuple):
    """Nothing was done, because the caller's key was used for another deploy, or another move of the clock."""


class CampaignFigures(NamedTuple):
    """Awards of one campaign (rules §6), and micro-EUR of its budget used, reserved and granted; None: not known."""

    issued: int | None = None
    redeemed: int | None = None
    expired: int | None = None
    active: int | None = None
    used_micro_eur: int | None = None


class Population(NamedTuple):
    """All registered players, the micro-points available to them together, and how many hold each level.

    `levels` stand in the order of the ladder, from the lowest.
    """

    players: int
    points_micro: int
    levels: Mapping[str, int] = MappingProxyType({})


class SandboxClock(NamedTuple):
    """The time that holds (Unix ms), and how far it runs ahead of real time. `replayed`: this move was done before."""

    now_ms: int
    offset_ms: int
    replayed: bool = False


class TimeEnds(NamedTuple):
    """Nothing was done, because the clock would have passed the latest instant. So many seconds are left until then."""

    left_seconds: int


class ControlUnavailable(Exception):
    """The supervisor or the store did not answer in time. The request may be done or not; it is safe to repeat it."""


class LogUnavailable(Exception):
    """The control log can't be written, or read, at the moment. The message says why."""


class ControlLogPort(Protocol):
    """What was done to the platform, and who was refused. Entries are numbered from 1, without a gap."""

    async def append(self, entries: Sequence[ControlEntry]) -> None:
        """Adds entries; they are durable when it returns. Raises LogUnavailable."""

    async def before(self, number: int | None, limit: int) -> Sequence[tuple[int, bytes]]:
        """At most `limit` encoded entries with numbers below `number` (None: the newest), newest first.

        Empty: there are no more here; what is older is in the archive. Raises LogUnavailable.
        """

    async def oldest(self) -> tuple[int, bytes] | None:
        """The oldest entry that is here; None if there is none. Raises LogUnavailable."""


class Proposal(NamedTuple):
    """An operation that waits for a second person. `decision` is empty as long as it waits; `put_ms`: Unix ms."""

    proposal_id: str
    put_ms: int
    summary: bytes
    decision: bytes = b""


class ProposalsPort(Protocol):
    """Proposals, each decided once, whoever decides at the same time. All methods raise LogUnavailable."""

    async def put(self, proposal: Proposal, body: bytes) -> Proposal | None:
        """Stores a proposal, unless there is one of that id; answers the one that holds. None: there is no room."""

    async def remove(self, proposal_id: str, decision: bytes) -> None:
        """Removes a proposal, if this decision is the one that holds."""

    async def listed(self) -> Sequence[Proposal]:
        """All proposals of the last seven days, newest first."""

    async def body(self, proposal_id: str) -> bytes | None:
        """What was stored with a proposal; None if there is no such proposal."""

    async def decide(self, proposal_id: str, known: bytes, decision: bytes) -> bytes | None:
        """Writes the decision if `known` is the one that holds. Answers the one that holds now; None: no proposal."""


class Thrown(NamedTuple):
    """The number of the kill-switches after the request, and the switch before and after it; None: it was, or is, on.

    `replayed`: the request was carried out before.
    """

    number: int
    before: Switch | None
    after: Switch | None
    replayed: bool = False


class SwitchesFull(NamedTuple):
    """Nothing was done, because as much is switched off as can be."""


class SwitchesPort(Protocol):
    """The kill-switches. All methods raise ControlUnavailable."""

    async def listed(self) -> Switches:
        """All that is switched off."""

    async def throw(self, switch: Switch, enabled: bool, command_id: str) -> Thrown | KeyTaken | SwitchesFull:
        """Switches something off, or on again if `enabled`, once per id; in force in every shard within a second.

        `switch` says what, who, when and why. What is off already, or on already, stays as it is.
        """


class AsOf(NamedTuple):
    """The player's version in a snapshot, and when the player came to it (Unix ms)."""

    version: int
    at_ms: int


class Shown(NamedTuple):
    """What a snapshot says."""

    answer: AnyReply
    as_of: AsOf


class SnapshotsPort(Protocol):
    """Players as the store knows them, without their shards."""

    def out_of_reach_s(self, player_id: str) -> float:
        """For how long the player's shard has taken no request, in seconds; 0 if it takes them."""

    async def show(self, player_id: str, body: QueryBody) -> Shown | None:
        """The answer by the player's last snapshot, and as of when that is.

        None: there is none, it is damaged, it can't be read now, or it has no answer but a refusal.
        """


class HistoryBusy(Exception):
    """Too much is asked of histories at once. Nothing was done."""


class HistoryPort(Protocol):
    """What became of a player, in words: histories, rounds explained, files of disputes."""

    async def ask_history(self, request: bytes) -> bytes:
        """One question and its answer; both are JSON. Raises ControlUnavailable, HistoryBusy."""


class ReadersPort(Protocol):
    """The readers of the journal, wherever they run."""

    async def ask_reader(self, name: str, request: bytes) -> bytes:
        """What an operator asks of the reader `name`; both are JSON. Raises ControlUnavailable."""


class ReportParameter(NamedTuple):
    """What a report asks beside the period. None as `default`: it must be given."""

    name: str
    words: str
    default: str | None


class ReportListed(NamedTuple):
    """A report that there is, and the roles that it is for."""

    name: str
    title: str
    description: str
    roles: frozenset[str]
    parameters: tuple[ReportParameter, ...] = ()


class ReportAsked(NamedTuple):
    """A report that somebody wants, in the words that they sent. `form`: `csv`, `json` or `pdf`."""

    name: str
    form: str
    since: str | None
    until: str | None
    time_zone: str | None
    parameters: Mapping[str, str]


class ReportRefused(NamedTuple):
    """Why there is no report: `code` has a row in the table of errors; `field` is what is wrong with the request."""

    code: str
    detail: str
    field: str = ""


class ReportPieces(Protocol):
    """A report's bytes. Whoever got them calls `aclose`, whether the first one was asked for or not."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def __anext__(self) -> Awaitable[bytes]: ...

    async def aclose(self) -> None:
        """Gives up what has not been read. Does nothing at the end, or a second time."""


class ReportStream(NamedTuple):
    """A report on its way. `reconciled`: whether its figures agree with what else was counted; None: not compared."""

    content_type: str
    provisional: bool
    reconciled: bool | None
    pieces: ReportPieces


class ReportsPort(Protocol):
    """Reports, which are made outside this process."""

    async def listed(self) -> Sequence[ReportListed]:
        """All reports there are."""

    async def ask(self, asked: ReportAsked) -> ReportStream | ReportRefused:
        """Begins to make one. `overloaded` if as many as may be are being made already."""


class ControlPort(Protocol):
    """The catalog and the sandbox clock.

    Methods that are not async answer from memory; the others raise ControlUnavailable.

    A `command_id` is `<caller>:<idempotency key>`. The last 128 are remembered with their answers, in the store, in
    the same step as the change.
    """

    def catalog(self) -> Catalog:
        """The catalog in force."""

    def texts(self) -> Texts:
        """The texts of the catalog in force."""

    def in_force(self) -> InForce:
        """Which catalog is in force."""

    async def check(self, files: Mapping[str, bytes]) -> Checked:
        """Checks `files` (name → content) as a whole catalog and compares it with the one in force. Changes nothing."""

    async def deployed(self, files: Mapping[str, bytes], command_id: str) -> Deployed | KeyTaken | None:
        """What an earlier deploy of `files` under this id led to; None if there was none, or it is forgotten."""

    async def deploy(
        self, files: Mapping[str, bytes], by: str, base: int | None = None, command_id: str = ""
    ) -> Deployed | Checked | Overtaken | KeyTaken:
        """Puts `files` in force in every shard at once, once per id; `Checked`, with its problems, if they don't pass.

        With `base`, only as long as the catalog of that number is in force. Deploying the catalog that is in force
        already changes nothing, so a call may be repeated.
        """

    async def figures(self, campaigns: Sequence[Campaign]) -> Mapping[str, CampaignFigures]:
        """What has become of these campaigns so far, by id; empty if that can't be told now."""

    async def population(self) -> Population | None:
        """All players, their points and levels. They are counted with the journal, so nobody scans the players.

        None: not known now.
        """

    async def advance_clock(self, seconds: int, command_id: str) -> SandboxClock | KeyTaken | TimeEnds:
        """Moves the sandbox clock ahead, once per id; answers when all work due by then is done (rules §10)."""
