"""How long players wait when a shard is killed, against how much was played since its last snapshot round.

The kill is SIGKILL. From then on a sample of the players, spread over all of them, asks for a spin each and repeats it
with the same key until it is answered; at the end every balance must be right.
"""

import json
import os
import signal
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from typing import Final

from benchmarks import client, servers, shard_metrics
from benchmarks.flood import send_all
from benchmarks.http_socket import HttpSocket, connected, readable
from benchmarks.load import LoadFailed
from benchmarks.scale.found import Recovery
from benchmarks.scale.place import Place
from benchmarks.signed import BET, GAME, player, request

ASKED_MAX: Final = 1_000
QUIET_S: Final = 32
"""A whole snapshot interval without a snapshot: nobody owes one any more."""
QUIET_TIMEOUT_S: Final = 600
PATIENCE_S: Final = 60
WRITTEN: Final = "shard_snapshots_written_total"
RECOVERED_S: Final = "shard_recovery_seconds_sum"
RETRY_S: Final = 0.01


def measure(place: Place, players: int, events: int) -> Recovery:
    """One kill, on a Redis of its own, with the callers' proof off. Raises what the parts raise, LoadFailed."""
    with (
        servers.redis(place.folder, f"recovery-{events}", "everysec") as store,
        place.croupier(store, "--shards 1 --auth open") as running,
    ):
        client.prepare(running.url, place.keys.platform, players)
        _wait_for_quiet(running.url)
        before = shard_metrics.scrape(running.url)[WRITTEN]
        deque(send_all(running.url, (_spin(place, number, players) for number in range(events))), maxlen=0)
        if shard_metrics.scrape(running.url)[WRITTEN] != before:
            raise LoadFailed(f"a snapshot round fell into the {events} spins: they took too long")
        first_s, all_s = _kill_and_ask(place, running.url, players)
        claimed_s = shard_metrics.scrape(running.url)[RECOVERED_S]
        _check(place, running.url, players)
    return Recovery(players, events, min(players, ASKED_MAX), round(first_s, 3), round(all_s, 3), round(claimed_s, 3))


def _wait_for_quiet(url: str) -> None:
    deadline = time.monotonic() + QUIET_TIMEOUT_S
    written, since = -1.0, time.monotonic()
    while time.monotonic() - since < QUIET_S:
        if time.monotonic() > deadline:
            raise LoadFailed(f"snapshots go on for more than {QUIET_TIMEOUT_S} s")
        time.sleep(0.5)
        now = shard_metrics.scrape(url)[WRITTEN]
        if now != written:
            written, since = now, time.monotonic()


def _spin(place: Place, number: int, players: int, prefix: str = "e") -> bytes:
    target = f"/spin?player_id={player(number % players)}&game_id={GAME}&mode=real&bet={BET}&win={BET}"
    return request(place.keys.game, "POST", target, f"{prefix}{number}")


def _shard_pid(url: str) -> int:
    with urllib.request.urlopen(f"{url}/cluster", timeout=10) as answer:
        shards = json.load(answer)["shards"]
    pid: int = next(shard["pid"] for shard in shards if shard["slots"])
    return pid


def _kill_and_ask(place: Place, url: str, players: int) -> tuple[float, float]:
    """Seconds from the kill to the first and to the last answer."""
    step = max(1, players // ASKED_MAX)
    asked = iter([_spin(place, number, players, "p") for number in range(0, step * min(players, ASKED_MAX), step)])
    pid = _shard_pid(url)
    with connected(url, place.connections) as sockets:
        os.kill(pid, signal.SIGKILL)
        answered = ask_until_answered(sockets, asked, time.perf_counter())
    return min(answered), max(answered)


def ask_until_answered(sockets: list[HttpSocket], left: Iterator[bytes], killed: float) -> list[float]:
    """Each connection repeats its request until it succeeds, then takes the next; answers when each succeeded."""
    under_way: dict[HttpSocket, bytes] = {}
    answered: list[float] = []

    def take(one: HttpSocket) -> None:
        if (following := next(left, None)) is not None:
            under_way[one] = following
            one.send(following)

    for one in sockets:
        take(one)
    while under_way:
        if time.perf_counter() - killed > PATIENCE_S:
            raise LoadFailed(f"{len(under_way)} players were not answered within {PATIENCE_S} s after the kill")
        for one in readable(under_way, 1.0):
            if (answer := one.receive()) is None:
                continue
            if answer.status == 200:
                answered.append(time.perf_counter() - killed)
                del under_way[one]
                take(one)
            else:
                time.sleep(RETRY_S)
                one.send(under_way[one])
    return answered


def _check(place: Place, url: str, players: int) -> None:
    awarded = -(-players // 3)
    expected = client.Money(players * client.DEPOSIT, awarded * client.DEPOSIT, awarded)
    found = client.money(url, place.keys.platform, players)
    if found != expected:
        raise LoadFailed(f"the balances after the kill are wrong: {found}, expected {expected}")
