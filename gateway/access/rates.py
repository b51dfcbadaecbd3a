"""How fast each client may ask: a rate and a burst, as the keys file says (docs/overload.md).

One allowance belongs to a client, however many keys it has and whichever way it asks: HTTP, the stream, any route.
Every gateway process counts for itself.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.http.errors import Refused

SECOND_NS: Final = 1_000_000_000
MS_NS: Final = 1_000_000


class Rate:
    """A client's token bucket, as the one instant at which it will be full again; integers only.

    A request moves that instant on by the time in which one token comes. It is refused if the instant would then lie
    further ahead than a whole burst takes.
    """

    __slots__ = ("_ahead_max_ns", "_full_at_ns", "_interval_ns", "client", "refused")

    def __init__(self, client: str, rate_per_s: int, burst: int) -> None:
        self.client = client
        self.refused = 0
        """Requests refused so far."""
        self._full_at_ns = 0
        self.change(rate_per_s, burst)

    def change(self, rate_per_s: int, burst: int) -> None:
        """From now on so many requests a second, and `burst` of them at once; both at least 1."""
        self._interval_ns = SECOND_NS // rate_per_s
        self._ahead_max_ns = (burst - 1) * self._interval_ns

    def wait_ns(self, now_ns: int) -> int:
        """Takes a token and answers 0; if there is none, how long until there is one. `now_ns` is monotonic."""
        full_at_ns = self._full_at_ns
        if full_at_ns <= now_ns:
            self._full_at_ns = now_ns + self._interval_ns
            return 0
        wait_ns = full_at_ns - now_ns - self._ahead_max_ns
        if wait_ns > 0:
            self.refused += 1
            return wait_ns
        self._full_at_ns = full_at_ns + self._interval_ns
        return 0

    def demand(self, now_ns: int) -> None:
        """Takes a token. Raises Refused `rate_limited`, which says when to ask again."""
        wait_ns = self.wait_ns(now_ns)
        if wait_ns:
            raise self._too_fast(wait_ns)

    def _too_fast(self, wait_ns: int) -> Refused:
        wait_ms = -(-wait_ns // MS_NS)
        per_s, burst = SECOND_NS // self._interval_ns, self._ahead_max_ns // self._interval_ns + 1
        detail = f"{self.client} may send {per_s} requests a second, and {burst} at once. Ask again in {wait_ms} ms."
        after = b"%d" % -(-wait_ns // SECOND_NS)
        return Refused("rate_limited", detail, {"retry_after_ms": wait_ms}, [(b"retry-after", after)])


class Rates(Collector):
    """The rates of all clients that have one. They outlive a change of the keys file, and so does what was used up."""

    def __init__(self) -> None:
        self._of: dict[str, Rate] = {}

    def replace(self, limits: Mapping[str, tuple[int, int]]) -> None:
        """By client: requests a second, and burst. Whoever is not named has no limit any more."""
        former, self._of = self._of, {}
        for client, limit in limits.items():
            rate = former.get(client) or Rate(client, *limit)
            rate.change(*limit)
            self._of[client] = rate

    def of(self, client: str) -> Rate | None:
        """The rate of a client; None: it may ask as fast as it can."""
        return self._of.get(client)

    def collect(self) -> Iterator[Metric]:
        """What Prometheus reads."""
        refused = CounterMetricFamily(
            "gateway_rate_limited", "Requests beyond the client's rate, all refused", labels=("client",)
        )
        for client, rate in self._of.items():
            refused.add_metric((client,), rate.refused)
        yield refused
