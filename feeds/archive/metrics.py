"""What the archive counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from actors.routing.breaker import NUMBERS, Breaker


class ArchiveMetrics:
    """The archive's counters in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"archive_{name}", text, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"archive_{name}", text, registry=registry)

        self.records = counter("records", "Records of the journal on the disk of the spool.")
        self.duplicates = counter("duplicates", "Records that came again after a restart and were dropped.")
        self.gaps = counter("gaps", "Places in a log where records are missing in the archive.")
        self.sealed = counter("sealed_entries", "Entries whose personal fields were sealed.")
        self.erased = counter("erased_players", "Players whose keys were destroyed.")
        self.segments = counter("segments", "Segments that were stored.")
        self.segment_bytes = counter("segment_bytes", "Bytes of the segments that were stored, compressed.")
        self.upload_failures = counter("upload_failures", "Uploads that failed and will be tried again.")
        self.spool_bytes = gauge("spool_bytes", "Bytes on the disk of the spool.")
        self.spool_full = gauge("spool_full", "1 while no more records are taken, because the spool is full.")
        self.rewrapped = counter("rewrapped_keys", "Players' keys that were wrapped anew after the key was changed.")
        self.rewrapping = gauge("rewrapping", "1 while players' keys may need one of previous_keys.")
        self.waiting = gauge("segments_waiting", "Segments that wait on the local disk to be stored.")
        self._breaker = Gauge("breaker_state", "0 closed, 1 half open, 2 open.", ["breaker"], registry=registry)

    full = False
    """Whether the spool is full at the moment."""

    def show_full(self, full: bool) -> None:
        """The spool is full, or has room again."""
        self.full = full
        self.spool_full.set(int(full))

    def watch(self, breaker: Breaker) -> None:
        """From now on `breaker_state` shows the breaker's."""
        self._breaker.labels(breaker.name).set_function(lambda: NUMBERS[breaker.state])
