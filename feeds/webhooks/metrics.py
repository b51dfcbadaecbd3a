"""What is counted of webhooks for Prometheus."""

from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class WebhookMetrics:
    """`outcome`: delivered, failed, refused (the address is forbidden), too_large, dead (given up), superseded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "webhook_deliveries", "Attempts and events, by what became of them", ["endpoint", "outcome"],
            registry=registry,
        )  # fmt: skip
        self.latency = Histogram(
            "webhook_latency_seconds", "How long attempts that were answered took", ["endpoint"],
            buckets=LATENCY_BUCKETS, registry=registry,
        )  # fmt: skip
        self.owed = Gauge("webhook_owed", "Events that wait to be delivered", ["endpoint"], registry=registry)
        self.disabled = Gauge("webhook_disabled", "1: the endpoint is disabled", ["endpoint"], registry=registry)
        self.breaker = Gauge("breaker_state", "0 closed, 1 half open, 2 open", ["breaker"], registry=registry)

    def knows(self, endpoint: str) -> None:
        """Shows the endpoint from now on, with 0: Prometheus can't tell that a counter has grown which begins at 1."""
        for outcome in ("delivered", "failed", "dead"):
            self.deliveries.labels(endpoint, outcome)
        self.latency.labels(endpoint)


_made: WeakKeyDictionary[CollectorRegistry, WebhookMetrics] = WeakKeyDictionary()


def metrics_of(registry: CollectorRegistry) -> WebhookMetrics:
    """The metrics in `registry`: one process may open several sinks after each other, and they count on."""
    found = _made.get(registry)
    if found is None:
        found = _made[registry] = WebhookMetrics(registry)
    return found
