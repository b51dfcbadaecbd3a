"""One player's turn: a command or a question acted on in memory, overdue work first, and its entry handed on.

Between deciding and applying there is no await. An exception quarantines this player and nobody else (rules 10, 12).
"""

import logging
import time
from collections.abc import Sequence

from msgspec import Raw
from msgspec.structs import replace

from actors.host.clock import now_ms
from actors.metrics.bonuses import count_events
from actors.metrics.loyalty import count_loyalty
from actors.metrics.money import count_money
from actors.shard.context import ShardContext
from actors.shard.loading import Loader
from actors.shard.lookups import FactFinder
from actors.shard.residents import Resident
from actors.wire.frames import Kind, Reply, ReplyTo, Request, encode, unavailable
from engine.commands import BETS, Command, CommandBody, FlagForOperator, Spin
from engine.due import next_due
from engine.events import AnyEvent, BetPlaced, WinCredited
from engine.facts import Needs
from engine.player import Outcome, Replayed, execute, execute_or_ask, is_known, query
from engine.queries import QUERIES
from engine.rejections import ALREADY_PROCESSED, ROUND_REFUNDED, WIN_ALREADY_SPENT, Rejection
from engine.state.invariants import InvariantViolation
from engine.tally import POINTS, active_awards, tally
from engine.transition import Transition
from snapshots.codec import encode_entry
from snapshots.contract import NO_TALLIES, Tallies
from snapshots.recovery import Loaded

log = logging.getLogger("croupier.shard")

ONE_CALL = 2
"""Events of a one-call spin that is `_plain`: its bet and its win."""
STOPPED_RETRY_S = 5
"""When callers may try again whose bets were refused because the store is nearly full."""
ATTEMPTS_MAX = 2
"""A command whose deciding or applying raises is tried once more on a freshly loaded player (rule 10)."""


_FOR_OPERATOR = {
    WIN_ALREADY_SPENT: "rollbacks_flagged",
    ALREADY_PROCESSED: "rollbacks_flagged",
    ROUND_REFUNDED: "refunded_results_flagged",
}
"""Which metric counts the refusals that are kept with the player until an operator looks."""


def _plain(events: Sequence[AnyEvent]) -> bool:
    """A bet of money and perhaps its win: nothing that is counted or settled elsewhere."""
    if not events or type(events[0]) is not BetPlaced or events[0].package_id is not None:
        return not events
    return len(events) == 1 or (len(events) == 2 and type(events[1]) is WinCredited)


def _tallied(resident: Resident, done: Transition) -> Tallies:
    """What the store counts with the transition's entry."""
    state, before = resident.player.state, resident.active_awards
    resident.active_awards = active_awards(state)
    return tally(before, resident.active_awards, state, done.events)


class Turn:
    """The turns of one shard's players. Without `request` what is done is due work, and nobody waits for its answer."""

    def __init__(self, context: ShardContext, loader: Loader, facts: FactFinder) -> None:
        self._context, self._loader, self._facts = context, loader, facts
        self._committer, self._metrics = context.committer, context.metrics
        self._residents, self._scheduled = context.residents, context.scheduled

    def act(self, reply_to: ReplyTo, request: Request, resident: Resident, now: int, attempt: int = 1) -> None:
        """Runs overdue work, then the request, on a player in memory. An exception quarantines only this player."""
        if resident.waiting is not None:
            self._wait_behind(reply_to, request, resident, attempt)
            return
        resident.used_ms = now
        try:
            if resident.due_ms is not None and resident.due_ms <= now and not self._run_due(resident, now):
                self._wait_behind(reply_to, request, resident, attempt)
            elif type(request.body) in QUERIES:
                self._answer_query(reply_to, request, resident, now)
            else:
                self._run_command(reply_to, request, resident, now)
        except Exception:
            self._quarantine(reply_to, request, resident, attempt)

    def _wait_behind(self, reply_to: ReplyTo, request: Request, resident: Resident, attempt: int) -> None:
        """The player's facts are being looked up for an earlier command: this one waits in the mailbox."""
        assert resident.waiting is not None
        if len(resident.waiting) >= self._context.settings.mailbox_depth_max:
            self._metrics.count("shard_overloaded")
            reply_to.reply(unavailable(request.rid, "overloaded", "Too many commands wait for this player."))
        else:
            resident.waiting.append((reply_to, request, attempt))

    def _command(self, command_id: str, body: CommandBody, resident: Resident, now: int) -> Command:
        real_ms = now - self._context.clock_offset_ms if self._context.clock_offset_ms else 0
        return Command(command_id, max(now, resident.player.state.time_ms), body, self._context.facts, real_ms)

    def _run_command(self, reply_to: ReplyTo, request: Request, resident: Resident, now: int) -> None:
        started = time.perf_counter()
        command = self._command(request.command_id, request.body, resident, now)  # type: ignore[arg-type]
        if self._context.bets_stopped and self._stops(reply_to, request, resident, command):
            return
        outcome = execute_or_ask(resident.player, self._context.catalog, command)
        if type(outcome) is Needs:
            self._facts.find(resident, command, outcome, reply_to, request)
        else:
            self._settle(outcome, reply_to, request, resident, started)

    def _stops(self, reply_to: ReplyTo, request: Request, resident: Resident, command: Command) -> bool:
        """Whether this is a new bet, refused while the store is nearly full. A repeat gets its first answer."""
        if type(request.body) not in BETS or is_known(resident.player, command):
            return False
        self._metrics.count("shard_overloaded")
        reply_to.reply(unavailable(request.rid, "overloaded", "The store is nearly full.", STOPPED_RETRY_S))
        self._drop_unregistered(resident)
        return True

    def _settle(
        self, result: Outcome, reply_to: ReplyTo, request: Request, resident: Resident, started: float
    ) -> Transition | None:
        """Answers what became of a command."""
        if type(result) is Transition:
            self._commit(result, resident, reply_to, Reply(request.rid, Kind.ANSWER, Raw(result.answer)))
            if type(request.body) is Spin:
                self._metrics.spin_handle.observe(time.perf_counter() - started)
        elif type(result) is Replayed:
            self._metrics.counters["shard_commands_replayed"] += 1
            self._committer.reply_after(resident.batch, reply_to, Reply(request.rid, Kind.REPLAY, Raw(result.answer)))
        else:
            self._refuse(result, reply_to, request, resident)  # type: ignore[arg-type]
        return result if type(result) is Transition else None

    def decide_found(
        self, resident: Resident, command: Command, reply_to: ReplyTo | None, request: Request | None, started: float
    ) -> Transition | None:
        """Decides a command whose facts were found; without a request it is due work."""
        outcome = execute(resident.player, self._context.catalog, command)
        if reply_to is None or request is None:
            return self._settle_due(outcome, resident, command)
        return self._settle(outcome, reply_to, request, resident, started)

    def _commit(self, done: Transition, resident: Resident, reply_to: ReplyTo | None, reply: Reply | None) -> None:
        plain, tallies = _plain(done.events), NO_TALLIES
        if not plain:
            count_events(self._metrics, resident.player.state, done)
            count_loyalty(self._metrics, self._context.catalog.loyalty, done.events)
            count_money(self._metrics.money, resident.player.state, self._context.catalog.currencies, done)
            tallies = _tallied(resident, done)
        # What may raise comes before the entry is on its way (rule 10).
        one_call = plain and len(done.events) == ONE_CALL
        if not (one_call and resident.due_is_estimated):
            self._scheduled.plan(resident, self._context.catalog)
            if one_call:
                self._scheduled.estimate(resident, done.time_ms)
        entry = (done.player_id, done.version, encode_entry(done))
        if plain and done.events:
            points: int = done.events[0].points_micro  # type: ignore[union-attr]  # a BetPlaced
            if points:
                self._metrics.points_accrued_micro += points
                self._committer.tally(POINTS, points)
        resident.batch = self._committer.add(entry, reply_to, reply, tallies)
        self._residents.dirty[done.player_id] = 2
        self._metrics.counters["shard_commands_accepted"] += 1
        if not plain:
            self._facts.resolve(done, resident.batch)

    def _refuse(self, refusal: Rejection, reply_to: ReplyTo, request: Request, resident: Resident) -> None:
        self._metrics.counters["shard_commands_refused"] += 1
        if refusal.for_operator:
            self._flag(refusal, request, resident)
        self._committer.reply_after(resident.batch, reply_to, Reply(request.rid, Kind.REJECTION, Raw(encode(refusal))))
        self._drop_unregistered(resident)

    def _flag(self, refusal: Rejection, request: Request, resident: Resident) -> None:
        """Keeps what the refused command wanted to move; the refusal leaves after that is durable (rules §3)."""
        self._metrics.count(_FOR_OPERATOR[refusal.code])
        log.warning("for an operator: %s of %s: %s", request.command_id, request.player_id, refusal.detail)
        amount: int = refusal.fields.get("amount", 0)
        session_id: str = refusal.fields.get("session_id", "")
        named: str = getattr(request.body, "transaction_id", "")
        body = FlagForOperator(request.command_id, refusal.code, session_id, amount, named)
        command = self._command(f"flag:{request.command_id}:{amount}", body, resident, self._context.now())
        kept = execute(resident.player, self._context.catalog, command)
        if type(kept) is Transition:
            self._commit(kept, resident, None, None)

    def _answer_query(self, reply_to: ReplyTo, request: Request, resident: Resident, now: int) -> None:
        at = max(now, resident.player.state.time_ms)
        view = query(resident.player, self._context.catalog, request.body, at)  # type: ignore[arg-type]
        kind = Kind.REJECTION if type(view) is Rejection else Kind.ANSWER
        self._committer.reply_after(resident.batch, reply_to, Reply(request.rid, kind, Raw(encode(view))))
        self._drop_unregistered(resident)

    def run_due(self, resident: Resident) -> None:
        """Does a player's overdue work, as the scheduler asks. An exception quarantines only this player."""
        try:
            self._run_due(resident, self._context.now())
        except Exception:
            self._evict_poisoned(resident)

    def _run_due(self, resident: Resident, now: int) -> bool:
        """Runs overdue work in the order of its due times; False if one of them waits for facts first."""
        while resident.waiting is None and resident.due_ms is not None and resident.due_ms <= now:
            if resident.due_is_estimated:
                self._scheduled.plan(resident, self._context.catalog)
                continue
            command = next_due(
                resident.player.state, now_ms() if self._context.clock_offset_ms else 0, self._context.catalog
            )
            if command is None:
                raise InvariantViolation("due_work_exists", f"{resident.player.state.player_id} at {resident.due_ms}")
            command = replace(command, facts=self._context.facts)
            outcome = execute_or_ask(resident.player, self._context.catalog, command)
            if isinstance(outcome, Needs):
                self._facts.find(resident, command, outcome, None, None)
            else:
                self._settle_due(outcome, resident, command)
        return resident.waiting is None

    def _settle_due(self, done: Outcome, resident: Resident, command: Command) -> Transition | None:
        """Due work was done; None if it is refused, as for a blocked player: it rests until the player moves."""
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
            self._residents.evict(resident.player.state.player_id)

    def poisoned(self, reply_to: ReplyTo | None, request: Request | None, resident: Resident) -> None:
        """A command raised after its facts were found: as any other, but not tried again by itself."""
        if reply_to is not None and request is not None:
            self._quarantine(reply_to, request, resident, ATTEMPTS_MAX)
        else:
            self._evict_poisoned(resident)

    def _evict_poisoned(self, resident: Resident) -> None:
        player_id = resident.player.state.player_id
        log.exception("player %s is evicted and loaded again", player_id)
        self._metrics.count("shard_players_poisoned")
        self._residents.evict(player_id)
        self._loader.reload_after(player_id, resident.batch)

    def _quarantine(self, reply_to: ReplyTo, request: Request, resident: Resident, attempt: int) -> None:
        """Rule 10: the player is evicted and reloaded after its in-flight appends; others go on."""
        log.error("command %s of player %s raised", request.command_id, request.player_id)
        self._evict_poisoned(resident)
        if attempt < ATTEMPTS_MAX:
            self._loader.enqueue(reply_to, request, attempt + 1)
        else:
            reply_to.reply(unavailable(request.rid, "shard_unavailable", "This player can't be served now.", 5))

    def admit(self, loaded: Loaded) -> Resident:
        """Takes a loaded player in; one rebuilt from a log tail owes its snapshots."""
        player = loaded.player
        resident = Resident(player, self._context.now(), loaded.indexed_ms)
        self._scheduled.plan(resident, self._context.catalog)
        self._residents.add(resident)
        if player.state.player_id in self._context.tails:
            self._residents.owe(player.state.player_id)
        self._metrics.gauges["shard_resident_players"] = len(self._residents)
        return resident
