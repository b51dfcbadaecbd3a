"""What operators are shown of the breakers of a process."""

from prometheus_client import CollectorRegistry, Gauge

from actors.routing.breaker import NUMBERS, Breaker, states_shown


def test_all_breakers_of_a_process_are_shown_by_name() -> None:
    registry, inner = CollectorRegistry(), CollectorRegistry()
    registry.register(inner)  # readers keep the metrics of each sink in a registry of its own
    now = [0.0]
    breakers = [Breaker(name, failures_max=1, open_s=5, clock=lambda: now[0]) for name in ("pam", "mail", "bus")]
    gauge = Gauge("breaker_state", "0 closed, 1 half open, 2 open", ["breaker"], registry=inner)
    for breaker in breakers:
        gauge.labels(breaker.name).set_function(lambda it=breaker: NUMBERS[it.state])
    breakers[0].failed("it does not answer")
    assert list(states_shown(registry).items()) == [("bus", "closed"), ("mail", "closed"), ("pam", "open")]
    now[0] = 5
    assert states_shown(registry)["pam"] == "half_open"


def test_a_process_without_breakers_shows_none() -> None:
    assert states_shown(CollectorRegistry()) == {}
