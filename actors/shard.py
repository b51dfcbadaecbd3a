"""The shard: one process, one event loop, many player actors, one mailbox each.

For each frame: decide and apply every command in memory, hand entries and replies to the committer. A player not in
memory is loaded on first touch while its commands wait in its mailbox; nobody else waits. Between deciding and
applying there is no await. (Architecture: "The shard", rules 4, 6, 9, 10 and 13.)
"""

import logging
import time
from collections.abc import Callable

from msgspec import Raw

from actors.clock import now_ms
from actors.committer import Committer, ReplySink
from actors.frames import NIL, Kind, Reply, Request, RequestFrame, ShardReport, ShardStatus, encode, unavailable
from actors.lease import Lease
from actors.loading import Loader
from actors.metrics import ShardMetrics
from actors.ownership import Ownership
from actors.residents import Resident, Residents
from actors.settings import ShardSettings
from engine.catalog import Catalog
from engine.commands import Command, Spin
from engine.due import next_due, next_due_ms
from engine.invariants import InvariantViolation
from engine.player import Replayed, execute, query
from engine.queries import Query
from engine.rejections import WIN_ALREADY_SPENT, Rejection
from engine.state import Player
from engine.transition import Transition
from snapshots.codec import encode_entry
from snapshots.contract import Incarnation, Store
from snapshots.recovery import TailIndex

log = logging.getLogger("croupier.shard")

ATTEMPTS_MAX = 2
"""A command whose deciding or applying raises is tried once more on a freshly loaded player (rule 10)."""


class Shard:
    """One incarnation at work. `on_end` is called once, with the reason, when it may not go on."""

    def __init__(
        self,
        store: Store,
        inc: Incarnation,
        catalog: Catalog,
        ownership: Ownership,
        tails: TailIndex,
        settings: ShardSettings,
        metrics: ShardMetrics,
        on_end: Callable[[str], None],
    ) -> None:
        self.store, self.catalog, self.settings, self.metrics = store, catalog, settings, metrics
        self.ownership, self.tails = ownership, tails
        self.lease = Lease(settings.lease_ms / 1000)
        self.residents = Residents()
        self.committer = Committer(store, inc, self.lease, settings, metrics, self.end)
        self.loader = Loader(self)
        self.clock_ok = True
        self.checkpoint_seq = 0
        self.ended = False
        self.draining = False
        self.misrouted = False
        """Somebody sent a player of another shard under our epoch: one of the two tables is old."""
        self._on_end = on_end
        metrics.gauges["shard_epoch"] = inc.epoch

    @property
    def inc(self) -> Incarnation:
        """The current fencing token; its epoch grows with slot moves."""
        return self.committer.inc

    def end(self, reason: str) -> None:
        """Discards memory and tells everybody who waits: `outcome_unknown`. Final."""
        if self.ended:
            return
        self.ended = True
        log.warning("shard %s epoch %d ends: %s", self.inc.shard_id, self.inc.epoch, reason)
        self.committer.end(reason)
        self.loader.end()
        self.residents = Residents()
        self._on_end(reason)

    # --- frames

    def handle(self, sink: ReplySink, frame: RequestFrame) -> None:
        """Acts on every request of a frame, in order."""
        refusal = self._not_serving(frame.epoch)
        now = now_ms()
        for request in frame.requests:
            if type(request.body) is ShardStatus:
                self._report(sink, request)
            elif refusal is not None:
                sink.reply(refusal(request.rid))
            else:
                self.act_or_load(sink, request, now)

    def _not_serving(self, epoch: int) -> Callable[[int], Reply] | None:
        if self.ended or self.draining:
            return lambda rid: Reply(rid, Kind.NOT_OWNER, NIL)
        if epoch != self.inc.epoch:
            self.metrics.count("shard_not_owner")
            return lambda rid: Reply(rid, Kind.NOT_OWNER, NIL)
        if not self.clock_ok:
            return lambda rid: unavailable(rid, "shard_unavailable", "This shard's clock is off the store's.")
        if self.committer.stalled():
            return lambda rid: unavailable(rid, "journal_unavailable", "The journal does not answer.")
        if self.committer.backlog > self.settings.pending_entries_max:
            self.metrics.count("shard_overloaded")
            return lambda rid: unavailable(rid, "overloaded", "Too many commands wait for the journal.")
        return None

    def _report(self, sink: ReplySink, request: Request) -> None:
        report = ShardReport(
            shard_id=self.inc.shard_id,
            epoch=self.inc.epoch,
            resident_players=len(self.residents),
            pending_entries=self.committer.backlog,
            dirty_players=len(self.residents.dirty),
            needs_logs=tuple(self.tails.needed_logs()),
        )
        sink.reply(Reply(request.rid, Kind.REPORT, Raw(encode(report))))

    def act_or_load(self, sink: ReplySink, request: Request, now: int) -> None:
        """Acts at once if the player is in memory, else puts the request into its mailbox."""
        if not self.ownership.owns(request.player_id):
            self.misrouted = True
            self.metrics.count("shard_not_owner")
            sink.reply(Reply(request.rid, Kind.NOT_OWNER, NIL))
            return
        resident = self.residents.by_id.get(request.player_id)
        if resident is not None:
            self.act(sink, request, resident, now)
        else:
            self.loader.enqueue(sink, request)

    # --- one player

    def act(self, sink: ReplySink, request: Request, resident: Resident, now: int, attempt: int = 1) -> None:
        """Runs overdue work, then the request, on a player in memory. An exception quarantines only this player."""
        resident.used_ms = now
        try:
            if resident.due_ms is not None and resident.due_ms <= now:
                self._run_due(resident, now)
            if isinstance(request.body, Query):
                self._answer_query(sink, request, resident, now)
            else:
                self._run_command(sink, request, resident, now)
        except Exception:
            self._quarantine(sink, request, resident, attempt)

    def _run_command(self, sink: ReplySink, request: Request, resident: Resident, now: int) -> None:
        started = time.perf_counter()
        player, body = resident.player, request.body
        command = Command(request.command_id, max(now, player.state.time_ms), body)  # type: ignore[arg-type]
        result = execute(player, self.catalog, command)
        if type(result) is Transition:
            self._commit(result, resident, sink, Reply(request.rid, Kind.ANSWER, Raw(result.answer)))
            if type(body) is Spin:
                self.metrics.spin_handle.observe(time.perf_counter() - started)
        elif type(result) is Replayed:
            self.metrics.counters["shard_commands_replayed"] += 1
            self.committer.reply_after(resident.batch, sink, Reply(request.rid, Kind.REPLAY, Raw(result.answer)))
        else:
            self._refuse(result, sink, request, resident)  # type: ignore[arg-type]

    def _commit(self, done: Transition, resident: Resident, sink: ReplySink | None, reply: Reply | None) -> None:
        resident.batch = self.committer.add((done.player_id, done.version, encode_entry(done)), sink, reply)
        resident.due_ms = next_due_ms(resident.player.state)
        self.residents.dirty[done.player_id] = 2
        self.metrics.counters["shard_commands_accepted"] += 1

    def _refuse(self, refusal: Rejection, sink: ReplySink, request: Request, resident: Resident) -> None:
        self.metrics.counters["shard_commands_refused"] += 1
        if refusal.code == WIN_ALREADY_SPENT:
            self.metrics.count("rollbacks_flagged")
            log.warning("for an operator: %s of %s refused: %s", request.command_id, request.player_id, refusal.detail)
        self.committer.reply_after(resident.batch, sink, Reply(request.rid, Kind.REJECTION, Raw(encode(refusal))))
        self._drop_unregistered(resident)

    def _answer_query(self, sink: ReplySink, request: Request, resident: Resident, now: int) -> None:
        at = max(now, resident.player.state.time_ms)
        view = query(resident.player, self.catalog, request.body, at)  # type: ignore[arg-type]
        kind = Kind.REJECTION if type(view) is Rejection else Kind.ANSWER
        self.committer.reply_after(resident.batch, sink, Reply(request.rid, kind, Raw(encode(view))))
        self._drop_unregistered(resident)

    def _run_due(self, resident: Resident, now: int) -> None:
        state = resident.player.state
        while resident.due_ms is not None and resident.due_ms <= now:
            command = next_due(state)
            done = execute(resident.player, self.catalog, command) if command is not None else None
            if type(done) is not Transition:
                raise InvariantViolation("due_work_is_done", f"{state.player_id} at {resident.due_ms}: {done}")
            self._commit(done, resident, None, None)

    def _drop_unregistered(self, resident: Resident) -> None:
        """Asking for players that don't exist must not fill the memory."""
        if resident.player.state.version == 0:
            self.residents.evict(resident.player.state.player_id)

    def _quarantine(self, sink: ReplySink, request: Request, resident: Resident, attempt: int) -> None:
        """Rule 10: the player is evicted and reloaded after its in-flight appends; others go on."""
        log.exception("command %s of player %s raised", request.command_id, request.player_id)
        self.metrics.count("shard_players_poisoned")
        self.residents.evict(request.player_id)
        self.loader.reload_after(request.player_id, resident.batch)
        if attempt < ATTEMPTS_MAX:
            self.loader.enqueue(sink, request, attempt + 1)
        else:
            sink.reply(unavailable(request.rid, "shard_unavailable", "This player can't be served now.", 5))

    def admit(self, player: Player) -> Resident:
        """Takes a loaded player in; one rebuilt from a log tail owes its snapshots."""
        resident = self.residents.add(player, now_ms())
        if player.state.player_id in self.tails:
            self.residents.owe(player.state.player_id)
        self.metrics.gauges["shard_resident_players"] = len(self.residents)
        return resident
