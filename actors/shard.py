"""The shard: one process, one event loop, many player actors, one mailbox each.

For each frame: decide and apply every command in memory, hand entries and replies to the committer. A player not in
memory is loaded on first touch while its commands wait in its mailbox; nobody else waits. Between deciding and
applying there is no await. (Architecture: "The shard", rules 4, 6, 9, 10 and 13.)
"""

import logging
import time
from collections.abc import Callable, Sequence

from msgspec import Raw

from actors.bonus_metrics import count_events
from actors.catalog_swap import CatalogSwap
from actors.clock import now_ms
from actors.committer import Committer, ReplySink
from actors.facts import FactFinder
from actors.frames import CONTROL, NIL, Kind, Reply, Request, RequestFrame, ShardReport, encode, unavailable
from actors.geo import GeoDatabase
from actors.lease import Lease
from actors.loading import Loader
from actors.loyalty_metrics import count_loyalty
from actors.metrics import ShardMetrics
from actors.ownership import Ownership
from actors.residents import Resident, Residents, Schedule
from actors.settings import ShardSettings
from engine.calendar import within_time
from engine.catalog import Catalog
from engine.commands import Command, CommandBody, FlagForOperator, Spin
from engine.due import next_due
from engine.events import AnyEvent, BetPlaced, WinCredited
from engine.facts import NO_FACTS
from engine.invariants import InvariantViolation
from engine.needs import needs
from engine.player import Replayed, execute, query
from engine.queries import Query
from engine.rejections import ROUND_REFUNDED, WIN_ALREADY_SPENT, Rejection
from engine.tally import POINTS, standing, tally
from engine.transition import Transition
from snapshots.codec import encode_entry
from snapshots.contract import NO_TALLIES, Incarnation, Store, Tallies
from snapshots.recovery import Loaded, TailIndex

log = logging.getLogger("croupier.shard")

ONE_CALL = 2
"""Events of a one-call spin that is `_plain`: its bet and its win."""
ATTEMPTS_MAX = 2
"""A command whose deciding or applying raises is tried once more on a freshly loaded player (rule 10)."""


_FOR_OPERATOR = {WIN_ALREADY_SPENT: "rollbacks_flagged", ROUND_REFUNDED: "refunded_results_flagged"}
"""Refusals that are kept with the player until an operator looks, and the metric that counts them."""


def _plain(events: Sequence[AnyEvent]) -> bool:
    """A bet of money and perhaps its win: nothing that is counted or settled elsewhere."""
    if not events or type(events[0]) is not BetPlaced or events[0].package_id is not None:
        return not events
    return len(events) == 1 or (len(events) == 2 and type(events[1]) is WinCredited)


def _tallied(resident: Resident, done: Transition) -> Tallies:
    """What the store counts with the transition's entry."""
    state, before = resident.player.state, resident.standing
    resident.standing = standing(state)
    return tally(before, resident.standing, state, done.events)


class Shard:
    """One incarnation at work. `on_end` is called once, with the reason, when it may not go on.

    Raises GeoDatabaseUnusable if the catalog names one that can't be read.
    """

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
        self.geo = GeoDatabase(settings.catalog_dir, catalog.geo_database)
        self.ownership, self.tails = ownership, tails
        self.lease = Lease(settings.lease_ms / 1000)
        self.residents = Residents()
        self.committer = Committer(store, inc, self.lease, settings, metrics, self.end)
        self.loader = Loader(self)
        self.facts = FactFinder(self)
        self.scheduled = Schedule()
        self.swap = CatalogSwap(self)
        self.clock_offset_ms = 0
        """How far the sandbox clock runs ahead of real time."""
        self.paused: list[tuple[ReplySink, RequestFrame]] | None = None
        """Frames that wait while a catalog is swapped; None: nothing waits."""
        self.clock_ok = True
        self.checkpoint_seq = 0
        self.ended = False
        self.draining = False
        self.misrouted = False
        """Somebody sent a player of another shard under our epoch: one of the two tables is old."""
        self._on_end = on_end
        self.controlled: Callable[[ReplySink, Request], None] = lambda sink, request: None
        """What to do with a request to the process itself; set by whoever runs the shard."""
        metrics.gauges["shard_epoch"] = inc.epoch

    @property
    def inc(self) -> Incarnation:
        """The current fencing token; its epoch grows with slot moves."""
        return self.committer.inc

    def now(self) -> int:
        """The players' time, Unix ms: real time, or the sandbox clock's, up to the latest instant (rules §10)."""
        return within_time(now_ms() + self.clock_offset_ms)

    def end(self, reason: str) -> None:
        """Discards memory and tells everybody who waits: `outcome_unknown`. Final."""
        if self.ended:
            return
        self.ended = True
        log.warning("shard %s epoch %d ends: %s", self.inc.shard_id, self.inc.epoch, reason)
        self.committer.end(reason)
        self.loader.end()
        self.facts.end()
        self.swap.end()
        self.residents = Residents()
        self._on_end(reason)

    def use_catalog(self, number: int, catalog: Catalog, geo: GeoDatabase) -> None:
        """Goes on under another catalog; what is due may have changed with it."""
        self.catalog, self.geo = catalog, geo
        self.committer.catalog_number = number
        for resident in self.residents.by_id.values():
            self.scheduled.plan(resident, catalog)  # the index in the store follows with the next snapshot (rule 12)

    def country_of(self, ip: str | None) -> str | None:
        """The country of an address by the geo database; None if it is not known."""
        return self.geo.country_of(ip) if ip is not None else None

    # --- frames

    def handle(self, sink: ReplySink, frame: RequestFrame) -> None:
        """Acts on every request of a frame, in order."""
        if self.paused is not None:
            self._pause(sink, frame, self.paused)
            return
        refusal = self._not_serving(frame.epoch)
        now = self.now()
        for request in frame.requests:
            if type(request.body) in CONTROL:
                self.controlled(sink, request)
            elif refusal is not None:
                sink.reply(refusal(request.rid))
            else:
                self.act_or_load(sink, request, now)

    def _pause(self, sink: ReplySink, frame: RequestFrame, paused: list[tuple[ReplySink, RequestFrame]]) -> None:
        """Players' requests wait while the catalog is swapped; what is asked of the process itself does not."""
        waiting = [request for request in frame.requests if type(request.body) not in CONTROL]
        for request in frame.requests:
            if type(request.body) in CONTROL:
                self.controlled(sink, request)
        if waiting and len(paused) < self.settings.pending_entries_max:
            paused.append((sink, RequestFrame(frame.epoch, waiting)))
            return
        for request in waiting:
            self.metrics.count("shard_overloaded")
            sink.reply(unavailable(request.rid, "overloaded", "Too many commands wait for the new catalog."))

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

    def report(self) -> ShardReport:
        """The shard's figures."""
        return ShardReport(
            shard_id=self.inc.shard_id,
            epoch=self.inc.epoch,
            resident_players=len(self.residents),
            pending_entries=self.committer.backlog,
            dirty_players=len(self.residents.dirty),
            needs_logs=tuple(self.tails.needed_logs()),
        )

    def act_or_load(self, sink: ReplySink, request: Request, now: int, attempt: int = 1) -> None:
        """Acts at once if the player is in memory, else puts the request into its mailbox."""
        if not self.ownership.owns(request.player_id):
            self.misrouted = True
            self.metrics.count("shard_not_owner")
            sink.reply(Reply(request.rid, Kind.NOT_OWNER, NIL))
            return
        resident = self.residents.by_id.get(request.player_id)
        if resident is not None:
            self.act(sink, request, resident, now, attempt)
        else:
            self.loader.enqueue(sink, request, attempt)

    # --- one player

    def act(self, sink: ReplySink, request: Request, resident: Resident, now: int, attempt: int = 1) -> None:
        """Runs overdue work, then the request, on a player in memory. An exception quarantines only this player."""
        if resident.waiting is not None:
            self._wait_behind(sink, request, resident, attempt)
            return
        resident.used_ms = now
        try:
            if resident.due_ms is not None and resident.due_ms <= now and not self._run_due(resident, now):
                self._wait_behind(sink, request, resident, attempt)
            elif isinstance(request.body, Query):
                self._answer_query(sink, request, resident, now)
            else:
                self._run_command(sink, request, resident, now)
        except Exception:
            self._quarantine(sink, request, resident, attempt)

    def _wait_behind(self, sink: ReplySink, request: Request, resident: Resident, attempt: int) -> None:
        """The player's facts are being looked up for an earlier command: this one waits in the mailbox."""
        assert resident.waiting is not None
        if len(resident.waiting) >= self.settings.mailbox_depth_max:
            self.metrics.count("shard_overloaded")
            sink.reply(unavailable(request.rid, "overloaded", "Too many commands wait for this player."))
        else:
            resident.waiting.append((sink, request, attempt))

    def _command(self, command_id: str, body: CommandBody, resident: Resident, now: int) -> Command:
        real_ms = now - self.clock_offset_ms if self.clock_offset_ms else 0
        return Command(command_id, max(now, resident.player.state.time_ms), body, NO_FACTS, real_ms)

    def _run_command(self, sink: ReplySink, request: Request, resident: Resident, now: int) -> None:
        started = time.perf_counter()
        command = self._command(request.command_id, request.body, resident, now)  # type: ignore[arg-type]
        wanted = needs(resident.player, self.catalog, command)
        if wanted is not None:
            self.facts.find(resident, command, wanted, sink, request)
        else:
            self.decide(sink, request, resident, command, started)

    def decide(
        self, sink: ReplySink, request: Request, resident: Resident, command: Command, started: float
    ) -> Transition | None:
        """Decides and applies a command whose facts are known; answers what became of it."""
        body = command.body
        result = execute(resident.player, self.catalog, command)
        if type(result) is Transition:
            self._commit(result, resident, sink, Reply(request.rid, Kind.ANSWER, Raw(result.answer)))
            if type(body) is Spin:
                self.metrics.spin_handle.observe(time.perf_counter() - started)
        elif type(result) is Replayed:
            self.metrics.counters["shard_commands_replayed"] += 1
            self.committer.reply_after(resident.batch, sink, Reply(request.rid, Kind.REPLAY, Raw(result.answer)))
        else:
            self._refuse(result, sink, request, resident)  # type: ignore[arg-type]
        return result if type(result) is Transition else None

    def _commit(self, done: Transition, resident: Resident, sink: ReplySink | None, reply: Reply | None) -> None:
        plain, tallies = _plain(done.events), NO_TALLIES
        if not plain:
            count_events(self.metrics, resident.player.state, done)
            count_loyalty(self.metrics, self.catalog.loyalty, done.events)
            tallies = _tallied(resident, done)
        # What may raise comes before the entry is on its way (rule 10).
        one_call = plain and len(done.events) == ONE_CALL
        if not (one_call and resident.loose):
            self.scheduled.plan(resident, self.catalog)
            if one_call:
                self.scheduled.loosen(resident, done.time_ms)
        entry = (done.player_id, done.version, encode_entry(done))
        if plain and done.events:
            points: int = done.events[0].points_micro  # type: ignore[union-attr]  # a BetPlaced
            if points:
                self.metrics.points_accrued_micro += points
                self.committer.tally(POINTS, points)
        resident.batch = self.committer.add(entry, sink, reply, tallies)
        self.residents.dirty[done.player_id] = 2
        self.metrics.counters["shard_commands_accepted"] += 1
        if not plain:
            self.facts.settle(done, resident.batch)

    def _refuse(self, refusal: Rejection, sink: ReplySink, request: Request, resident: Resident) -> None:
        self.metrics.counters["shard_commands_refused"] += 1
        if refusal.code in _FOR_OPERATOR:
            self._flag(refusal, request, resident)
        self.committer.reply_after(resident.batch, sink, Reply(request.rid, Kind.REJECTION, Raw(encode(refusal))))
        self._drop_unregistered(resident)

    def _flag(self, refusal: Rejection, request: Request, resident: Resident) -> None:
        """Keeps what the refused command wanted to move; the refusal leaves after that is durable (rules §3)."""
        self.metrics.count(_FOR_OPERATOR[refusal.code])
        log.warning("for an operator: %s of %s: %s", request.command_id, request.player_id, refusal.detail)
        amount: int = refusal.fields["amount"]
        body = FlagForOperator(request.command_id, refusal.code, refusal.fields["session_id"], amount)
        command = self._command(f"flag:{request.command_id}:{amount}", body, resident, self.now())
        kept = execute(resident.player, self.catalog, command)
        if type(kept) is Transition:
            self._commit(kept, resident, None, None)

    def _answer_query(self, sink: ReplySink, request: Request, resident: Resident, now: int) -> None:
        at = max(now, resident.player.state.time_ms)
        view = query(resident.player, self.catalog, request.body, at)  # type: ignore[arg-type]
        kind = Kind.REJECTION if type(view) is Rejection else Kind.ANSWER
        self.committer.reply_after(resident.batch, sink, Reply(request.rid, kind, Raw(encode(view))))
        self._drop_unregistered(resident)

    def run_due(self, resident: Resident) -> None:
        """Does a player's overdue work, as the scheduler asks. An exception quarantines only this player."""
        try:
            self._run_due(resident, self.now())
        except Exception:
            self._evict_poisoned(resident)

    def _run_due(self, resident: Resident, now: int) -> bool:
        """Runs overdue work in the order of its due times; False if one of them waits for facts first."""
        while resident.waiting is None and resident.due_ms is not None and resident.due_ms <= now:
            if resident.loose:
                self.scheduled.plan(resident, self.catalog)
                continue
            command = next_due(resident.player.state, now_ms() if self.clock_offset_ms else 0, self.catalog)
            if command is None:
                raise InvariantViolation("due_work_exists", f"{resident.player.state.player_id} at {resident.due_ms}")
            wanted = needs(resident.player, self.catalog, command)
            if wanted is not None:
                self.facts.find(resident, command, wanted, None, None)
            else:
                self.decide_due(resident, command)
        return resident.waiting is None

    def decide_due(self, resident: Resident, command: Command) -> Transition | None:
        """Does due work; None if it is refused, as for a blocked player: it rests until the player moves."""
        done = execute(resident.player, self.catalog, command)
        if type(done) is Rejection:
            log.info("due work %s of %s rests: %s", command.id, resident.player.state.player_id, done.detail)
            resident.due_ms = None
            return None
        if type(done) is not Transition:
            raise InvariantViolation("due_work_is_done", f"{resident.player.state.player_id}, {command.id}: {done}")
        self._commit(done, resident, None, None)
        return done

    def _drop_unregistered(self, resident: Resident) -> None:
        """Asking for players that don't exist must not fill the memory."""
        if resident.player.state.version == 0:
            self.residents.evict(resident.player.state.player_id)

    def poisoned(self, sink: ReplySink | None, request: Request | None, resident: Resident) -> None:
        """A command raised after its facts were found: as any other, but not tried again by itself."""
        if sink is not None and request is not None:
            self._quarantine(sink, request, resident, ATTEMPTS_MAX)
        else:
            self._evict_poisoned(resident)

    def _evict_poisoned(self, resident: Resident) -> None:
        player_id = resident.player.state.player_id
        log.exception("player %s is evicted and loaded again", player_id)
        self.metrics.count("shard_players_poisoned")
        self.residents.evict(player_id)
        self.loader.reload_after(player_id, resident.batch)

    def _quarantine(self, sink: ReplySink, request: Request, resident: Resident, attempt: int) -> None:
        """Rule 10: the player is evicted and reloaded after its in-flight appends; others go on."""
        log.error("command %s of player %s raised", request.command_id, request.player_id)
        self._evict_poisoned(resident)
        if attempt < ATTEMPTS_MAX:
            self.loader.enqueue(sink, request, attempt + 1)
        else:
            sink.reply(unavailable(request.rid, "shard_unavailable", "This player can't be served now.", 5))

    def admit(self, loaded: Loaded) -> Resident:
        """Takes a loaded player in; one rebuilt from a log tail owes its snapshots."""
        player = loaded.player
        resident = Resident(player, self.now(), loaded.indexed_ms)
        self.scheduled.plan(resident, self.catalog)
        self.residents.add(resident)
        if player.state.player_id in self.tails:
            self.residents.owe(player.state.player_id)
        self.metrics.gauges["shard_resident_players"] = len(self.residents)
        return resident
