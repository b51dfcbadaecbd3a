"""Spins per second with more and more registered players, of whom at most so many are in memory.

Those who will play deposit over HTTP and spin once; then the measurement begins. P0 runs beside it, round by round: the
ratio shows what registered players cost when the machine's own speed changes between sizes.
"""

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from redis import Redis

from benchmarks import client, servers
from benchmarks.flood import send_all
from benchmarks.player_memory import CATALOG
from benchmarks.scale.found import Registered
from benchmarks.scale.place import Loaded, Place, cpu_us, per_second
from benchmarks.scale.registering import register
from benchmarks.signed import BET, GAME, player, request
from croupier.catalog import load_catalog

Say = Callable[[str], None]


class Compared(NamedTuple):
    """Croupier's samples, and their ratios to P0's of the same round."""

    ours: list[Loaded]
    ratios: list[float]


def measure(place: Place, players: int, resident_max: int, rounds: int, seconds: int, say: Say) -> Registered:
    """One size, on a Redis of its own. Raises what the parts raise."""
    resident = min(players, resident_max)
    with servers.redis(place.folder, f"registered-{players}", "everysec") as store:
        with place.croupier(store, "--shards 1"):
            pass  # It has made the routing table now.
        say(f"registering {players:,} players")
        started = time.monotonic()
        asyncio.run(register(store.url, load_catalog(CATALOG), players))
        register_s = time.monotonic() - started
        with place.croupier(store, "--shards 1") as running, servers.peer("p0", place.folder) as floor:
            say(f"{resident:,} of {players:,} come into memory")
            _drain(running.url, (client.deposit(place.keys.platform, number) for number in range(resident)))
            _drain(running.url, (_first_spin(place, number) for number in range(resident)))
            compared = _rounds(place, (running, store), floor, resident, rounds, seconds)
        with Redis.from_url(store.url) as counted:
            used = counted.info("memory")["used_memory"]
    return Registered(
        players=players,
        resident=resident,
        register_s=round(register_s, 1),
        per_second=per_second(compared.ours),
        to_p0=round(statistics.median(compared.ratios), 3),
        cpu_us=cpu_us(compared.ours),
        store_mb=round(used / 1e6),
    )


def _rounds(
    place: Place,
    ours: tuple[servers.Running, servers.Running],
    floor: servers.Running,
    players: int,
    rounds: int,
    seconds: int,
) -> Compared:
    """`ours` are Croupier and its store."""
    found = Compared([], [])
    roots = tuple(one.pid for one in ours)
    for _ in range(rounds):
        theirs = place.load(floor.url, (floor.pid,), players, seconds)
        found.ours.append(place.load(ours[0].url, roots, players, seconds))
        found.ratios.append(found.ours[-1].sample.per_second / theirs.sample.per_second)
    return found


def _first_spin(place: Place, number: int) -> bytes:
    target = f"/spin?player_id={player(number)}&game_id={GAME}&mode=real&bet={BET}&win={BET}"
    return request(place.keys.game, "POST", target, "first")


def _drain(url: str, requests: Iterable[bytes]) -> None:
    deque(send_all(url, requests), maxlen=0)
