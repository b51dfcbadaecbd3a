"""The breakers of a gateway's connections: one for each shard, and one for the supervisor.

They count where a connection fails or a request finds none, so a request that is sent costs nothing here.
"""

import time
from collections.abc import Callable, Iterator, Set
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.routing.breaker import NUMBERS, Breaker, State
from snapshots.contract import Address, Routing

FAILURES_MAX: Final = 3
OPEN_S: Final = 0.5


class ConnectionBreakers(Collector):
    """By address: a successor listens elsewhere, so it begins with a closed breaker. `clock` is monotonic (s); without
    one it is this machine's.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self._breakers: dict[Address, Breaker] = {}
        self._missed: dict[str, float] = {}
        """By shard: since when its requests find no connection."""

    def allows(self, address: Address, routing: Routing | None) -> bool:
        """Whether to try to connect now. If so, one of `failed`, `succeeded` and `gave_up` must follow."""
        breaker = self._breakers.get(address)
        if breaker is None:
            breaker = self._breakers[address] = Breaker(_name(address, routing), FAILURES_MAX, OPEN_S, self._clock)
        return breaker.allows()

    def failed(self, address: Address, why: str) -> None:
        """No connection came about."""
        if address in self._breakers:
            self._breakers[address].failed(why)

    def gave_up(self, address: Address) -> None:
        """The attempt was ended from outside."""
        if address in self._breakers:
            self._breakers[address].gave_up()

    def succeeded(self, address: Address) -> None:
        """There is a connection."""
        if address in self._breakers:
            breaker = self._breakers[address]
            breaker.succeeded()
            self._missed.pop(breaker.name, None)

    def keep(self, addresses: Set[Address | None]) -> None:
        """Forgets the breakers of all other addresses: nobody listens there any more."""
        for address in [address for address in self._breakers if address not in addresses]:
            del self._breakers[address]

    def missed(self, shard_id: str) -> None:
        """A request of this shard found no connection."""
        self._missed.setdefault(shard_id, self._clock())

    def missed_s(self, shard_id: str) -> float:
        """For how long requests of this shard have found no connection, in seconds; 0 if they find one."""
        since = self._missed.get(shard_id)
        return 0.0 if since is None else self._clock() - since

    def state(self, name: str) -> State:
        """Of the breaker of this shard, or of `supervisor`."""
        states = [breaker.state for breaker in self._breakers.values() if breaker.name == name]
        return max(states, key=NUMBERS.__getitem__, default="closed")

    def collect(self) -> Iterator[Metric]:
        """What Prometheus reads."""
        shown = GaugeMetricFamily("breaker_state", "0 closed, 1 half open, 2 open", labels=("breaker",))
        for name in sorted({breaker.name for breaker in self._breakers.values()}):
            shown.add_metric((name,), NUMBERS[self.state(name)])
        yield shown


def _name(address: Address, routing: Routing | None) -> str:
    """Whose address it is; the address itself if nobody's any more."""
    rows = routing.shards.values() if routing is not None else ()
    named = [row.shard_id for row in rows if row.address == address]
    if not named and routing is not None and routing.supervisor == address:
        named = ["supervisor"]
    return named[0] if named else f"{address.host}:{address.port}"
