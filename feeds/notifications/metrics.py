"""What is counted of notices for Prometheus."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from actors.routing.breaker import NUMBERS, Breaker
from feeds.notifications.owed import Owed

DELAY_BUCKETS_S = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 43_200, 86_400)

Outcome = Literal[
    "sent", "deferred", "retried", "no_answer", "no_contact", "no_address", "no_currency", "no_consent", "blocked",
    "capped", "stale", "ended", "refused", "failed", "unknown", "unwritable", "no_room",
]  # fmt: skip
"""`deferred` (quiet hours) and `retried` are counted each time; all others are the end of a notice."""


class NoticeMetrics:
    """In the registry of the reader."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._notices = Counter(
            "notices_total", "Notices by what became of them", ["channel", "category", "outcome"], registry=registry
        )
        self._delay = Histogram(
            "notice_delay_seconds", "From when a notice was due to when it was sent", ["channel"],
            buckets=DELAY_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.waiting = Gauge("notices_waiting", "Notices that wait to be sent", registry=registry)
        self.timers = Gauge("notice_timers", "Bonuses, and players with points, watched", ["of"], registry=registry)
        self._breakers = Gauge("breaker_state", "0 closed, 1 half open, 2 open", ["breaker"], registry=registry)

    def count(self, owed: Owed, outcome: Outcome) -> None:
        """What became of a notice."""
        self._notices.labels(owed.channel, owed.category, outcome).inc()

    def no_room(self, category: str) -> None:
        """Nothing watches the end of a bonus, because as many are watched as may be."""
        self._notices.labels("any", category, "no_room").inc()

    def sent(self, owed: Owed, now_ms: int) -> None:
        """A notice has left."""
        self.count(owed, "sent")
        self._delay.labels(owed.channel).observe(max(0, now_ms - owed.due_ms) / 1_000)

    def watch(self, breaker: Breaker) -> None:
        """From now on `breaker_state` shows the breaker's."""
        self._breakers.labels(breaker.name).set_function(lambda: NUMBERS[breaker.state])
