"""Counters and histograms cheap enough for the spin path, in the shape Prometheus wants them."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.metrics.money import MoneyCounts
from engine.amounts import MICRO
from engine.switches import SCOPES

SECONDS = (
    0.00001, 0.00002, 0.00004, 0.00006, 0.0001, 0.00015, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)


class Histogram:
    """A Prometheus histogram for one writing thread: a bisection and two additions per observation.

    The histogram of prometheus_client takes a lock, which costs several times as much.
    """

    __slots__ = ("bounds", "counts", "help", "name", "total")

    def __init__(self, name: str, help_text: str, bounds: Sequence[float] = SECONDS) -> None:
        self.name, self.help, self.bounds = name, help_text, bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def family(self) -> HistogramMetricFamily:
        """The metric as it stands."""
        buckets, running = [], 0
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            running += count
            buckets.append((bound, running))
        return HistogramMetricFamily(self.name, self.help, buckets=buckets, sum_value=self.total)


class ShardMetrics(Collector):
    """All a shard counts. Written by the shard's loop, read by the scrape thread."""

    def __init__(self) -> None:
        self.spin_handle = Histogram("spin_handle_seconds", "Deciding, applying and encoding one spin in the shard")
        self.journal_commit = Histogram("journal_commit_seconds", "One append to the journal")
        self.batch_size = Histogram("journal_batch_size", "Transitions per append", SIZES)
        self.recovery = Histogram("shard_recovery_seconds", "From claiming a shard to serving it")
        self.counters = {
            "shard_commands_accepted": 0,
            "shard_commands_replayed": 0,
            "shard_commands_refused": 0,
            "shard_players_loaded": 0,
            "shard_players_passivated": 0,
            "shard_players_poisoned": 0,
            "shard_loads_failed": 0,
            "shard_snapshots_written": 0,
            "shard_not_owner": 0,
            "shard_overloaded": 0,
            "journal_records_restored": 0,
            "fallback_records": 0,
            "journal_records_lost": 0,
            "remembered_digests_dropped": 0,
            "rollbacks_flagged": 0,
            "refunded_results_flagged": 0,
            "due_work_done": 0,
            "facts_looked_up": 0,
            "bonuses_granted": 0,
            "bonuses_redeemed": 0,
            "bonuses_expired": 0,
            "bonuses_declined": 0,
            "points_redeemed": 0,
            "points_returned": 0,
        }
        self.journal_failures = dict.fromkeys(("silence", "oom", "readonly", "full", "ioerr", "noreplicas"), 0)
        """Attempts to append that failed, by reason; other reasons come as they occur."""
        self.breakers: dict[str, Callable[[], int]] = {}
        """States by the breaker's name: 0 closed, 1 half open, 2 open."""
        self.points_accrued_micro = 0
        self.points_reversed_micro = 0
        self.level_ups = {"play": 0, "forced": 0}
        """Climbs by the reason of the change. No other reason leads to a climb."""
        self.money = MoneyCounts()
        self.freespins_used = 0
        self.wagered_shares = 0.0
        """Sum, over the grants that ended, of the share of their wagering that was done."""
        self.grants_ended = 0
        self.snapshot_cpu_s = 0.0
        """CPU time of the shard's thread; a store's own threads and Redis are not counted."""
        self.gauges: dict[str, float] = {
            "store_fill_ratio": 0,
            "shard_bets_stopped": 0,
            "shard_resident_players": 0,
            "shard_epoch": 0,
            "shard_suspended": 0,
            "shard_on_fallback": 0,
            "fallback_bytes": 0,
            "shard_clock_skew_ms": 0,
            "shard_due_slots_to_sweep": 0,
            "archive_breaker_state": 0,
        }

        self.owing_snapshots: Callable[[], int] = int
        """How many players have entries that no snapshot covers twice; asked when the metrics are."""
        self.switched_off: dict[str, int] = dict.fromkeys(SCOPES, 0)
        """How many kill-switches this shard decides by, by what they stop."""

    def count(self, name: str, amount: int = 1) -> None:
        """Adds to a counter that exists."""
        self.counters[name] += amount

    def collect(self) -> Iterator[Metric]:
        """Everything, for a scrape."""
        for histogram in (self.spin_handle, self.journal_commit, self.batch_size, self.recovery):
            yield histogram.family()
        for name, value in self.counters.items():
            yield CounterMetricFamily(name, name.replace("_", " "), value=value)
        yield CounterMetricFamily(
            "shard_snapshot_cpu_seconds", "CPU time of encoding and storing snapshots", value=self.snapshot_cpu_s
        )
        failures = CounterMetricFamily(
            "journal_failures", "Failed attempts to write to the journal, by reason", labels=("reason",)
        )
        for reason, count in list(self.journal_failures.items()):
            failures.add_metric((reason,), count)
        yield failures
        yield from self._loyalty()
        yield from self.money.collect()
        yield GaugeMetricFamily("freespins_used", "Free spins played", value=self.freespins_used)
        rate = self.wagered_shares / self.grants_ended if self.grants_ended else 0.0
        yield GaugeMetricFamily(
            "average_wager_completion_rate", "Mean share of wagering done by ended grants", value=rate
        )
        for name, level in self.gauges.items():
            yield GaugeMetricFamily(name, name.replace("_", " "), value=level)
        owing = "Players with entries that both their snapshots don't cover yet: what a successor reads of the journal"
        yield GaugeMetricFamily("shard_players_owing_snapshots", owing, value=self.owing_snapshots())
        off = GaugeMetricFamily("switched_off", "What operators have switched off, by kind", labels=("kind",))
        for scope, number in self.switched_off.items():
            off.add_metric((scope,), number)
        yield off
        breakers = GaugeMetricFamily("breaker_state", "0 closed, 1 half open, 2 open", labels=("breaker",))
        for name, state in self.breakers.items():
            breakers.add_metric((name,), state())
        yield breakers

    def _loyalty(self) -> Iterator[Metric]:
        """Points are shown in points, not in micro-points.

        Points taken back have a counter of their own, because counters never fall.
        """
        accrued, reversed_ = self.points_accrued_micro / MICRO, self.points_reversed_micro / MICRO
        yield CounterMetricFamily("points_accrued", "Points earned by bets", value=accrued)
        yield CounterMetricFamily("points_reversed", "Earned points that reversed bets took back", value=reversed_)
        climbs = GaugeMetricFamily("level_up_events", "Climbs to a higher level, by reason", labels=("reason",))
        for reason, count in self.level_ups.items():
            climbs.add_metric((reason,), count)
        yield climbs
