"""The channel's wire format: a 4-byte big-endian length, then one MessagePack frame.

Gateway → shard: `RequestFrame`. Shard → gateway: a list of `Reply`. Either side closes the connection on a frame that
can't be read or is larger than `FRAME_BYTES_MAX`.
"""

from typing import Final, Protocol, get_args

import msgspec

from actors.outcome import Unavailable, UnavailableCode
from actors.wire.cluster_requests import (
    ChangeCluster,
    ClusterReport,
    ClusterStatus,
    CountSlots,
    NotPossible,
    OperationBegun,
    SlotCounts,
)
from actors.wire.cluster_requests import Keyed as Keyed
from engine.commands import CommandBody
from engine.queries import QueryBody

FRAME_BYTES_MAX = 8 * 1024 * 1024
LENGTH_BYTES = 4


class FrameError(Exception):
    """The peer sent what is not a frame."""


class ShardStatus(msgspec.Struct, frozen=True, array_like=True, tag="shard_status"):
    """Asks the shard about itself; answered with `ShardReport`. Carries no player."""


class PrepareCatalog(msgspec.Struct, frozen=True, array_like=True, tag="prepare_catalog"):
    """Supervisor → shard: decide nothing more until the catalog `number` is finished or abandoned (rule 14)."""

    number: int
    version: str
    due_since_ms: int = 0
    """Since when due times follow from its rules, if it comes into force."""


class FinishCatalog(msgspec.Struct, frozen=True, array_like=True, tag="finish_catalog"):
    """Supervisor → shard: the catalog is in force."""

    number: int
    version: str


class AbandonCatalog(msgspec.Struct, frozen=True, array_like=True, tag="abandon_catalog"):
    """Supervisor → shard: it did not come into force."""


class SetClock(msgspec.Struct, frozen=True, array_like=True, tag="set_clock"):
    """Supervisor → shard: the sandbox clock runs ahead so far; answered when all work due by then is done."""

    offset_ms: int


class GrantFallback(msgspec.Struct, frozen=True, array_like=True, tag="grant_fallback"):
    """Supervisor → shard: have it granted that you go on without the store, under this term (rule 16)."""

    term: int


class GiveUpFallback(msgspec.Struct, frozen=True, array_like=True, tag="give_up_fallback"):
    """Supervisor → shard: another process, that can't see your file, is to take the shard: give the grant up."""


class DeployCatalog(msgspec.Struct, frozen=True, array_like=True, tag="deploy_catalog"):
    """Gateway → supervisor: put a stored version in force. Answered with `Deployed`, `Overtaken` or `KeyTaken`.

    `base` is the number of the catalog it was compared with, None if with none; `diff` is what came of that.
    """

    version: str
    by: str
    base: int | None = None
    diff: bytes = b""
    keyed: Keyed | None = None


class AdvanceClock(msgspec.Struct, frozen=True, array_like=True, tag="advance_clock"):
    """Gateway → supervisor: the sandbox clock goes on by so much. `ClockSet`, `KeyTaken` or `TimeEnds`."""

    by_ms: int
    keyed: Keyed | None = None


class ReadersStatus(msgspec.Struct, frozen=True, array_like=True, tag="readers_status"):
    """Gateway → supervisor: asks about the readers of the journal; answered with `ReadersReport`."""


class AskReader(msgspec.Struct, frozen=True, array_like=True, tag="ask_reader"):
    """Gateway → supervisor: passes a question, JSON, on to a reader. `ReaderSaid` or `Failed`."""

    name: str
    request: bytes


class ReaderSaid(msgspec.Struct, frozen=True, array_like=True, tag="reader_said"):
    """What the reader answered, JSON."""

    answer: bytes


class ReaderState(msgspec.Struct, frozen=True, array_like=True):
    """A reader of the journal. `trouble` is why it does not read now, else empty.

    `lag_s` is the age of the oldest record that has not left; `lag_records` is how many have not. `breakers`: the state
    of each circuit breaker in its process, by name.
    """

    name: str
    pid: int = 0
    trouble: str = ""
    lag_s: float = 0.0
    lag_records: int = 0
    host: str = ""
    metrics_port: int = 0
    breakers: dict[str, str] = {}


class ReadersReport(msgspec.Struct, frozen=True, array_like=True, tag="readers_report"):
    """All readers that are configured."""

    readers: tuple[ReaderState, ...]


class Deployed(msgspec.Struct, frozen=True, array_like=True, tag="deployed"):
    """The catalog in force, and what putting it there changed. `replayed`: it had been put there before."""

    number: int
    version: str
    diff: bytes = b""
    replayed: bool = False


class Overtaken(msgspec.Struct, frozen=True, array_like=True, tag="overtaken"):
    """Another catalog than the one it was compared with is in force: its number. Nothing was changed."""

    number: int


class ClockSet(msgspec.Struct, frozen=True, array_like=True, tag="clock_set"):
    """How far the sandbox clock runs ahead, and what it showed then. `replayed`: it had been set before."""

    offset_ms: int
    now_ms: int
    replayed: bool = False


class TimeEnds(msgspec.Struct, frozen=True, array_like=True, tag="time_ends"):
    """The clock would have passed the latest instant: nothing was changed. `left_ms` are left before it."""

    left_ms: int


class KeyTaken(msgspec.Struct, frozen=True, array_like=True, tag="key_taken"):
    """The caller's key was used for another control request."""


class Done(msgspec.Struct, frozen=True, array_like=True, tag="done"):
    """What was asked is done."""


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """What was asked could not be done, and why."""

    reason: str


class ShardReport(msgspec.Struct, frozen=True, array_like=True, tag="shard_report"):
    """A serving shard's figures. `needs_logs` are sealed logs it still holds unsnapshotted entries of."""

    shard_id: str
    epoch: int
    resident_players: int
    pending_entries: int
    dirty_players: int
    needs_logs: tuple[str, ...]
    journal_breaker: str = "closed"
    """`closed`, `half_open` or `open`."""
    fallback_term: int = 0
    """The term under which it was granted to go on without the store; 0: it was not."""
    on_fallback: bool = False
    """It goes on without the store now."""
    lineage: str = ""
    """The history of the store that the shard follows; empty if the store can't lose anything (rule 15)."""
    log_id: str = ""
    durable_seq: int = 0
    """The last record of that log that is acknowledged."""


class RecordsLost(msgspec.Struct, frozen=True, array_like=True, tag="records_lost"):
    """Supervisor → shard: so many acknowledged records of its predecessor are lost, at least (rule 15)."""

    count: int


ShardControl = (
    ShardStatus
    | RecordsLost
    | PrepareCatalog
    | FinishCatalog
    | AbandonCatalog
    | SetClock
    | CountSlots
    | GrantFallback
    | GiveUpFallback
)
SupervisorControl = DeployCatalog | AdvanceClock | ReadersStatus | AskReader | ChangeCluster | ClusterStatus
ControlBody = ShardControl | SupervisorControl
ControlAnswer = (
    ShardReport
    | Deployed
    | Overtaken
    | ClockSet
    | TimeEnds
    | KeyTaken
    | ReaderSaid
    | ReadersReport
    | OperationBegun
    | NotPossible
    | ClusterReport
    | SlotCounts
    | Done
    | Failed
)
CONTROL = frozenset(get_args(ControlBody))
"""Bodies that carry no player: answered by the process itself, whatever the epoch, as `Kind.REPORT`."""


class Request(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One command or query. `rid` is the connection's own number for it."""

    rid: int
    player_id: str
    command_id: str
    body: CommandBody | QueryBody | ControlBody


class RequestFrame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Requests sent under the epoch the sender believes the shard to have."""

    epoch: int
    requests: list[Request]


class Kind:
    """What a reply's payload is. Plain numbers: those of an enum take five times as long to look up and to encode."""

    ANSWER: Final = 0
    REPLAY: Final = 1
    REJECTION: Final = 2
    UNAVAILABLE: Final = 3
    NOT_OWNER: Final = 4
    """Not this shard's player, or another epoch: look the route up again and repeat with the same id."""
    REPORT: Final = 5


class Reply(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`payload` is the encoded answer, view, rejection or `Unavailable`, as `kind` says."""

    rid: int
    kind: int
    payload: msgspec.Raw


encode = msgspec.msgpack.Encoder().encode
decode_requests = msgspec.msgpack.Decoder(RequestFrame).decode
decode_replies = msgspec.msgpack.Decoder(list[Reply]).decode
NIL = msgspec.Raw(b"\xc0")


def unavailable(rid: int, code: UnavailableCode, detail: str, retry_after_s: int = 1) -> Reply:
    """A reply that says "not now"."""
    return Reply(rid, Kind.UNAVAILABLE, msgspec.Raw(encode(Unavailable(code, detail, retry_after_s))))


def framed(body: bytes) -> bytes:
    """The body with its length in front."""
    return len(body).to_bytes(LENGTH_BYTES) + body


class FrameSplitter:
    """Cuts a byte stream into frames; keeps the unfinished rest."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies completed by `data`. Raises FrameError on a frame above the limit."""
        if self._rest:
            data = self._rest + data
        bodies, start, end = [], 0, len(data)
        while end - start >= LENGTH_BYTES:
            size = int.from_bytes(data[start : start + LENGTH_BYTES])
            if size > FRAME_BYTES_MAX:
                raise FrameError(f"frame of {size} bytes; at most {FRAME_BYTES_MAX} are allowed")
            if end - start - LENGTH_BYTES < size:
                break
            start += LENGTH_BYTES
            bodies.append(data[start : start + size])
            start += size
        self._rest = data[start:]
        return bodies


class ReplyTo(Protocol):
    """A connection that can be answered."""

    def reply(self, reply: Reply) -> None:
        """Queues a reply; sent by the end of this turn of the loop."""
