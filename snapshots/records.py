"""What stores keep and answer, and how much of it. `snapshots.contract` says what a store promises."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from engine.calendar import DAY_MS as DAY_MS

SLOTS = 256
HASH_SIZE = 16
GENESIS = bytes(HASH_SIZE)
ANY_CATALOG = 2**53 - 1
"""The number of a catalog that is never out of force: what was acknowledged is appended again with it (rule 15)."""

SEEN_PLAYERS_MAX = 1_000
PERIOD_DAYS_MAX = 366
RESOLVED_KEPT_MS = 2 * DAY_MS
REQUESTS_KEPT = 128
CATALOGS_KEPT = 16
ARCHIVE = "archive"
"""The one reader that holds the journal: what it has not read is not trimmed."""
NOTE_KEY_BYTES_MAX = 512
NOTE_VALUE_BYTES_MAX = 256 * 1024
NOTES_MAX = 200_000
"""Per reader."""
CONTROL_KEPT = 100_000
"""So many newest entries of the control log stay in the store, also once the audit has archived them."""
CONTROL_MAX = 1_000_000
"""Entries of the control log that the store holds at most."""
CONTROL_ENTRY_BYTES_MAX = 256 * 1024
PROPOSALS_MAX = 64
"""Operations that wait for a second person, or were decided in the last days."""
PROPOSAL_BYTES_MAX = 1024 * 1024
"""Of what such an operation is to do."""
PROPOSAL_KEPT_MS = 7 * DAY_MS
Tallies = Mapping[str, int]
NO_TALLIES: Tallies = MappingProxyType({})


def next_hash(previous: bytes, payload: bytes) -> bytes:
    """The log's chain: blake2b-128 over the previous record's hash and this payload."""
    return blake2b(previous + payload, digest_size=HASH_SIZE).digest()


class Owner(msgspec.Struct, frozen=True):
    """Which process is behind an incarnation, so that its death can be proved on the same host.

    `host_id` changes with every boot; `pid` and `started_ticks` (field 22 of /proc/PID/stat) name a process for good.
    """

    host_id: str
    pid: int
    started_ticks: int


class Address(msgspec.Struct, frozen=True):
    """Where a shard listens: TCP for everyone, a unix socket for the same `host_id`."""

    host: str
    port: int
    unix_path: str | None
    host_id: str
    metrics_port: int = 0


class Incarnation(msgspec.Struct, frozen=True):
    """The fencing token of a shard process. `log_id` stays while the epoch is raised by slot moves."""

    shard_id: str
    epoch: int
    nonce: str
    log_id: str


class LogHead(msgspec.Struct, frozen=True):
    """Position of the last record: (0, GENESIS) in an empty log."""

    seq: int = 0
    hash: bytes = GENESIS


class AppendedRecord(NamedTuple):
    """A batch that was acknowledged: where the log stood before, its bytes, and its counters. Whoever appends it again
    does so under `ANY_CATALOG`.
    """

    before: LogHead
    payload: bytes
    tallies: Tallies

    @property
    def after(self) -> LogHead:
        """Where the log stands behind it."""
        return LogHead(self.before.seq + 1, next_hash(self.before.hash, self.payload))


class Standing(msgspec.Struct, frozen=True):
    """Which incarnation of a shard the store has as the current one, and where its log stands. `puts` is
    how often snapshots of the shard were put; 0 if the store loses none.
    """

    epoch: int
    nonce: str
    log_id: str
    head: LogHead
    puts: int = 0


class LogRecord(msgspec.Struct, frozen=True):
    """One appended batch. `hash` is `next_hash(previous, payload)`."""

    seq: int
    previous: bytes
    hash: bytes
    payload: bytes


class LogInfo(msgspec.Struct, frozen=True):
    """A log as the store has it.

    Entries up to `checkpoint_seq` are covered by each player's newest snapshot. Those up to `trimmed_seq` were covered
    by both generations and are removed. `sealed`: nobody can append any more. `last_seq` is the last record that was
    appended. `finished`: recovery needs it no more; what is left of it is for readers.
    """

    log_id: str
    shard_id: str
    sealed: bool
    checkpoint_seq: int
    trimmed_seq: int
    last_seq: int = 0
    finished: bool = False


class Position(msgspec.Struct, frozen=True, order=True, array_like=True):
    """How far a reader has come with a shard: all of its logs below `epoch`, and that one up to record `seq`."""

    epoch: int
    seq: int


NOWHERE = Position(0, 0)
"""Before all that a shard ever wrote."""


class Reader(msgspec.Struct, frozen=True):
    """The fencing token of a reader of the journal: only its latest claim may write."""

    name: str
    epoch: int
    nonce: str


class Handover(msgspec.Struct, frozen=True, array_like=True):
    """Players who changed shards: those of `slots`, and the dedicated `players`.

    What the gainer writes of them after its position `gained` follows what the loser wrote up to `left`. `number` only
    grows. Example: s0 gives slot 7 to s1. Entries of slot 7 in logs of s1 after `gained` wait until the logs of s0 are
    read up to `left`.
    """

    number: int
    slots: Sequence[int]
    players: Sequence[str]
    loser: str
    left: Position
    gainer: str
    gained: Position


class Claim(msgspec.Struct, frozen=True):
    """A won claim. `previous` is the process that held the shard before, unless it retired cleanly.

    `former_log` is the log that the claim sealed, and `former_head` where it stood; only stores tell that may lose what
    they acknowledged (rule 15).
    """

    incarnation: Incarnation
    previous: Owner | None
    former_log: str = ""
    former_head: LogHead = LogHead()


class FallbackGrant(msgspec.Struct, frozen=True):
    """The leave of one incarnation to go on in a file of its own while the store is silent (rule 16).

    `term` is that of the supervisor that asked for it; `host` and `path` say where the file lies; `at_ms` is when the
    grant was written (Unix ms). While it stands, nobody takes the shard who has not sealed that file.
    """

    nonce: str
    term: int
    host: str
    path: str
    at_ms: int


class Sealed(msgspec.Struct, frozen=True):
    """What a successor knows of its predecessor's fallback file: it is sealed, so nothing is written there any more.

    `nonce` is that of the predecessor. `head` is where the file ends, and the store's log with it by now; None if
    nothing was written there.
    """

    nonce: str
    head: LogHead | None = None


class SnapshotRecord(msgspec.Struct, frozen=True):
    """One generation of a player's snapshot: two checksummed blobs (see `codec`)."""

    player_id: str
    version: int
    state: bytes
    window: bytes
    due_ms: int | None = None
    """When the player next has work due (Unix ms): the index of due work is written with the snapshot (rule 12).

    Only the newest generation has it when it is loaded; the older generation's due time is not kept.
    """


class StoredPlayer(msgspec.Struct, frozen=True):
    """All that the store has of a player. Generations come newest version first; empty only if there are none.

    `minimum_version`: a slot move recorded that the player had reached it; nothing older may be loaded (0: no move).
    """

    generations: tuple[SnapshotRecord, ...]
    minimum_version: int = 0


class ShardRow(msgspec.Struct, frozen=True):
    """A shard as routing sees it. `address` is None until the incarnation serves."""

    shard_id: str
    epoch: int
    owner: Owner | None
    address: Address | None
    log_id: str
    fallback: FallbackGrant | None = None


class CatalogRow(msgspec.Struct, frozen=True):
    """The catalog in force (rule 14). `number` only grows; `version` is the content hash of the files."""

    number: int
    version: str
    at_ms: int
    by: str
    due_since: int = 0
    """The number of the first catalog since which due times have followed from the same rules (rule 12)."""
    due_since_ms: int = 0
    """When that catalog came into force, in the players' time, which a sandbox clock puts ahead of `at_ms`."""


class TermLease(msgspec.Struct, frozen=True):
    """Which instance of Croupier holds the supervisor's term ("": none), and until when by the store's clock (Unix ms).

    `left_ms` is how long that is from now; 0 if it has passed. A renewed lease has a later `until_ms`.
    """

    term: int
    holder: str
    until_ms: int
    left_ms: int


class DoneRequest(msgspec.Struct, frozen=True):
    """A control request that was carried out: the digest of its caller and key, the digest of its content, and the
    answer.
    """

    key: bytes
    content: bytes
    answer: bytes


class Place(msgspec.Struct, frozen=True):
    """How far a reading of stored players has come: all slots below `slot`, and what is before `at` in `slot`."""

    slot: int
    at: str


class StoredPage(msgspec.Struct, frozen=True):
    """Players who have snapshots; `next` is where to go on, None after the last page."""

    players: Sequence[str]
    next: Place | None


class HeldReservation(msgspec.Struct, frozen=True):
    """A reservation whose grant's fate the store doesn't know yet (rule 11)."""

    reservation_id: str
    player_id: str
    command_id: str
    at_ms: int


class Routing(msgspec.Struct, frozen=True):
    """Who owns what.

    `slots[i]` is the shard of slot i ("" if none yet); `term` is that of the supervisor that wrote last.

    `supervisor` is where the supervisor listens for control requests.
    """

    term: int
    slots: tuple[str, ...]
    dedicated: Mapping[str, str]
    shards: Mapping[str, ShardRow]
    supervisor: Address | None = None
    catalog: CatalogRow | None = None
    clock_offset_ms: int = 0
    """How far the sandbox clock runs ahead; 0 without one."""


class ControlSpan(msgspec.Struct, frozen=True):
    """Which numbers of the control log the store has: from `first` to `last`, without a gap.

    `first` is one above `last` if it has none.
    """

    first: int
    last: int


class StoredProposal(msgspec.Struct, frozen=True):
    """An operation that waits for a second person. `summary` and `decision` are bytes of whoever put them.

    `decision` is empty as long as it waits. `put_ms`: Unix ms, as given by whoever put it.
    """

    proposal_id: str
    put_ms: int
    summary: bytes
    decision: bytes = b""
