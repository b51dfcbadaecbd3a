"""What a gateway process counts: whole requests, cheap enough for the hot path (one bisect and two additions).

`spin_seconds` is a hand-rolled histogram on integer nanoseconds: prometheus_client's own costs several times as much
per observation, because it locks; a gateway has one thread.
"""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_US = 1_000
BOUNDS_NS = tuple(
    micros * _US
    for micros in (
        100,
        250,
        500,
        1_000,
        2_500,
        5_000,
        10_000,
        25_000,
        50_000,
        100_000,
        250_000,
        500_000,
        1_000_000,
        5_000_000,
    )
)


class GatewayMetrics(Collector):
    """One per process, with a registry of its own."""

    def __init__(self) -> None:
        self._buckets = [0] * (len(BOUNDS_NS) + 1)
        self._sum_ns = 0
        self._requests: dict[tuple[str, str], int] = {}
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def spin(self, route: str, code: str, took_ns: int) -> None:
        """A request of the hot path, from its first byte parsed to its answer handed to the server."""
        self._buckets[bisect_left(BOUNDS_NS, took_ns)] += 1
        self._sum_ns += took_ns
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
        yield HistogramMetricFamily(
            "spin_seconds",
            "Whole spin requests in the gateway",
            buckets=self._cumulated(),
            sum_value=self._sum_ns / 1e9,
        )

    def _cumulated(self) -> list[tuple[str, float]]:
        cumulated: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip([*(str(ns / 1e9) for ns in BOUNDS_NS), "+Inf"], self._buckets, strict=True):
            total += count
            cumulated.append((bound, total))
        return cumulated

    def exposition(self) -> bytes:
        """The text of `GET /metrics`."""
        return generate_latest(self.registry)
