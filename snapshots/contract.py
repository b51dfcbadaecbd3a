"""What every store promises. One conformance suite (`tests/contract`) runs against each backend.

Words. A *shard* is a name (`s0`); an *incarnation* is one process's life as that shard: (shard, epoch, nonce), with a
log of its own. The *epoch* only grows. The *term* is the supervisor's epoch. A *slot* is one of 256 groups of
players; a *dedicated* player has a shard of its own.

Every write is fenced in the same atomic step that performs it: shard writes by (epoch, nonce), control writes by term.
A refused write changes nothing and raises `Fenced`. No answer raises `StoreUnavailable`: the identical call may
be repeated and then succeeds exactly if the first one did or it can be done now.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Protocol

import msgspec

from engine.catalog import PeriodLimit
from engine.facts import Reservation, Seen, Signals, WantedAward

SLOTS = 256
HASH_SIZE = 16
GENESIS = bytes(HASH_SIZE)
DAY_MS = 86_400_000
SEEN_PLAYERS_MAX = 1_000
PERIOD_DAYS_MAX = 366
SETTLED_KEPT_MS = 2 * DAY_MS
REQUESTS_KEPT = 128
CATALOGS_KEPT = 16
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


class LogRecord(msgspec.Struct, frozen=True):
    """One appended batch. `hash` is `next_hash(previous, payload)`."""

    seq: int
    previous: bytes
    hash: bytes
    payload: bytes


class LogInfo(msgspec.Struct, frozen=True):
    """A log that may hold entries no snapshot covers yet.

    Entries up to `checkpoint_seq` are covered by each player's newest snapshot, those up to `trimmed_seq`
    by both generations and gone. `sealed`: nobody can append any more.
    """

    log_id: str
    shard_id: str
    sealed: bool
    checkpoint_seq: int
    trimmed_seq: int


class Claim(msgspec.Struct, frozen=True):
    """A won claim. `previous` is the process that held the shard before, unless it retired cleanly."""

    incarnation: Incarnation
    previous: Owner | None


class SnapshotRecord(msgspec.Struct, frozen=True):
    """One generation of a player's snapshot: two checksummed blobs (see `codec`)."""

    player_id: str
    version: int
    state: bytes
    window: bytes
    due_ms: int | None = None
    """When the player next has work due (Unix ms): the index of due work is written with the snapshot (rule 12).

    Loaded again with the newest version only; the older generation's is forgotten.
    """


class StoredPlayer(msgspec.Struct, frozen=True):
    """All the store has of a player: generations newest version first, empty only if there is none.

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


class CatalogRow(msgspec.Struct, frozen=True):
    """The catalog in force (rule 14). `number` only grows; `version` is the content hash of the files."""

    number: int
    version: str
    at_ms: int
    by: str
    due_since: int = 0
    """The number of the first catalog since which due times have followed from the same rules (rule 12)."""


class DoneRequest(msgspec.Struct, frozen=True):
    """A control request that was carried out: digests of who asked under which key and of what, and the answer."""

    key: bytes
    content: bytes
    answer: bytes


class Place(msgspec.Struct, frozen=True):
    """How far a reading of stored players has come: all slots below `slot`, and of `slot` what is before `at`."""

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
    """Who owns what. `slots[i]` is the shard of slot i ("" if none yet); `term` the supervisor's that wrote last.

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


class Store(Protocol):
    """A journal, snapshot and control store. One instance belongs to one process and one event loop."""

    async def open(self) -> None:
        """Connects and prepares. `StoreUnsuitable` if it can't be used, in one sentence for the operator."""

    async def close(self) -> None:
        """Releases connections and threads; waits for writes under way."""

    async def clock_ms(self) -> int:
        """The store's clock, Unix ms."""

    # --- shard: claim and lease

    async def claim(self, shard_id: str, owner: Owner, nonce: str) -> Claim:
        """Raises the shard's epoch by one, seals its previous log, registers a new one `<shard_id>-<epoch>`.

        From then on every write of the previous incarnation is refused. Repeating the call with the same
        nonce gives the same claim. The shard's address is empty until `serve`.
        """

    async def serve(self, inc: Incarnation, address: Address) -> None:
        """Publishes the address: gateways may route to this incarnation."""

    async def heartbeat(self, inc: Incarnation) -> int:
        """Confirms that the incarnation is current; answers the store's clock, Unix ms. Changes nothing else."""

    async def retire(self, inc: Incarnation) -> None:
        """A clean goodbye: address and owner are removed, the log sealed. Its lease needs not be waited out."""

    # --- shard: journal

    async def append(
        self, inc: Incarnation, head: LogHead, payload: bytes, catalog_number: int = 0, tallies: Tallies = NO_TALLIES
    ) -> LogHead:
        """Compare-and-append: writes record `head.seq + 1` if the log stands at `head`; answers the new head.

        `catalog_number` is the catalog the entries were decided under: older than the one in force is `Fenced`.
        `tallies` are deltas to the store's counters, added in the same atomic step as the record is written.
        The same payload at the same position succeeds again without writing or counting. Anything else: `Fenced`.
        Durable (as far as the backend can) when it returns.
        """

    async def tallies(self, names: Sequence[str]) -> Tallies:
        """The counters named, over all that was ever appended, by whichever shard; 0 for one nobody added to."""

    async def checkpoint(self, inc: Incarnation, checkpoint_seq: int, trim_seq: int) -> None:
        """Moves the own log's checkpoint up (never down) and removes records up to `trim_seq` ≤ checkpoint."""

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """Records with seq > after_seq in order, at most `limit`. Bytes as stored: the caller verifies them."""

    async def unfinished_logs(self) -> Sequence[LogInfo]:
        """All logs, sealed or live, that are not finished; in order of (shard, epoch)."""

    # --- shard: snapshots

    async def put_snapshots(self, inc: Incarnation, records: Sequence[SnapshotRecord]) -> None:
        """Stores each as the newest generation; the former newest becomes the older. All or none.

        A record below the stored newest version is skipped (never lowers); one equal to it fills both generations.
        """

    async def load_player(self, player_id: str) -> StoredPlayer:
        """What is stored of a player. "Nothing" means that the store said so; no answer raises."""

    # --- shard: slot moves

    async def release_slots(
        self,
        inc: Incarnation,
        term: int,
        slots: Sequence[int],
        dedicated: Sequence[str],
        gainer: str,
        versions: Mapping[str, int],
    ) -> Incarnation:
        """One transaction: gives slots and dedicated players to `gainer`, raises the own epoch, records `versions`.

        Conditional on (epoch, nonce) and on the term. Answers the own new incarnation: same nonce and log, epoch + 1.
        Repeating it after an unknown outcome gives the same answer. `versions` are the last durable versions of
        the players released: the gainer's `load_player` answers them as `minimum_version`.
        """

    # --- shard: due work

    async def due_players(
        self, slots: Sequence[int], dedicated: Sequence[str], before_ms: int, limit: int
    ) -> Sequence[str]:
        """Who of these slots and dedicated players has a newest snapshot with `due_ms` ≤ before_ms, earliest first.

        A dedicated player belongs to no slot: one that is not named is left out.
        """

    async def stored_players(self, slots: Sequence[int], limit: int, after: Place | None = None) -> StoredPage:
        """Who has a snapshot and an id of these slots, dedicated or not: slot by slot in ascending order.

        A page holds about `limit` players. Whoever is there from the first page to the last comes up, perhaps twice.
        """

    async def put_due_marks(self, inc: Incarnation, marks: Mapping[int, str]) -> None:
        """Notes by slot under which rules its index of due work is complete. `Fenced` if a slot isn't the shard's."""

    async def due_marks(self) -> Mapping[int, str]:
        """What was noted last, by slot; slots nobody ever noted anything of are not there."""

    # --- limits shared by all players (rule 11): atomic and exact under concurrency, independent of incarnations

    async def see(self, player_id: str, signals: Signals, now_ms: int, window_days: int) -> Seen:
        """Records that the player used these signals at `now_ms`; counts the *other* players with each in the window.

        At most `SEEN_PLAYERS_MAX` players are kept per signal, the latest: counts end there.
        """

    async def reserve(
        self,
        player_id: str,
        command_id: str,
        signals: Signals,
        wanted: Sequence[WantedAward],
        per_ip: PeriodLimit | None,
        now_ms: int,
    ) -> Sequence[Reservation]:
        """Reserves budget and counts for each award, or refuses that award with every limit it would pass.

        Each award is all or nothing; later awards of the call see what earlier ones reserved. Idempotent by
        `reservation_id`: a granted one is answered again without counting twice; a held one is judged anew by what is
        wanted now, in the place of what it held; a refused or returned one is tried anew. `per_ip` bounds
        `bonus_micro_eur` per IP over the last `period_days` UTC days, at most `PERIOD_DAYS_MAX`. A limit per IP or
        device doesn't hold without that signal; an amount of 0 passes no limit.
        """

    async def settle_reservations(self, reservation_ids: Sequence[str], granted: bool) -> None:
        """The fate of reservations is known: granted ones count for good, others are returned. Idempotent; final.

        The fate stays known for `SETTLED_KEPT_MS`. Reservations nobody knows are passed over.
        """

    async def held_reservations(
        self, before_ms: int, limit: int, after: HeldReservation | None = None
    ) -> Sequence[HeldReservation]:
        """Reservations made before `before_ms` whose fate is not known, oldest first, then by id.

        With `after`: only what comes behind it in that order, so that all can be read page by page.
        """

    async def usage(self, campaign_ids: Sequence[str]) -> Mapping[str, int]:
        """What each campaign has used of its budget, reserved and granted together, in micro-EUR."""

    # --- catalog versions (rule 14)

    async def put_catalog(self, version: str, content: bytes) -> None:
        """Stores a catalog under its content hash. Does not put it in force.

        Kept are the one in force and the `CATALOGS_KEPT` that were stored last, or stored again.
        """

    async def get_catalog(self, version: str) -> bytes | None:
        """A stored catalog."""

    async def commit_catalog(self, term: int, row: CatalogRow, done: DoneRequest | None = None) -> None:
        """Puts a stored version in force: from its return on, appends under an older number are refused.

        `row.number` must be one above the current one; the very same row succeeds again. Anything else, or a version
        that is not stored: `Fenced`. `done` is remembered in the same step.
        """

    # --- sandbox clock

    async def advance_clock(self, term: int, offset_ms: int, done: DoneRequest | None = None) -> None:
        """Sets the sandbox clock's offset; it never goes down. `done` is remembered in the same step."""

    # --- control requests

    async def done_request(self, key: bytes) -> DoneRequest | None:
        """A remembered request: one of the last `REQUESTS_KEPT`. The first that was remembered under a key stays."""

    # --- supervisor: control, each conditional on its term

    async def listen(self, term: int, address: Address) -> None:
        """Publishes where the supervisor listens."""

    async def take_term(self) -> int:
        """Raises the term by one and answers it. Every control write under an older term is refused from then on."""

    async def assign(self, term: int, slots: Mapping[int, str], dedicated: Mapping[str, str]) -> None:
        """Replaces the owner of the slots named, and the whole table of dedicated players.

        Only for slots nobody serves.
        """

    async def fence(self, term: int, shard_id: str) -> Owner | None:
        """Raises a shard's epoch without a new owner: seals its log, removes its address.

        Answers the owner it fenced.
        """

    async def finish_log(self, term: int, log_id: str) -> None:
        """Removes a sealed log: every owner has snapshots beyond it. A live log: `Fenced`."""

    async def routing(self) -> Routing:
        """The whole table; readable by anyone."""
