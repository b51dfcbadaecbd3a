"""What is counted of the bus out."""

from typing import Final
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge


class BusMetrics:
    """The metrics of one registry, made once for all sinks that follow each other in it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.delivered = Counter(
            "bus_out_delivered_total", "Public events that the brokers acknowledged", registry=registry
        )
        self.waiting = Gauge("bus_out_waiting_events", "Public events not acknowledged yet", registry=registry)
        self.stops = Counter(
            "bus_out_stops_total", "Times the bus had to begin again at its cursors", ["reason"], registry=registry
        )
        self.breaker = Gauge("breaker_state", "0 closed, 1 half open, 2 open", ["breaker"], registry=registry)


_BY_REGISTRY: Final["WeakKeyDictionary[CollectorRegistry, BusMetrics]"] = WeakKeyDictionary()


def metrics_of(registry: CollectorRegistry) -> BusMetrics:
    """The metrics of a registry: a name can be registered only once."""
    found = _BY_REGISTRY.get(registry)
    if found is None:
        found = _BY_REGISTRY[registry] = BusMetrics(registry)
    return found
