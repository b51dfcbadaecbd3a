"""The embedded store: one folder of SQLite files, no service to run. Durable against power loss (`synchronous=FULL`).

Three threads do all the work: one for writes of this process's own shard, so that an append never waits behind a
load; one for the limits shared by all players; one for everything else. Each opens its own connections.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Concatenate, ParamSpec, TypeVar

from engine.catalog import PeriodLimit
from engine.facts import Reservation, Seen, Signals, WantedAward
from snapshots.contract import (
    NO_TALLIES,
    Address,
    CatalogRow,
    Claim,
    ControlSpan,
    DoneRequest,
    FallbackGrant,
    Handover,
    HeldReservation,
    Incarnation,
    LogHead,
    LogInfo,
    LogRecord,
    Owner,
    Place,
    Position,
    Reader,
    Routing,
    Sealed,
    SnapshotRecord,
    Standing,
    StoredPage,
    StoredPlayer,
    StoredProposal,
    Tallies,
    TermLease,
)
from snapshots.errors import StoreUnavailable, StoreUnsuitable
from snapshots.rows import checked_claim, checked_control, checked_proposal, checked_trim
from snapshots.sqlite import control as sqlite_control
from snapshots.sqlite import control_log as sqlite_control_log
from snapshots.sqlite import disk as sqlite_disk
from snapshots.sqlite import due as sqlite_due
from snapshots.sqlite import limits as sqlite_limits
from snapshots.sqlite import readers as sqlite_readers
from snapshots.sqlite import shard as sqlite_shard
from snapshots.sqlite import tallies as sqlite_tallies
from snapshots.sqlite.files import Files, Worker
from snapshots.sqlite.never_loses import NeverLoses

P = ParamSpec("P")
R = TypeVar("R")


class SqliteStore(NeverLoses):
    """See `snapshots.contract.Store`. `folder` is created, for this user only, if it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers: tuple[Worker, Worker, Worker] | None = None

    async def open(self) -> None:
        """Creates or checks the folder and its files."""
        await asyncio.to_thread(sqlite_control.prepare, self._folder)
        loop = asyncio.get_running_loop()
        own, rest, shared = (Worker(loop, self._folder, f"sqlite-{name}") for name in ("own", "rest", "shared"))
        self._workers = own, rest, shared

    async def close(self) -> None:
        """Waits for writes under way; closing twice is fine."""
        workers, self._workers = self._workers, None
        for worker in workers or ():
            await worker.stop()

    def _worker(self, index: int) -> Worker:
        if self._workers is None:
            raise StoreUnavailable("the store is not open")
        return self._workers[index]

    def _on_shard(
        self,
        call: Callable[Concatenate[Connection, Incarnation, P], R],
        inc: Incarnation,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> "asyncio.Future[R]":
        """Runs `call` on this process's shard file, in the thread for that file."""
        worker = self._worker(0)
        return worker.submit(lambda: call(worker.files.shard(inc.shard_id), inc, *args, **kwargs))

    def _on_files(
        self, call: Callable[Concatenate[Files, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[R]":
        """Runs `call` on any files, in the thread for everything else."""
        worker = self._worker(1)
        return worker.submit(call, worker.files, *args, **kwargs)

    def _on_shared(
        self, call: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[R]":
        """Runs `call` on the file of shared limits, in the thread for that file."""
        worker = self._worker(2)
        return worker.submit(lambda: call(worker.files.shared(), *args, **kwargs))

    def _on_shared_as(
        self,
        call: Callable[Concatenate[Files, Incarnation, P], R],
        inc: Incarnation,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> "asyncio.Future[R]":
        """Runs `call` in the same thread; it changes shared limits, and reads in the shard's file whether it may."""
        worker = self._worker(2)
        return worker.submit(call, worker.files, inc, *args, **kwargs)

    async def clock_ms(self) -> int:
        """The clock of this machine: an embedded store has no other."""
        return time.time_ns() // 1_000_000

    async def fill(self) -> float | None:
        """See Store. The room is that of the folder's disk (`snapshots.sqlite.disk`)."""
        return await self._on_files(lambda _: sqlite_disk.fill(self._folder))

    async def claim(self, shard_id: str, owner: Owner, nonce: str, sealed: Sealed | None = None) -> Claim:
        """See Store. ValueError if the shard id or the nonce can't be one. There are no fallback files to seal."""
        checked_claim(shard_id, nonce)
        worker = self._worker(0)
        return await worker.submit(sqlite_control.claim, worker.files, shard_id, owner, nonce)

    async def serve(self, inc: Incarnation, address: Address) -> None:
        """See Store."""
        await self._on_shard(sqlite_shard.serve, inc, address)

    async def heartbeat(self, inc: Incarnation) -> int:
        """See Store."""
        await self._on_shard(sqlite_shard.heartbeat, inc)
        return await self.clock_ms()

    async def retire(self, inc: Incarnation) -> None:
        """See Store."""
        await self._on_shard(sqlite_shard.retire, inc)

    async def grant_fallback(self, inc: Incarnation, grant: FallbackGrant) -> None:
        """See Store. Always StoreUnsuitable."""
        raise StoreUnsuitable("The SQLite store lies on this host's own disk: there is nothing to fall back to.")

    async def give_up_fallback(self, inc: Incarnation) -> None:
        """See Store. There never is a grant."""

    async def append(
        self, inc: Incarnation, head: LogHead, payload: bytes, catalog_number: int = 0, tallies: Tallies = NO_TALLIES
    ) -> LogHead:
        """See Store."""
        worker = self._worker(0)
        return await worker.submit(
            sqlite_shard.append,
            worker.files,
            inc,
            head=head,
            payload=payload,
            catalog_number=catalog_number,
            tallies=tallies,
        )

    async def standing(self, inc: Incarnation) -> Standing:
        """See Store."""
        return await self._on_shard(sqlite_shard.standing, inc)

    async def tallies(self, names: Sequence[str]) -> Tallies:
        """See Store. Adds up every shard's file."""
        return await self._on_files(sqlite_tallies.read, tuple(names))

    async def checkpoint(self, inc: Incarnation, checkpoint_seq: int, trim_seq: int) -> None:
        """See Store. ValueError if `trim_seq` is above `checkpoint_seq`."""
        checked_trim(checkpoint_seq, trim_seq)
        worker = self._worker(0)
        await worker.submit(sqlite_shard.checkpoint, worker.files, inc, checkpoint_seq, trim_seq)

    async def put_snapshots(self, inc: Incarnation, records: Sequence[SnapshotRecord]) -> int:
        """See Store."""
        await self._on_shard(sqlite_shard.put_snapshots, inc, tuple(records))
        return 0

    async def release_slots(
        self,
        inc: Incarnation,
        term: int,
        slots: Sequence[int],
        dedicated: Sequence[str],
        gainer: str,
        versions: Mapping[str, int],
    ) -> Incarnation:
        """See Store; `snapshots.sqlite.control.release` says why a crash at any point is safe."""
        move = sqlite_control.SlotMove(inc, term, sorted(slots), sorted(dedicated), gainer, dict(versions))
        worker = self._worker(0)
        await worker.submit(sqlite_control.release, worker.files, move)
        return Incarnation(inc.shard_id, inc.epoch + 1, inc.nonce, inc.log_id)

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        """See Store. A log nobody knows is empty."""
        return await self._on_files(sqlite_control.read_log, log_id, after_seq, limit)

    async def unfinished_logs(self) -> Sequence[LogInfo]:
        """See Store."""
        return await self._on_files(sqlite_control.unfinished_logs)

    async def load_player(self, player_id: str) -> StoredPlayer:
        """See Store. Looks into every shard's file: players move between shards, and their snapshots stay behind."""
        return await self._on_files(sqlite_control.load_player, player_id)

    async def due_players(
        self, slots: Sequence[int], dedicated: Sequence[str], before_ms: int, limit: int
    ) -> Sequence[str]:
        """See Store. Looks into every shard's file, as `load_player`."""
        return await self._on_files(sqlite_due.due_players, list(slots), list(dedicated), before_ms, limit)

    async def stored_players(self, slots: Sequence[int], limit: int, after: Place | None = None) -> StoredPage:
        """See Store. Exactly `limit` players, except for the last page."""
        return await self._on_files(sqlite_due.stored_players, list(slots), limit, after)

    async def put_due_marks(self, inc: Incarnation, marks: Mapping[int, str]) -> None:
        """See Store."""
        await self._on_files(sqlite_control.put_due_marks, inc, dict(marks))

    async def due_marks(self) -> Mapping[int, str]:
        """See Store."""
        return await self._on_files(sqlite_control.due_marks)

    async def see(self, player_id: str, signals: Signals, now_ms: int, window_days: int) -> Seen:
        """See Store."""
        return await self._on_shared(sqlite_limits.see, player_id, signals, now_ms, window_days)

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
        """See Store."""
        claimant = sqlite_limits.Claimant(player_id, command_id, signals, per_ip, now_ms)
        return await self._on_shared_as(sqlite_limits.reserve, inc, claimant, tuple(wanted))

    async def resolve_reservations(self, inc: Incarnation, reservation_ids: Sequence[str], granted: bool) -> None:
        """See Store."""
        clock_ms = await self.clock_ms()
        await self._on_shared_as(sqlite_limits.resolve, inc, tuple(reservation_ids), granted, clock_ms)

    async def held_reservations(
        self, before_ms: int, limit: int, after: HeldReservation | None = None
    ) -> Sequence[HeldReservation]:
        """See Store."""
        return await self._on_shared(sqlite_limits.held, before_ms, limit, after)

    async def usage(self, campaign_ids: Sequence[str]) -> Mapping[str, int]:
        """See Store."""
        return await self._on_shared(sqlite_limits.usage, tuple(campaign_ids))

    async def put_catalog(self, version: str, content: bytes) -> None:
        """See Store."""
        await self._on_files(sqlite_control.put_catalog, version, content)

    async def get_catalog(self, version: str) -> bytes | None:
        """See Store."""
        return await self._on_files(sqlite_control.get_catalog, version)

    async def commit_catalog(
        self, term: int, row: CatalogRow, done: DoneRequest | None = None, unheld: Sequence[str] = ()
    ) -> None:
        """See Store."""
        await self._on_files(sqlite_control.commit_catalog, term, row, done, tuple(unheld))

    async def advance_clock(self, term: int, offset_ms: int, done: DoneRequest | None = None) -> None:
        """See Store."""
        await self._on_files(sqlite_control.advance_clock, term, offset_ms, done)

    async def done_request(self, key: bytes) -> DoneRequest | None:
        """See Store."""
        return await self._on_files(sqlite_control.done_request, key)

    async def listen(self, term: int, address: Address) -> None:
        """See Store."""
        await self._on_files(sqlite_control.listen, term, address)

    async def take_term(self, holder: str = "", lease_ms: int = 0, *, take_over: bool = False) -> int:
        """See Store."""
        now_ms = await self.clock_ms()
        return await self._on_files(sqlite_control.take_term, holder, lease_ms, take_over, now_ms)

    async def hold_term(self, term: int, lease_ms: int) -> None:
        """See Store."""
        await self._on_files(sqlite_control.hold_term, term, lease_ms, await self.clock_ms())

    async def leave_term(self, term: int) -> None:
        """See Store."""
        await self._on_files(sqlite_control.leave_term, term)

    async def term_lease(self) -> TermLease:
        """See Store."""
        return await self._on_files(sqlite_control.term_lease, await self.clock_ms())

    async def assign(self, term: int, slots: Mapping[int, str], dedicated: Mapping[str, str]) -> None:
        """See Store."""
        await self._on_files(sqlite_control.assign, term, dict(slots), dict(dedicated))

    async def fence(self, term: int, shard_id: str, sealed: Sealed | None = None) -> Owner | None:
        """See Store. A shard nobody ever claimed has no owner to fence: None."""
        return await self._on_files(sqlite_control.fence, term, shard_id)

    async def finish_log(self, term: int, log_id: str) -> None:
        """See Store. A log that is gone already is fine."""
        await self._on_files(sqlite_control.finish_log, term, log_id)

    async def routing(self) -> Routing:
        """See Store."""
        return await self._on_files(sqlite_control.routing)

    async def horizon_ms(self) -> int:
        """See Store. What was committed is on disk."""
        return 0

    async def claim_reader(self, name: str, nonce: str) -> Reader:
        """See Store."""
        checked_claim(name, nonce)
        return await self._on_files(sqlite_readers.claim, name, nonce)

    async def claim_notes(self, name: str, nonce: str) -> Reader:
        """See Store."""
        checked_claim(name, nonce)
        return await self._on_files(sqlite_readers.claim_notes, name, nonce)

    async def commit_reader(
        self, reader: Reader, positions: Mapping[str, Position], notes: Mapping[str, bytes | None]
    ) -> None:
        """See Store."""
        await self._on_files(sqlite_readers.commit, reader, dict(positions), dict(notes))

    async def reader_positions(self, name: str) -> Mapping[str, Position]:
        """See Store."""
        return await self._on_files(sqlite_readers.positions, name)

    async def reader_notes(
        self, name: str, prefix: str = "", after: str = "", limit: int = 1_000
    ) -> Mapping[str, bytes]:
        """See Store."""
        return await self._on_files(sqlite_readers.notes, name, prefix, after, limit)

    async def forget_reader(self, term: int, name: str) -> None:
        """See Store."""
        await self._on_files(sqlite_control.forget_reader, term, name)

    async def journal_logs(self) -> Sequence[LogInfo]:
        """See Store."""
        return await self._on_files(sqlite_readers.journal_logs)

    async def handovers(self, after: int = 0) -> Sequence[Handover]:
        """See Store."""
        return await self._on_files(sqlite_control.handovers, after)

    async def sweep_journal(self, term: int) -> None:
        """See Store."""
        await self._on_files(sqlite_control.sweep_journal, term)

    async def append_control(self, entries: Sequence[bytes]) -> int:
        """See Store."""
        return await self._on_files(sqlite_control_log.append, checked_control(entries))

    async def control_entries(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """See Store."""
        return await self._on_files(sqlite_control_log.entries, after, limit)

    async def control_span(self) -> ControlSpan:
        """See Store."""
        return await self._on_files(sqlite_control_log.span)

    async def trim_control(self, reader: Reader, through: int) -> None:
        """See Store."""
        await self._on_files(sqlite_control_log.trim, reader, through)

    async def put_proposal(self, proposal: StoredProposal, body: bytes) -> StoredProposal:
        """See Store."""
        checked_proposal(proposal.summary, body)
        return await self._on_files(sqlite_control_log.put_proposal, proposal, body)

    async def remove_proposal(self, proposal_id: str, decision: bytes) -> None:
        """See Store."""
        await self._on_files(sqlite_control_log.remove_proposal, proposal_id, decision)

    async def proposals(self) -> Sequence[StoredProposal]:
        """See Store."""
        return await self._on_files(sqlite_control_log.proposals)

    async def proposal_body(self, proposal_id: str) -> bytes | None:
        """See Store."""
        return await self._on_files(sqlite_control_log.proposal_body, proposal_id)

    async def decide_proposal(self, proposal_id: str, known: bytes, decision: bytes) -> bytes | None:
        """See Store."""
        return await self._on_files(sqlite_control_log.decide_proposal, proposal_id, known, decision)
