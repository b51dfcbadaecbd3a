"""How long players wait when a shard is killed, against how much was played since its last snapshot round.

The kill is SIGKILL. From then on a sample of the players, spread over all of them, asks for a spin each and repeats it
with the same key until it is answered; then every balance must be right. Each of several kills begins from the same
state: all players in memory, all of them in snapshots, then the events.
"""

import json
import os
import signal
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from benchmarks import client, servers, shard_metrics
from benchmarks.flood import send_all
from benchmarks.http_socket import HttpSocket, connected, readable
from benchmarks.load import LoadFailed
from benchmarks.scale.found import Kill, Recovery
from benchmarks.scale.place import Place
from benchmarks.signed import BET, GAME, player, request

ASKED_MAX: Final = 1_000
SETTLED_TIMEOUT_S: Final = 600
LOOK_S: Final = 0.2
TRIES: Final = 5
"""How often the events are played anew because a snapshot round fell into them."""
PATIENCE_S: Final = 60
WRITTEN: Final = "shard_snapshots_written_total"
OWING: Final = "shard_players_owing_snapshots"
RESIDENTS: Final = "shard_resident_players"
RECOVERED_S: Final = "shard_recovery_seconds_sum"
RETRY_S: Final = 0.01

Say = Callable[[str], None]


def measure(place: Place, players: int, events: int, kills: int, say: Say) -> Recovery:
    """On a Redis of its own, with the callers' proof off. Raises what the parts raise, LoadFailed."""
    found = list[Kill]()
    with (
        servers.redis(place.folder, f"recovery-{events}", "everysec") as store,
        place.croupier(store, "--shards 1 --auth open") as running,
    ):
        client.prepare(running.url, place.keys.platform, players)
        for number in range(kills):
            _play_unsnapshotted(place, running.url, players, events, number)
            found.append(_kill_and_ask(place, running.url, players, number))
            _check(place, running.url, players)  # loads everybody
            say(f"kill {number + 1}: all answered after {found[-1].all_s:.2f} s")
    return Recovery(players, events, min(players, ASKED_MAX), found)


def _play_unsnapshotted(place: Place, url: str, players: int, events: int, number: int) -> None:
    """So many spins right behind a snapshot round that left nobody owing, none of them covered by another round."""
    for attempt in range(TRIES):
        written = _settle(place, url, players, f"{number}-{attempt}")
        spins = (_spin(place, event, players, f"e{number}-{attempt}-") for event in range(events))
        deque(send_all(url, spins), maxlen=0)
        if shard_metrics.scrape(url)[WRITTEN] == written:
            return
    raise LoadFailed(f"a snapshot round fell into the {events} spins, {TRIES} times: they took too long")


def _settle(place: Place, url: str, players: int, name: str) -> float:
    """Waits for the end of the round after which nobody owes a snapshot: the next one is a whole interval away.

    Answers how many snapshots were written by then. If nobody owes one already, somebody plays: only so its end shows.
    """
    deadline = time.monotonic() + SETTLED_TIMEOUT_S
    if shard_metrics.scrape(url)[OWING] == 0:
        deque(send_all(url, [_spin(place, 0, players, f"s{name}-")]), maxlen=0)
    while time.monotonic() < deadline:
        metrics = shard_metrics.scrape(url)
        if metrics[OWING] == 0 and metrics[RESIDENTS] >= players:
            return metrics[WRITTEN]
        time.sleep(LOOK_S)
    raise LoadFailed(f"not all players were in memory and in snapshots after {SETTLED_TIMEOUT_S} s")


def _spin(place: Place, number: int, players: int, prefix: str) -> bytes:
    target = f"/spin?player_id={player(number % players)}&game_id={GAME}&mode=real&bet={BET}&win={BET}"
    return request(place.keys.game, "POST", target, f"{prefix}{number}")


def _shard_pid(url: str) -> int:
    with urllib.request.urlopen(f"{url}/cluster", timeout=10) as answer:
        shards = json.load(answer)["shards"]
    pid: int = next(shard["pid"] for shard in shards if shard["slots"])
    return pid


def _kill_and_ask(place: Place, url: str, players: int, number: int) -> Kill:
    """Seconds from the kill to the first and to the last answer, and what the successor says of itself."""
    step = max(1, players // ASKED_MAX)
    those = range(0, step * min(players, ASKED_MAX), step)
    asked = iter([_spin(place, who, players, f"p{number}-") for who in those])
    pid = _shard_pid(url)
    with connected(url, place.connections) as sockets:
        os.kill(pid, signal.SIGKILL)
        answered = ask_until_answered(sockets, asked, time.perf_counter())
    claimed_s = shard_metrics.scrape(url)[RECOVERED_S]
    return Kill(round(min(answered), 3), round(max(answered), 3), round(claimed_s, 3))


def ask_until_answered(sockets: list[HttpSocket], left: Iterator[bytes], killed: float) -> list[float]:
    """Each connection repeats its request until it succeeds, then takes the next; answers when each succeeded."""
    under_way: dict[HttpSocket, bytes] = {}
    refused: deque[tuple[float, HttpSocket]] = deque()
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
        while refused and refused[0][0] <= time.perf_counter():
            _, one = refused.popleft()
            one.send(under_way[one])
        for one in readable(under_way, RETRY_S):
            if (answer := one.receive()) is None:
                continue
            if answer.status == 200:
                answered.append(time.perf_counter() - killed)
                del under_way[one]
                take(one)
            else:
                refused.append((time.perf_counter() + RETRY_S, one))
    return answered


def _check(place: Place, url: str, players: int) -> None:
    awarded = -(-players // 3)
    expected = client.Money(players * client.DEPOSIT, awarded * client.DEPOSIT, awarded)
    found = client.money(url, place.keys.platform, players)
    if found != expected:
        raise LoadFailed(f"the balances after the kill are wrong: {found}, expected {expected}")
