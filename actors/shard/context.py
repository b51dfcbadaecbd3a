"""What the parts of one shard incarnation share: store, players in memory, catalog, clock, committer.

The parts read its attributes; whatever may change is changed by its methods and nowhere else. It knows none of the
parts: one that must be told of the end says so with `at_end`.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Raw

from actors.host.clock import now_ms
from actors.metrics.shard import ShardMetrics
from actors.settings import ShardSettings
from actors.shard.committer import OUTCOME_UNKNOWN, Committer
from actors.shard.geo import GeoDatabase
from actors.shard.lease import Lease
from actors.shard.lineage import Lineage
from actors.shard.ownership import Ownership
from actors.shard.ownership_lost import Move, OwnershipLost
from actors.shard.residents import Residents, Schedule
from actors.shard.ring import Ring
from engine.calendar import within_time
from engine.catalog import Catalog
from engine.facts import NO_FACTS, Facts
from engine.switches import SCOPES, Switches
from snapshots.contract import Incarnation, Routing, Store
from snapshots.tail_index import TailIndex

log = logging.getLogger("croupier.shard")


class ShardContext:
    """One incarnation. `on_end` is called once, with the reason, when it may not go on.

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
        self.store, self.settings, self.metrics = store, settings, metrics
        self.ownership, self.tails = ownership, tails
        self.catalog = catalog
        self.geo = GeoDatabase(settings.catalog_dir, catalog.geo_database)
        self.residents, self.scheduled = Residents(), Schedule()
        self.lease = Lease(settings.lease_ms / 1000)
        self.committer = Committer(
            store=store,
            inc=inc,
            lease=self.lease,
            settings=settings,
            metrics=metrics,
            on_fenced=self.end,
            on_refused=self.suspend,
        )
        self._told: OwnershipLost | None = None
        self.clock_offset_ms = 0
        """How far the sandbox clock runs ahead of real time."""
        self.clock_ok = True
        self.paused = False
        """A catalog is being swapped: nothing is decided meanwhile."""
        self.bets_stopped = False
        """The store is nearly full: commands that place a bet are refused."""
        self.facts = NO_FACTS
        """What every command is decided on before anything is looked up for it: what operators have switched off."""
        self.draining = False
        self.ended = False
        """Memory is discarded; nothing is decided any more."""
        self.suspended = False
        """It ended because the store refuses to write: the process stays, and says so, until the store writes again."""
        self.misrouted = False
        """Somebody sent a player of another shard under our epoch: one of the two tables is old."""
        self.checkpoint_seq = 0
        """How far the own log is covered by newest snapshots."""
        self._on_suspension: Callable[[], None] = lambda: None
        self._ends: list[Callable[[], None]] = []
        self._on_end = on_end
        metrics.gauges["shard_epoch"] = inc.epoch
        metrics.gauges["shard_bets_stopped"] = 0

    @property
    def inc(self) -> Incarnation:
        """The current fencing token; its epoch grows with slot moves."""
        return self.committer.inc

    def owing_snapshots(self) -> int:
        """How many players have entries that both their snapshots don't cover yet. May be called by another thread."""
        return len({*list(self.residents.dirty), *self.tails.players()})

    def at_work(self) -> bool:
        """Whether work that nobody asked for may be begun."""
        return not self.paused and not self.draining and not self.ended

    def now(self) -> int:
        """The players' time, Unix ms: real time, or the sandbox clock's."""
        return within_time(now_ms() + self.clock_offset_ms)

    def country_of(self, ip: str | None) -> str | None:
        """The country of an address by the geo database; None if it is not known."""
        return self.geo.country_of(ip) if ip is not None else None

    # --- what may change

    def use_catalog(self, number: int, catalog: Catalog, geo: GeoDatabase) -> None:
        """Goes on under another catalog; what is due may have changed with it."""
        self.start_with(number, catalog, geo)
        for resident in self.residents.by_id.values():
            self.scheduled.plan(resident, catalog)  # the index in the store follows with the next snapshot (rule 12)

    def start_with(self, number: int, catalog: Catalog, geo: GeoDatabase) -> None:
        """The catalog in force has this number."""
        self.catalog, self.geo = catalog, geo
        self.committer.catalog_number = number

    def advance_clock(self, offset_ms: int) -> None:
        """The sandbox clock runs ahead by that much; never by less than before."""
        self.clock_offset_ms = max(self.clock_offset_ms, offset_ms)

    def compare_clocks(self, skew_ms: int) -> None:
        """The host's clock was found that far off the store's (rule 13)."""
        self.metrics.gauges["shard_clock_skew_ms"] = skew_ms
        in_time = skew_ms <= self.settings.clock_skew_max_ms
        if in_time != self.clock_ok:
            log.warning("clock %d ms off the store's: %s", skew_ms, "serving again" if in_time else "not serving")
        self.clock_ok = in_time

    def stop_bets(self) -> None:
        """New bets are refused until `allow_bets`."""
        self.bets_stopped = True
        self.metrics.gauges["shard_bets_stopped"] = 1

    def allow_bets(self) -> None:
        """New bets are accepted."""
        self.bets_stopped = False
        self.metrics.gauges["shard_bets_stopped"] = 0

    def use_switches(self, switches: Switches) -> None:
        """Decides by these kill-switches from now on."""
        off = switches.in_short()
        self.facts = NO_FACTS if off is None else Facts(off=off)
        for scope in SCOPES:
            self.metrics.switched_off[scope] = switches.count(scope)

    def pause(self) -> None:
        """Nothing is decided until `resume`."""
        self.paused = True

    def resume(self) -> None:
        """Decisions go on."""
        self.paused = False

    def drain(self) -> None:
        """Takes no more commands. Final."""
        self.draining = True

    def keep_ring(self, told: OwnershipLost, routing: Routing, lineage: str) -> None:
        """The store may lose what it acknowledged: it is kept, to be told again (rule 15). `routing` was read last."""
        ring = Ring(self.settings.journal_ring_bytes_max)
        self._told = told
        told.saw(routing)
        if (fallback := self.committer.fallback) is not None:
            told.grant = lambda: fallback.grant
        self.committer.keep_ring(ring, Lineage(self.store, ring, told, self.ownership, self.metrics), lineage)

    def adopt(self, routing: Routing) -> None:
        """Takes the table over as the store has it."""
        self.ownership.adopt(routing)
        if self._told is not None:
            self._told.saw(routing)

    def gave_away(self, move: Move, inc: Incarnation) -> None:
        """The store has confirmed a slot move, which has raised the own epoch (rule 6)."""
        if self._told is not None:
            self._told.gave_away(move)
        self.committer.inc = inc
        self.metrics.gauges["shard_epoch"] = inc.epoch

    @contextmanager
    def transferring(self) -> Iterator[None]:
        """A slot move is about to raise the epoch: refusals of other calls say nothing meanwhile."""
        self.committer.transferring = True
        try:
            yield
        finally:
            self.committer.transferring = False

    def doubt_table(self) -> None:
        """A player of another shard was sent here."""
        self.misrouted = True
        self.metrics.count("shard_not_owner")

    def trust_table(self) -> None:
        """The table is about to be read again."""
        self.misrouted = False

    def covered(self, checkpoint_seq: int) -> None:
        """The store has this checkpoint of the own log."""
        self.checkpoint_seq = checkpoint_seq

    def at_end(self, part: Callable[[], None]) -> None:
        """`part` is called when the incarnation ends, after those that were named before it."""
        self._ends.append(part)

    def at_suspension(self, act: Callable[[], None]) -> None:
        """`act` is called once the shard is suspended: it sees to it that the shard has a successor some day."""
        self._on_suspension = act

    def end(self, reason: str) -> None:
        """Discards memory and tells everybody who waits: `outcome_unknown`. Final."""
        if self.ended:
            return
        self._discard(reason, OUTCOME_UNKNOWN)
        self._on_end(reason)

    def suspend(self, reason: str, answer: Raw) -> None:
        """The store refuses to write: discards memory, gives everybody who waits the answer, and stays.

        What was decided and not written is gone with the memory. Nothing more is decided: the successor reads the log.
        """
        if self.ended:
            return
        self.suspended = True
        self.metrics.gauges["shard_suspended"] = 1
        self._discard(f"the store refuses to write: {reason}", answer)
        self._on_suspension()

    def leave(self, reason: str) -> None:
        """A suspended shard makes room for a successor. Final."""
        if self.suspended:
            self.suspended = False
            log.warning("shard %s epoch %d leaves: %s", self.inc.shard_id, self.inc.epoch, reason)
            self._on_end(reason)

    def _discard(self, reason: str, answer: Raw) -> None:
        self.ended = True
        log.warning("shard %s epoch %d ends: %s", self.inc.shard_id, self.inc.epoch, reason)
        self.committer.end(reason, answer)
        for part in self._ends:
            part()
        self.residents.clear()
