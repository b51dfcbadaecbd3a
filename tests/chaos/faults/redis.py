"""Redis servers that die, hang, are replaced or lack what was acknowledged; disks that are full."""

import time
from random import Random
from signal import SIGKILL
from typing import Final

from tests.chaos.house import House, send, stop_for
from tests.chaos.stores import NAME, RedisHost

MASTER_FROZEN_S: Final = 7.0
CUT_BEFORE_S: Final = 6.0
FULL_S: Final = 6.0
SPOOL_FULL_S: Final = 12.0


def kill_master(house: House, _: Random) -> str:
    """SIGKILL to the master; a sentinel promotes a replica, and the old one comes back as its replica."""
    master = house.stores.master()
    master.kill()
    return _replaced(house, master)


def freeze_master(house: House, _: Random) -> str:
    """SIGSTOP to the master until another one has been promoted; it wakes up and takes itself for the master."""
    master = house.stores.master()
    stop_for(MASTER_FROZEN_S, master.pid)
    promoted = house.stores.await_another(master)
    return f"{master.host.name} for {MASTER_FROZEN_S:.0f} s; {promoted.host.name} was promoted"


def kill_master_and_shard(house: House, luck: Random) -> str:
    """SIGKILL to the master and to a shard at once: nobody has that shard's last records but a replica."""
    name, shard = luck.choice(sorted(house.shards().items()))
    master = house.stores.master()
    master.kill()
    send(SIGKILL, shard["pid"])
    return f"{name}, {_replaced(house, master)}"


def kill_replica(house: House, luck: Random) -> str:
    """SIGKILL to a replica, which is started again after a while."""
    replica = luck.choice(house.stores.replicas())
    replica.kill()
    time.sleep(CUT_BEFORE_S)
    replica.serve(house.stores.master())
    return replica.host.name


def fail_over_as_planned(house: House, luck: Random) -> str:
    """`SENTINEL FAILOVER`."""
    master = house.stores.master()
    luck.choice(house.stores.all).sentinel("FAILOVER", NAME)
    return f"{master.host.name} → {house.stores.await_another(master).host.name}"


def promote_stale_replica(house: House, luck: Random) -> str:
    """A replica is cut off for six seconds; then master and other replica die, and the stale one is promoted."""
    master = house.stores.master()
    stale, other = luck.sample(house.stores.replicas(), 2)
    with stale.host.unplugged():
        time.sleep(CUT_BEFORE_S)
        other.kill()
        master.kill()
    promoted = house.stores.await_another(master)
    other.serve(promoted)
    master.serve(promoted)
    return f"{stale.host.name} lacked {CUT_BEFORE_S:.0f} s of play; {promoted.host.name} was promoted"


def restart_all(house: House, _: Random) -> str:
    """SIGKILL to all three Redis servers; they are started again on what their disks hold."""
    master = house.stores.master()
    for one in house.stores.all:
        one.kill()
    time.sleep(1)
    for one in (master, *(one for one in house.stores.all if one is not master)):
        one.serve(master)
    return "all three"


def fill_disk_of_master(house: House, _: Random) -> str:
    """The disk of the master's append-only file is full for six seconds."""
    master = house.stores.master()
    with master.disk.full():
        time.sleep(FULL_S)
    return f"{master.host.name} for {FULL_S:.0f} s"


def fill_spool(house: House, _: Random) -> str:
    """The disk of the archive's spool is full for twelve seconds."""
    with house.spool.full():
        time.sleep(SPOOL_FULL_S)
    return f"for {SPOOL_FULL_S:.0f} s"


def _replaced(house: House, dead: RedisHost) -> str:
    promoted = house.stores.await_another(dead)
    dead.serve(promoted)
    return f"{dead.host.name}; {promoted.host.name} was promoted"
