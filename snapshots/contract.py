"""What every store promises. One conformance suite (`tests/contract`) runs against each backend.

Words. A *shard* is a name (`s0`); an *incarnation* is one process's life as that shard: (shard, epoch, nonce), with a
log of its own. The *epoch* only grows. The *term* is the supervisor's epoch. A *slot* is one of 256 groups of
players; a *dedicated* player has a shard of its own.

Every write is fenced in the same atomic step that performs it: shard writes by (epoch, nonce), control writes by term.
A refused write changes nothing and raises `Fenced`. If the store gives no answer, the call raises `StoreUnavailable`
and may be repeated identically. The repeated call succeeds if the first one was carried out, or if it can be carried
out now; it is never carried out twice.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from engine.catalog import PeriodLimit
from engine.facts import Reservation, Seen, Signals, WantedAward
from snapshots.lost_tail import LostTail
from snapshots.records import ANY_CATALOG as ANY_CATALOG
from snapshots.records import ARCHIVE as ARCHIVE
from snapshots.records import CATALOGS_KEPT as CATALOGS_KEPT
from snapshots.records import CONTROL_ENTRY_BYTES_MAX as CONTROL_ENTRY_BYTES_MAX
from snapshots.records import CONTROL_KEPT as CONTROL_KEPT
from snapshots.records import CONTROL_MAX as CONTROL_MAX
from snapshots.records import DAY_MS as DAY_MS
from snapshots.records import GENESIS as GENESIS
from snapshots.records import HASH_SIZE as HASH_SIZE
from snapshots.records import NO_TALLIES as NO_TALLIES
from snapshots.records import NOTE_KEY_BYTES_MAX as NOTE_KEY_BYTES_MAX
from snapshots.records import NOTE_VALUE_BYTES_MAX as NOTE_VALUE_BYTES_MAX
from snapshots.records import NOTES_MAX as NOTES_MAX
from snapshots.records import NOWHERE as NOWHERE
from snapshots.records import PERIOD_DAYS_MAX as PERIOD_DAYS_MAX
from snapshots.records import PROPOSAL_BYTES_MAX as PROPOSAL_BYTES_MAX
from snapshots.records import PROPOSAL_KEPT_MS as PROPOSAL_KEPT_MS
from snapshots.records import PROPOSALS_MAX as PROPOSALS_MAX
from snapshots.records import REQUESTS_KEPT as REQUESTS_KEPT
from snapshots.records import RESOLVED_KEPT_MS as RESOLVED_KEPT_MS
from snapshots.records import SEEN_PLAYERS_MAX as SEEN_PLAYERS_MAX
from snapshots.records import SLOTS as SLOTS
from snapshots.records import Address as Address
from snapshots.records import AppendedRecord as AppendedRecord
from snapshots.records import CatalogRow as CatalogRow
from snapshots.records import Claim as Claim
from snapshots.records import ControlSpan as ControlSpan
from snapshots.records import DoneRequest as DoneRequest
from snapshots.records import FallbackGrant as FallbackGrant
from snapshots.records import Handover as Handover
from snapshots.records import HeldReservation as HeldReservation
from snapshots.records import Incarnation as Incarnation
from snapshots.records import LogHead as LogHead
from snapshots.records import LogInfo as LogInfo
from snapshots.records import LogRecord as LogRecord
from snapshots.records import Owner as Owner
from snapshots.records import Place as Place
from snapshots.records import Position as Position
from snapshots.records import Reader as Reader
from snapshots.records import Routing as Routing
from snapshots.records import Sealed as Sealed
from snapshots.records import ShardRow as ShardRow
from snapshots.records import SnapshotRecord as SnapshotRecord
from snapshots.records import Standing as Standing
from snapshots.records import StoredPage as StoredPage
from snapshots.records import StoredPlayer as StoredPlayer
from snapshots.records import StoredProposal as StoredProposal
from snapshots.records import Tallies as Tallies
from snapshots.records import TermLease as TermLease
from snapshots.records import next_hash as next_hash


class Store(LostTail, Protocol):
    """A journal, snapshot and control store. One instance belongs to one process and one event loop.

    `lost_tail` has the calls for a store that may lose what it acknowledged (rule 15).
    """

    async def open(self) -> None:
        """Connects and prepares. `StoreUnsuitable` if it can't be used, in one sentence for the operator."""

    async def close(self) -> None:
        """Releases connections and threads; waits for writes under way."""

    async def clock_ms(self) -> int:
        """The store's clock, Unix ms."""

    async def fill(self) -> float | None:
        """The share of the store's room that is in use, from 0 to about 1; None if the store sets itself no limit."""

    # --- shard: claim and lease

    async def claim(self, shard_id: str, owner: Owner, nonce: str, sealed: Sealed | None = None) -> Claim:
        """Raises the shard's epoch by one, seals its previous log, registers a new one `<shard_id>-<epoch>`.

        From then on every write of the previous incarnation is refused. Repeating the call with the same
        nonce gives the same claim. The shard's address is empty until `serve`. FallbackHeld if the previous incarnation
        may have gone on without the store, unless `sealed` is of that incarnation and the log stands where it says.
        """

    async def serve(self, inc: Incarnation, address: Address) -> None:
        """Publishes the address: gateways may route to this incarnation."""

    async def heartbeat(self, inc: Incarnation) -> int:
        """Confirms that the incarnation is current; answers the store's clock, Unix ms. Changes nothing else."""

    async def retire(self, inc: Incarnation) -> None:
        """A clean goodbye: address, owner and grant are removed, and the log is sealed.

        Nobody has to wait for the end of its lease.
        """

    # --- shard: going on without the store (rule 16)

    async def grant_fallback(self, inc: Incarnation, grant: FallbackGrant) -> None:
        """Lets the incarnation go on in its own file while the store is silent. Conditional on it and on the term.

        A grant that stands is replaced. StoreUnsuitable: this store lies on the shard's own disk, and needs none.
        """

    async def give_up_fallback(self, inc: Incarnation) -> None:
        """The incarnation writes to its file no more, and nothing is in it: the grant is removed. May be repeated."""

    # --- shard: journal

    async def append(
        self, inc: Incarnation, head: LogHead, payload: bytes, catalog_number: int = 0, tallies: Tallies = NO_TALLIES
    ) -> LogHead:
        """Compare-and-append: writes record `head.seq + 1` if the log stands at `head`; answers the new head.

        `catalog_number` is the catalog that the entries were decided under. If it is older than the one in force:
        `Fenced`. What was acknowledged, and the store has not, is appended under `ANY_CATALOG`. `tallies` are deltas to
        the store's counters, added in the same atomic step as the record is written. A delta that would take a counter
        beyond 64 bits is left out. The same payload at the same position succeeds again without writing or counting.
        Anything else: `Fenced`. The record is durable, as far as the backend can make it, when the call returns.
        """

    async def tallies(self, names: Sequence[str]) -> Tallies:
        """The named counters, summed over all that any shard ever appended; 0 for a counter that nobody added to."""

    async def checkpoint(self, inc: Incarnation, checkpoint_seq: int, trim_seq: int) -> None:
        """Moves the own log's checkpoint up (never down) and removes records up to `trim_seq` ≤ checkpoint.

        If there is an archive, records beyond its cursor stay (see `claim_reader`).
        """

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """Records with seq > after_seq in order, at most `limit`. Bytes as stored: the caller verifies them."""

    async def unfinished_logs(self) -> Sequence[LogInfo]:
        """All logs, sealed or live, that recovery may need, so none that is finished; in order of (shard, epoch)."""

    # --- shard: snapshots

    async def put_snapshots(self, inc: Incarnation, records: Sequence[SnapshotRecord]) -> int:
        """Stores each as the newest generation; the former newest becomes the older. All or none.

        Answers how many such calls the store has taken for the shard, this one included (`Standing.puts`, rule 15); 0
        if it loses none.

        A record of an older version than the newest stored one is skipped. A record of the same version fills both
        generations.
        """

    async def load_player(self, player_id: str) -> StoredPlayer:
        """What is stored of a player.

        An empty answer means that the store has nothing; a store that does not answer raises.
        """

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
        """One transaction: gives slots and dedicated players to `gainer`, raises this shard's epoch, records
        `versions`.

        Conditional on (epoch, nonce) and on the term. Answers this shard's new incarnation: same nonce and log, the
        next epoch. Repeating the call after an unknown outcome gives the same answer. `versions` are the last durable
        versions of the players released: the gainer's `load_player` answers them as `minimum_version`.
        """

    # --- shard: due work

    async def due_players(
        self, slots: Sequence[int], dedicated: Sequence[str], before_ms: int, limit: int
    ) -> Sequence[str]:
        """Players of these slots, and of these dedicated ones, whose newest snapshot has `due_ms` ≤ before_ms, earliest
        first.

        A dedicated player belongs to no slot, so a dedicated player who is not named is left out.
        """

    async def stored_players(self, slots: Sequence[int], limit: int, after: Place | None = None) -> StoredPage:
        """Players who have a snapshot and whose ids belong to these slots, dedicated or not; by slot, in ascending
        order.

        A page holds about `limit` players. A player who is there from the first page to the last comes up at least
        once, perhaps twice.
        """

    async def put_due_marks(self, inc: Incarnation, marks: Mapping[int, str]) -> None:
        """Notes under which rules each slot's index of due work is complete. `Fenced` if a slot isn't the shard's."""

    async def due_marks(self) -> Mapping[int, str]:
        """What was noted last, by slot. Slots of which nothing was ever noted are left out."""

    # --- limits shared by all players (rule 11): atomic and exact under concurrency

    async def see(self, player_id: str, signals: Signals, now_ms: int, window_days: int) -> Seen:
        """Records that the player used these signals at `now_ms`; counts the *other* players with each in the window.

        Only the latest `SEEN_PLAYERS_MAX` players are kept per signal, so no count is higher.
        """

    async def reserve(
        self,
        inc: Incarnation,
        player_id: str,
        command_id: str,
        signals: Signals,
        wanted: Sequence[WantedAward],
        per_ip: PeriodLimit | None,
        now_ms: int,
    ) -> Sequence[Reservation]:
        """Reserves budget and counts for each award, or refuses that award with every limit it would pass.

        Each award is all or nothing; later awards of the call see what earlier ones reserved. Idempotent by
        `reservation_id`: a granted reservation is answered again without counting twice. A held one is judged anew by
        what is wanted now, which takes the place of what it held. A refused or returned one is tried anew. `per_ip`
        bounds `bonus_micro_eur` per IP over the last `period_days` UTC days, at most `PERIOD_DAYS_MAX`. A limit per IP
        or device applies only if there is such a signal; an amount of 0 is within every limit.

        Fenced, and nothing is changed, unless `inc` is current: a former owner's call that comes late would take the
        place of what its successor has reserved for the same command, and granted.
        """

    async def resolve_reservations(self, inc: Incarnation, reservation_ids: Sequence[str], granted: bool) -> None:
        """The fate of reservations is known: if `granted`, they count for good, else they are returned.

        Idempotent and final. Fenced, and nothing is changed, unless `inc` is current.

        The fate stays known for `RESOLVED_KEPT_MS`. Reservations nobody knows are passed over.
        """

    async def held_reservations(
        self, before_ms: int, limit: int, after: HeldReservation | None = None
    ) -> Sequence[HeldReservation]:
        """Reservations made before `before_ms` whose fate is not known, oldest first, then by id.

        With `after`: only the reservations behind it in that order, so that all can be read page by page.
        """

    async def usage(self, campaign_ids: Sequence[str]) -> Mapping[str, int]:
        """What each campaign has used of its budget, reserved and granted together, in micro-EUR."""

    # --- catalog versions (rule 14)

    async def put_catalog(self, version: str, content: bytes) -> None:
        """Stores a catalog under its content hash. Does not put it in force.

        The catalog in force is kept, and the `CATALOGS_KEPT` that were stored, or stored again, last.
        """

    async def get_catalog(self, version: str) -> bytes | None:
        """A stored catalog."""

    async def commit_catalog(
        self, term: int, row: CatalogRow, done: DoneRequest | None = None, unheld: Sequence[str] = ()
    ) -> None:
        """Puts a stored version in force. Once the call has returned, appends under an older number are refused.

        `row.number` must be one above the current one; the very same row succeeds again. Anything else, or a version
        that is not stored: `Fenced`. If one of the counters `unheld` (see `tallies`) is above 0: `StillHeld`; no append
        can come between that check and the new number. `done` is remembered in the same step.
        """

    # --- sandbox clock

    async def advance_clock(self, term: int, offset_ms: int, done: DoneRequest | None = None) -> None:
        """Sets the sandbox clock's offset; it never goes down. `done` is remembered in the same step."""

    # --- control requests

    async def done_request(self, key: bytes) -> DoneRequest | None:
        """A request among the last `REQUESTS_KEPT` ones. The first one that was remembered under a key stays."""

    # --- supervisor: control, each conditional on its term

    async def listen(self, term: int, address: Address) -> None:
        """Publishes where the supervisor listens."""

    async def take_term(self, holder: str = "", lease_ms: int = 0, *, take_over: bool = False) -> int:
        """Raises the term by one and answers it. Every control write under an older term is refused from then on.

        `holder` names the instance of Croupier that takes the term. For `lease_ms` it keeps other instances away, but
        never itself. While another instance's lease runs, `TermHeld` is raised and nothing changes, unless `take_over`.
        The holder "" keeps nobody away.
        """

    async def hold_term(self, term: int, lease_ms: int) -> None:
        """The holder lives, so its lease runs for `lease_ms` from now on. `Fenced` if the term is over."""

    async def leave_term(self, term: int) -> None:
        """The holder's goodbye: nobody is kept away any more. The term stays. The call may be repeated."""

    async def term_lease(self) -> TermLease:
        """Who holds the term, and for how long; readable by anyone."""

    async def assign(self, term: int, slots: Mapping[int, str], dedicated: Mapping[str, str]) -> None:
        """Replaces the owner of the slots named, and the whole table of dedicated players.

        It may be called only for slots that nobody serves.
        """

    async def fence(self, term: int, shard_id: str, sealed: Sealed | None = None) -> Owner | None:
        """Raises a shard's epoch without giving it a new owner: its log is sealed, its address and grant are removed.

        Answers the owner it fenced. FallbackHeld as `claim`.
        """

    async def finish_log(self, term: int, log_id: str) -> None:
        """Recovery needs a sealed log no more: every owner has snapshots beyond it. A live log is `Fenced`.

        The log is removed, or left to readers until `sweep_journal` finds that they need it no more either.
        """

    async def routing(self) -> Routing:
        """The whole table; readable by anyone."""

    # --- readers of the journal, each fenced like a shard

    async def horizon_ms(self) -> int:
        """For how long after it was seen a record may still be lost with the store's machine; 0: it can't."""

    async def claim_reader(self, name: str, nonce: str) -> Reader:
        """Raises the reader's epoch by one: from then on every write of its predecessor is refused.

        A reader who was not known begins at the oldest records that the store has. Repeating the call with the same
        nonce gives the same claim. Once `archive` is claimed, nothing is trimmed that it has not read.
        """

    async def claim_notes(self, name: str, nonce: str) -> Reader:
        """As `claim_reader`, for a name under which nothing but notes are kept: it has no cursors, and nothing of the
        journal is kept for it. A reader of that name becomes one. With positions, its `commit_reader` is `Fenced`.
        """

    async def commit_reader(
        self, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]
    ) -> None:
        """Moves the reader's cursors, by shard, never down, and writes its notes (None removes one): all or nothing.

        A note's key has at most `NOTE_KEY_BYTES_MAX` bytes and its value `NOTE_VALUE_BYTES_MAX`, else ValueError. A
        reader has at most `NOTES_MAX` notes, else `NotesFull`.
        """

    async def reader_positions(self, name: str) -> Mapping[str, Position]:
        """The reader's cursors, by shard; readable by anyone."""

    async def reader_notes(
        self, name: str, prefix: str = "", after: str = "", limit: int = 1_000
    ) -> Mapping[str, bytes]:
        """The reader's notes whose key begins with `prefix` and is above `after`, in the order of their keys."""

    async def forget_reader(self, term: int, name: str) -> None:
        """The reader is given up: its cursors are removed, it holds nothing, and its writes are refused.

        Its notes stay. Claimed again it begins as if it had not been known. A reader nobody knows is fine.
        """

    async def journal_logs(self) -> Sequence[LogInfo]:
        """All logs that a reader may not have passed, finished ones too; in order of (shard, epoch)."""

    async def handovers(self, after: int = 0) -> Sequence[Handover]:
        """Changes of shards that a reader may not have passed, with numbers above `after`, in their order."""

    async def sweep_journal(self, term: int) -> None:
        """Removes what readers need no more.

        That is: records of finished logs which the archive has read; finished logs which every reader has passed;
        handovers which every reader has passed and whose loser's records the store has no more, the oldest first, up to
        one that is still needed. Otherwise a player's way from s0 by s1 to s2 would be lost with its second half, and
        entries in s2 would not wait for those in s0.
        """

    # --- the control log: what was done to the platform (any process may write)

    async def append_control(self, entries: Sequence[bytes]) -> int:
        """Adds entries to the end of the control log, all or none; answers the number of the last one.

        Numbers begin at 1 and have no gap. The entries are durable when the call returns. A call that is repeated
        because its outcome is unknown may add its entries twice: a reader tells them apart by what is in them.
        ValueError for an entry above `CONTROL_ENTRY_BYTES_MAX`. The log holds at most `CONTROL_MAX` entries. Beyond
        that the oldest are removed down to `CONTROL_KEPT`, unless there is an archive: then `ControlLogFull`.
        """

    async def control_entries(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Entries with numbers above `after`, in their order, at most `limit`."""

    async def control_span(self) -> ControlSpan:
        """Which entries of the control log the store has."""

    async def trim_control(self, reader: Reader, through: int) -> None:
        """Entries up to `through` are kept elsewhere; all but the newest `CONTROL_KEPT` of them are removed.

        Fenced by the reader's epoch, like `commit_reader`.
        """

    # --- operations that wait for a second person

    async def put_proposal(self, proposal: StoredProposal, body: bytes) -> StoredProposal:
        """Stores a proposal that nobody has decided yet, unless there is one of that id; answers the one that holds.

        Proposals that were put `PROPOSAL_KEPT_MS` before this one are removed. `ProposalsFull` if there are
        `PROPOSALS_MAX` then. ValueError for a body above `PROPOSAL_BYTES_MAX`.
        """

    async def remove_proposal(self, proposal_id: str, decision: bytes) -> None:
        """Removes a proposal, if this decision is the one that holds."""

    async def proposals(self) -> Sequence[StoredProposal]:
        """All proposals, newest first."""

    async def proposal_body(self, proposal_id: str) -> bytes | None:
        """What was stored with a proposal; None if there is no such proposal."""

    async def decide_proposal(self, proposal_id: str, known: bytes, decision: bytes) -> bytes | None:
        """Compare-and-set: writes the decision if `known` is the one that holds (empty: it waits).

        Answers the decision that holds now, or None if there is no such proposal.
        """
