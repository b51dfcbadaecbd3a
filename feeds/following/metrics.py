"""What a reader of the journal shows of itself. Written on the reader's loop, read by the scrape thread."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from snapshots.contract import Position

REASONS = ("version_gap", "corrupt", "trimmed", "sink_failed", "store_unavailable")

MEAN_OVER = 1_000
"""Records that the mean size is of, about."""


class ReaderMetrics(Collector):
    """Lag, position and stalls of one reader. `holds_journal`: what it has not read is kept in the store."""

    def __init__(self, holds_journal: bool = False) -> None:
        self.lag_seconds: dict[str, float] = {}
        """By shard: for how long the oldest record that has not left for good has been there."""
        self.lag_records: dict[str, int] = {}
        self.positions: dict[str, Position] = {}
        self.stopped_players = 0
        """Players who are passed on no more, because a version was missing."""
        self.record_bytes = 0.0
        """Mean size of the records read lately."""
        self._read = 0
        self._holds_journal = holds_journal
        self.stalls: Counter[str] = Counter(dict.fromkeys(REASONS, 0))

    def stalled(self, reason: str) -> None:
        """The reader, a shard or a player does not go on."""
        self.stalls[reason] += 1

    def read(self, size: int) -> None:
        """A record of that many bytes was read."""
        self._read = min(self._read + 1, MEAN_OVER)
        self.record_bytes += (size - self.record_bytes) / self._read

    def held_bytes(self) -> int:
        """An estimate of the records in the store that this reader has not read: their number times the mean size."""
        return round(sum(self.lag_records.values()) * self.record_bytes) if self._holds_journal else 0

    def collect(self) -> Iterator[Metric]:
        """Everything, for a scrape."""
        seconds = GaugeMetricFamily("reader_lag_seconds", "Age of the oldest record not passed on", labels=("shard",))
        records = GaugeMetricFamily("reader_lag_records", "Records not passed on", labels=("shard",))
        position = GaugeMetricFamily("reader_position", "Record up to which all has left", labels=("shard", "epoch"))
        for shard_id, lag_s in list(self.lag_seconds.items()):
            seconds.add_metric((shard_id,), lag_s)
        for shard_id, count in list(self.lag_records.items()):
            records.add_metric((shard_id,), count)
        for shard_id, at in list(self.positions.items()):
            position.add_metric((shard_id, str(at.epoch)), at.seq)
        yield from (seconds, records, position)
        stalls = CounterMetricFamily("reader_stalled", "How often it did not go on, by reason", labels=("reason",))
        for reason, count in list(self.stalls.items()):
            stalls.add_metric((reason,), count)
        yield stalls
        yield GaugeMetricFamily(
            "reader_stopped_players", "Players not passed on since a version was missing", value=self.stopped_players
        )
        if self._holds_journal:
            yield GaugeMetricFamily(
                "journal_held_bytes", "Estimate of what the store keeps for the archive", value=self.held_bytes()
            )
