"""What the audit counts."""

import time
from collections.abc import Callable
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge

_Metric = TypeVar("_Metric", Counter, Gauge)


class AuditMetrics:
    """The audit's counters in one registry. `now_s` is Unix time."""

    def __init__(self, registry: CollectorRegistry, now_s: Callable[[], float] = time.time) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"audit_{name}", text, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"audit_{name}", text, registry=registry)

        def by_destination(kind: type[_Metric], name: str, text: str) -> _Metric:
            return kind(f"audit_{name}", text, ["destination"], registry=registry)

        self._now_s = now_s
        self._uncovered_since_s: float | None = None
        self._failing_since_s: float | None = None
        self.tree_size = gauge("tree_size", "Leaves of the audit tree.")
        self.checkpoints = counter("checkpoints", "Checkpoints that were signed and stored.")
        self.failures = counter(
            "failures", "Times that the audit tree could not be extended or signed, and was retried."
        )
        self.receipts = Counter("audit_receipts", "Receipts asked for.", ["outcome"], registry=registry)
        self.publish_failures = by_destination(
            Counter, "publish_failures", "Attempts to publish a checkpoint that failed."
        )
        self.published = by_destination(Counter, "published", "Checkpoints that arrived.")
        self._waiting = by_destination(Gauge, "publish_waiting", "Checkpoints that wait to be published.")
        self._waits_since = by_destination(
            Gauge, "publish_waiting_since_seconds", "Unix time since when checkpoints have waited; 0 if none does."
        )
        self._since: dict[str, float] = {}
        age = gauge(
            "checkpoint_age_seconds",
            "For how long the tree has had leaves that no checkpoint covers, or could not be kept; else 0.",
        )
        age.set_function(self._age_s)

    def show(self, size: int, covered: int) -> None:
        """The tree has `size` leaves, of which checkpoints cover the first `covered`."""
        self.tree_size.set(size)
        if size == covered:
            self._uncovered_since_s = None
        elif self._uncovered_since_s is None:
            self._uncovered_since_s = self._now_s()

    def failed(self) -> None:
        """The tree could not be extended or signed: what waits for a checkpoint is not even known then."""
        self.failures.inc()
        if self._failing_since_s is None:
            self._failing_since_s = self._now_s()

    def kept(self) -> None:
        """The tree was extended and signed by all that was due."""
        self._failing_since_s = None

    def show_owed(self, destination: str, count: int, now_s: float) -> None:
        """So many checkpoints wait for the destination."""
        if count:
            self._since.setdefault(destination, now_s)
        else:
            self._since.pop(destination, None)
        self._waiting.labels(destination).set(count)
        self._waits_since.labels(destination).set(self._since.get(destination, 0))

    def _age_s(self) -> float:
        now_s = self._now_s()
        since = [each for each in (self._uncovered_since_s, self._failing_since_s) if each is not None]
        return max(0.0, now_s - min(since, default=now_s))
