"""The shard: one process, one event loop, many player actors, one mailbox each. Here: its frames, and who is admitted.

For each frame: act on every request whose player is in memory (`turn`), hand entries and replies to the committer. A
player not in memory is loaded on first touch while its commands wait in its mailbox; nobody else waits.
(Architecture: "The shard", rules 4, 6 and 13.)
"""

from collections.abc import Callable

from actors.shard.catalog_swap import CatalogSwap
from actors.shard.context import ShardContext
from actors.shard.loading import Loader
from actors.shard.lookups import FactFinder
from actors.shard.turn import Turn
from actors.wire.frames import CONTROL, NIL, Kind, Reply, ReplyTo, Request, RequestFrame, ShardReport, unavailable


class Shard:
    """One incarnation at work, put together from its parts."""

    def __init__(self, context: ShardContext) -> None:
        self.context = context
        self.loader = Loader(context, lambda loaded: self.turn.admit(loaded), self.act_or_load)
        self.facts = FactFinder(
            context,
            act_or_load=self.act_or_load,
            arrive=self.loader.arrive,
            decide=lambda *found: self.turn.decide_found(*found),
            poisoned=lambda *letter: self.turn.poisoned(*letter),
        )
        self.turn = Turn(context, self.loader, self.facts)
        self.swap = CatalogSwap(context, self.until_decided, self._go_on)
        self.controlled: Callable[[ReplyTo, Request], None] = lambda reply_to, request: None
        """What to do with a request to the process itself; set by whoever runs the shard."""
        self._by_id = context.residents.by_id
        self._held: list[tuple[ReplyTo, RequestFrame]] = []
        """Frames that wait while a catalog is swapped."""
        for part in (self.loader.end, self.facts.end, self.swap.end, self._let_go):
            context.at_end(part)

    # --- frames

    def handle(self, reply_to: ReplyTo, frame: RequestFrame) -> None:
        """Acts on every request of a frame, in order."""
        context = self.context
        if context.paused:
            self._hold(reply_to, frame)
            return
        refusal = self._not_serving(frame.epoch)
        now = context.now()
        for request in frame.requests:
            if type(request.body) in CONTROL:
                self.controlled(reply_to, request)
            elif refusal is not None:
                reply_to.reply(refusal(request.rid))
            else:
                self.act_or_load(reply_to, request, now)

    def _hold(self, reply_to: ReplyTo, frame: RequestFrame) -> None:
        """Players' requests wait while the catalog is swapped; what is asked of the process itself does not."""
        waiting = [request for request in frame.requests if type(request.body) not in CONTROL]
        for request in frame.requests:
            if type(request.body) in CONTROL:
                self.controlled(reply_to, request)
        if waiting and len(self._held) < self.context.settings.pending_entries_max:
            self._held.append((reply_to, RequestFrame(frame.epoch, waiting)))
            return
        for request in waiting:
            self.context.metrics.count("shard_overloaded")
            reply_to.reply(unavailable(request.rid, "overloaded", "Too many commands wait for the new catalog."))

    def _go_on(self) -> None:
        """The catalog is swapped, or is not: what waited is acted on."""
        frames, self._held = self._held, []
        for reply_to, frame in frames:
            self.handle(reply_to, frame)

    def _let_go(self) -> None:
        """The incarnation ends: nothing was decided for those who wait."""
        frames, self._held = self._held, []
        for reply_to, frame in frames:
            for request in frame.requests:
                reply_to.reply(Reply(request.rid, Kind.NOT_OWNER, NIL))

    def _not_serving(self, epoch: int) -> Callable[[int], Reply] | None:
        context, committer = self.context, self.context.committer
        if context.suspended:
            return lambda rid: unavailable(rid, "journal_unavailable", "The store refuses to write.", 2)
        if context.ended or context.draining:
            return lambda rid: Reply(rid, Kind.NOT_OWNER, NIL)
        if epoch != committer.inc.epoch:
            context.metrics.count("shard_not_owner")
            return lambda rid: Reply(rid, Kind.NOT_OWNER, NIL)
        if not context.clock_ok:
            return lambda rid: unavailable(rid, "shard_unavailable", "This shard's clock is off the store's.")
        if committer.stalled():
            return lambda rid: unavailable(rid, "journal_unavailable", "The journal does not answer.")
        if committer.backlog > context.settings.pending_entries_max:
            context.metrics.count("shard_overloaded")
            return lambda rid: unavailable(rid, "overloaded", "Too many commands wait for the journal.")
        return None

    def report(self) -> ShardReport:
        """The shard's figures."""
        context = self.context
        return ShardReport(
            shard_id=context.inc.shard_id,
            epoch=context.inc.epoch,
            resident_players=len(context.residents),
            pending_entries=context.committer.backlog,
            dirty_players=len(context.residents.dirty),
            needs_logs=tuple(context.tails.needed_logs()),
            journal_breaker=context.committer.breaker.state,
            fallback_term=0 if context.committer.fallback is None else context.committer.fallback.term,
            on_fallback=context.committer.on_fallback,
            lineage=context.committer.lineage,
            log_id=context.inc.log_id,
            durable_seq=context.committer.head.seq,
        )

    def act_or_load(self, reply_to: ReplyTo, request: Request, now: int, attempt: int = 1) -> None:
        """Acts at once if the player is in memory, else puts the request into its mailbox."""
        if not self.context.ownership.owns(request.player_id):
            self.context.doubt_table()
            reply_to.reply(Reply(request.rid, Kind.NOT_OWNER, NIL))
            return
        resident = self._by_id.get(request.player_id)
        if resident is not None:
            self.turn.act(reply_to, request, resident, now, attempt)
        else:
            self.loader.enqueue(reply_to, request, attempt)

    # --- when nothing is under way

    async def until_decided(self) -> None:
        """Waits until no command waits for its player, or for facts."""
        while self.loader.waiting or self.facts.looking:
            await self.loader.until_delivered()
            await self.facts.until_decided()

    async def drain(self) -> None:
        """Takes no more commands; on return all that were taken are decided and durable, and nothing is loaded."""
        self.context.drain()
        self.swap.abandon()
        while self.loader.waiting or self.facts.looking:
            await self.loader.until_delivered()
            await self.facts.until_caught_up()
        await self.loader.until_idle()
        await self.facts.until_caught_up()
        await self.context.committer.until_idle()
