"""Cables that are pulled out: nobody is told, packets just get lost."""

import time
from random import Random
from signal import SIGKILL
from typing import Final

from tests.chaos.house import House, send

SHORT_S: Final = (1.0, 6.0)
LONG_S: Final = 8.0
BEFORE_DEATH_S: Final = 2.0


def cut_shards_from_master(house: House, luck: Random) -> str:
    """The shards' host can't reach Redis's master; sentinels and gateways can."""
    master = house.stores.master()
    seconds = luck.uniform(*SHORT_S)
    with house.shards_host.cut_from([master.host]):
        time.sleep(seconds)
    return f"{master.host.name} for {seconds:.1f} s"


def cut_shards_from_all_stores(house: House, luck: Random) -> str:
    """The shards' host can't reach any Redis or sentinel; gateways can."""
    seconds = luck.uniform(*SHORT_S)
    with house.shards_host.cut_from(house.stores.hosts):
        time.sleep(seconds)
    return f"for {seconds:.1f} s"


def cut_stores_and_kill_shard(house: House, luck: Random) -> str:
    """The shards' host can't reach any Redis for two seconds; then a shard dies, with what it told too early."""
    name, shard = luck.choice(sorted(house.shards().items()))
    with house.shards_host.cut_from(house.stores.hosts):
        time.sleep(BEFORE_DEATH_S)
        send(SIGKILL, shard["pid"])
    return name


def cut_off_master(house: House, _: Random) -> str:
    """The master's host is cut off from everybody, and comes back as the old master when another one serves."""
    master = house.stores.master()
    with master.host.unplugged():
        promoted = house.stores.await_another(master)
        time.sleep(2)
    return f"{master.host.name}; {promoted.host.name} was promoted"


def cut_gateway_from_shards(house: House, luck: Random) -> str:
    """A gateway can't reach the shards' host; the other one can."""
    gateway = luck.choice(house.gateways)
    seconds = luck.uniform(*SHORT_S)
    with gateway.host.cut_from([house.shards_host]):
        time.sleep(seconds)
    return f"{gateway.host.name} for {seconds:.1f} s"


def cut_off_shards(house: House, _: Random) -> str:
    """The shards' host is cut off from everybody for eight seconds: stores, sentinels and gateways."""
    with house.shards_host.unplugged():
        time.sleep(LONG_S)
    return f"for {LONG_S:.0f} s"
