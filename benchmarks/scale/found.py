"""What the scale curves found, as it is kept in `scale.json`."""

import statistics
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = Path(__file__).parents[1] / "scale.json"


class Registered(msgspec.Struct):
    """`players` registered, `resident` of them spinning. Medians over the rounds; `to_p0` within a round."""

    players: int
    resident: int
    register_s: float
    per_second: int
    to_p0: float
    cpu_us: dict[str, float]
    store_mb: int


class Layout(msgspec.Struct):
    """CPU µs per spin by process with so many shards and gateways."""

    shards: int
    gateways: int
    per_second: int
    cpu_us: dict[str, float]


class Memory(msgspec.Struct):
    """KB of Python memory per resident player."""

    idle_kb: float
    busy_kb: float


class Kill(msgspec.Struct):
    """Seconds from the kill until the first and the last of those who asked was answered, and the shard's own figure
    from claiming to serving. Afterwards all balances were right.
    """

    first_s: float
    all_s: float
    claim_to_serve_s: float


class Recovery(msgspec.Struct):
    """A shard was killed, again and again, with `resident` players in memory and `events` spins since its last
    snapshot round; `asked` players asked at once.
    """

    resident: int
    events: int
    asked: int
    kills: list[Kill]

    def median(self, name: str) -> float:
        """Of the kills, by the name of a field of `Kill`."""
        return statistics.median(self._all(name))

    def longest(self, name: str) -> float:
        """Of the kills, by the name of a field of `Kill`."""
        return max(self._all(name))

    def _all(self, name: str) -> list[float]:
        return [getattr(kill, name) for kill in self.kills]


class Network(msgspec.Struct):
    """Bytes per spin: between caller and gateway both ways, and what Redis received, over its socket."""

    http_bytes: int
    redis_bytes: int


class Scale(msgspec.Struct):
    """One run of the curves; a part that was not run is empty."""

    date: str
    machine: dict[str, str]
    registered: list[Registered] = []
    layouts: list[Layout] = []
    memory: Memory | None = None
    recovery: list[Recovery] = []
    network: Network | None = None


def write(found: Scale, path: Path) -> None:
    """As indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


def read(path: Path) -> Scale:
    """Raises OSError, msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=Scale)
