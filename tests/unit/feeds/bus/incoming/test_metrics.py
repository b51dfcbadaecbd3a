"""What the bus in shows before anything has happened, and after."""

from prometheus_client import CollectorRegistry

from feeds.bus.incoming.metrics import BusInMetrics


def test_every_topic_is_shown_before_anything_has_happened_to_it() -> None:
    registry = CollectorRegistry()
    metrics = BusInMetrics(registry)
    metrics.reads(["deposits", "signups"])
    for topic in ("deposits", "signups"):
        assert registry.get_sample_value("bus_in_stalled_total", {"topic": topic}) == 0
        assert registry.get_sample_value("bus_in_paused", {"topic": topic}) == 0
        assert registry.get_sample_value("bus_in_events_total", {"topic": topic, "outcome": "dead"}) == 0
    metrics.stalled("deposits")
    metrics.paused("signups", 3)
    assert registry.get_sample_value("bus_in_stalled_total", {"topic": "deposits"}) == 1
    assert registry.get_sample_value("bus_in_stalled_total", {"topic": "signups"}) == 0
    assert registry.get_sample_value("bus_in_paused", {"topic": "signups"}) == 3
