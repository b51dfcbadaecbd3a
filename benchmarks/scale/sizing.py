"""Arithmetic from measured cost: what so many spins per second take in cores, Redis nodes and network."""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from benchmarks.scale.found import Network

LOAD_MAX: Final = 0.7
"""A process is planned to use this part of its core, so that queues stay short and a peak fits."""
REDIS_LOAD_MAX: Final = 0.5
"""Redis executes on one thread and everybody waits for it: half is left for snapshots, AOF rewrites and peaks."""
RATES: Final = (10_000, 100_000, 1_000_000)


class Needs(NamedTuple):
    """For a rate of spins per second. Gateways and shards are processes of one core each."""

    rate: int
    gateways: int
    shards: int
    redis_nodes: int
    cores: int
    http_gbit_s: float
    redis_mb_s: float


def needs(rate: int, cpu_us: Mapping[str, float], network: Network) -> Needs:
    """`cpu_us`: CPU microseconds per spin of `gateway`, `shard` and `redis`."""
    gateways = _processes(rate, cpu_us["gateway"], LOAD_MAX)
    shards = _processes(rate, cpu_us["shard"], LOAD_MAX)
    redis = _processes(rate, cpu_us["redis"], REDIS_LOAD_MAX)
    return Needs(
        rate=rate,
        gateways=gateways,
        shards=shards,
        redis_nodes=redis,
        cores=gateways + shards + redis,
        http_gbit_s=round(rate * network.http_bytes * 8 / 1e9, 2),
        redis_mb_s=round(rate * network.redis_bytes / 1e6, 1),
    )


def _processes(rate: int, us: float, load_max: float) -> int:
    return math.ceil(round(rate * us / 1e6 / load_max, 6))
