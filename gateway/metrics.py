"""What a gateway process counts: whole requests, cheap enough for the hot path."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.metrics.shard import Histogram


class GatewayMetrics(Collector):
    """One per process, with a registry of its own."""

    def __init__(self) -> None:
        self._spins = Histogram("spin_seconds", "Whole spin requests in the gateway")
        self._requests: dict[tuple[str, str], int] = {}
        self.streams = 0
        """Connections to the spin stream."""
        self.control_dropped = 0
        """Entries of the control log for which there was no room while it could not be written."""
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def spin(self, route: str, code: str, took_ns: int) -> None:
        """A request of the hot path, from its first byte parsed to its answer handed to the server."""
        self._spins.observe(took_ns / 1e9)
        self.request(route, code)

    def request(self, route: str, code: str) -> None:
        """Any request: its route's template and `ok` or the code of its refusal."""
        key = (route, code)
        requests = self._requests
        requests[key] = requests.get(key, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """What Prometheus reads."""
        requests = CounterMetricFamily("gateway_requests", "Requests by route and outcome", labels=("route", "code"))
        for labels, count in self._requests.items():
            requests.add_metric(labels, count)
        yield requests
        yield self._spins.family()
        yield GaugeMetricFamily("gateway_streams", "Open connections to the spin stream", value=self.streams)
        yield CounterMetricFamily(
            "control_log_dropped", "Entries of the control log that were dropped", value=self.control_dropped
        )

    def exposition(self) -> bytes:
        """The text of `GET /metrics`."""
        return generate_latest(self.registry)
