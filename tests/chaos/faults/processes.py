"""Processes of Croupier that are killed or stopped."""

import time
from random import Random
from signal import SIGKILL
from typing import Final

from tests.chaos.house import House, send, stop_for

SHARD_STOPPED_S: Final = (1.0, 5.0)
SUPERVISOR_FROZEN_S: Final = 8.0
GATEWAY_AWAY_S: Final = 2.0


def kill_shard(house: House, luck: Random) -> str:
    """SIGKILL to a shard."""
    name, pid = _shard(house, luck)
    send(SIGKILL, pid)
    return name


def kill_two_shards(house: House, luck: Random) -> str:
    """SIGKILL to two shards at once; one spare stands by."""
    shards = sorted(house.shards().items())
    hit = luck.sample(shards, 2)
    for _, shard in hit:
        send(SIGKILL, shard["pid"])
    return " and ".join(name for name, _ in hit)


def stop_shard(house: House, luck: Random) -> str:
    """SIGSTOP to a shard, SIGCONT after one to five seconds."""
    name, pid = _shard(house, luck)
    seconds = luck.uniform(*SHARD_STOPPED_S)
    stop_for(seconds, pid)
    return f"{name} for {seconds:.1f} s"


def kill_supervisor(house: House, _: Random) -> str:
    """SIGKILL to the supervisor."""
    return _kill(house, "ray::Supervisor")


def freeze_supervisor(house: House, _: Random) -> str:
    """SIGSTOP to the supervisor for eight seconds."""
    for pid in house.pids("ray::Supervisor"):
        stop_for(SUPERVISOR_FROZEN_S, pid)
    return f"for {SUPERVISOR_FROZEN_S:.0f} s"


def kill_reader(house: House, _: Random) -> str:
    """SIGKILL to the reader that writes the archive."""
    return _kill(house, "ray::Reader")


def kill_gateway(house: House, luck: Random) -> str:
    """SIGKILL to one of the two gateways, which is started again after two seconds."""
    gateway = luck.choice(house.gateways)
    gateway.kill()
    time.sleep(GATEWAY_AWAY_S)
    gateway.launch()
    gateway.await_ready()
    return gateway.host.name


def kill_supervisor_and_shard(house: House, luck: Random) -> str:
    """SIGKILL to the supervisor, and at once to a shard: nobody is there to replace it."""
    name, pid = _shard(house, luck)
    killed = kill_supervisor(house, luck)
    send(SIGKILL, pid)
    return f"{killed}, {name}"


def _shard(house: House, luck: Random) -> tuple[str, int]:
    name, shard = luck.choice(sorted(house.shards().items()))
    return name, shard["pid"]


def _kill(house: House, title: str) -> str:
    pids = house.pids(title)
    for pid in pids:
        send(SIGKILL, pid)
    return f"{len(pids)} process" + ("es" if len(pids) != 1 else "")
