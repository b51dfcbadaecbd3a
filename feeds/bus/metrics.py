"""What is counted of the bus out, from when its sink was opened on: each sink has a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class BusMetrics:
    """The metrics of one sink."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.delivered = Counter(
            "bus_out_delivered_total", "Public events that the brokers acknowledged", registry=registry
        )
        self.waiting = Gauge("bus_out_waiting_events", "Public events not acknowledged yet", registry=registry)
        self.stopped = Gauge(
            "bus_out_stopped", "1 while the bus rests before it begins again, and why", ["reason"], registry=registry
        )
        self.breaker = Gauge("breaker_state", "0 closed, 1 half open, 2 open", ["breaker"], registry=registry)
