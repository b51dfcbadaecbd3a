"""Which faults come, in which order: decided by the seed alone."""

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from tests.chaos.faults import Fault, networks, operating, processes, redis

ALL: Final[dict[str, Fault]] = {
    found.__name__.replace("_", "-"): found
    for found in (
        processes.kill_shard,
        processes.kill_two_shards,
        processes.stop_shard,
        processes.kill_supervisor,
        processes.freeze_supervisor,
        processes.kill_supervisor_and_shard,
        processes.kill_reader,
        processes.kill_gateway,
        networks.cut_shards_from_master,
        networks.cut_shards_from_all_stores,
        networks.cut_stores_and_kill_shard,
        networks.cut_off_master,
        networks.cut_gateway_from_shards,
        networks.cut_off_shards,
        redis.kill_master,
        redis.freeze_master,
        redis.kill_master_and_shard,
        redis.kill_replica,
        redis.fail_over_as_planned,
        redis.promote_stale_replica,
        redis.restart_all,
        redis.fill_disk_of_master,
        redis.fill_spool,
        operating.scale_up,
        operating.scale_down,
        operating.restart_rolling,
        operating.restart_rolling_and_kill_shard,
        operating.deploy_catalog,
    )
}
"""By kind, the name by which it is asked for."""


class Planned(NamedTuple):
    """One fault, and the chance that it has."""

    kind: str
    fault: Fault
    luck: Random


def plan(seed: int, kinds: tuple[str, ...]) -> Iterator[Planned]:
    """All kinds in an order by chance, then all again in another one, without an end."""
    luck = Random(seed)
    while True:
        for kind in _shuffled(kinds, luck):
            yield Planned(kind, ALL[kind], Random(luck.random()))


def _shuffled(kinds: tuple[str, ...], luck: Random) -> list[str]:
    """Scaling up comes before scaling down, so that faults in between meet four shards."""
    order = luck.sample(kinds, len(kinds))
    up, down = "scale-up", "scale-down"
    if up in order and down in order and order.index(down) < order.index(up):
        one, other = order.index(down), order.index(up)
        order[one], order[other] = up, down
    return order
