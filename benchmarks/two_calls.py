"""Spins in two calls, closed loop: `POST /spin` opens a round, `POST /spin/{session_id}/result` settles it.

The second request names what the first one answered, so it can't be signed beforehand and `wrk` can't send it: this
generator is Python, its CPU counts for more than wrk's, and the figure is a lower bound. What is called a request
here is both calls together. `python -m benchmarks.two_calls` prints one JSON line.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.generator import cpu_s, in_a_process, sample
from benchmarks.http_socket import Answer, HttpSocket, connected, readable
from benchmarks.load import LoadFailed, Sample
from benchmarks.signed import BET, GAME, Key, player, request

ANSWER_TIMEOUT_S: Final = 10


class Spinner:
    """One connection that opens a round, settles it, and goes on with another player."""

    def __init__(self, connection: HttpSocket, key: Key, first_player: int, players: int) -> None:
        self.socket = connection
        self._key, self._player, self._players = key, first_player, players
        self._opening = False
        self._count = 0
        self._started = 0.0
        self.latencies_s: list[float] = []

    def open_round(self, step: int, run_id: int) -> None:
        """Sends the first call; players of one connection are `step` apart, so no two connections share one."""
        self._player = self._player + step if self._player + step < self._players else self._player % step
        self._count += 1
        self._opening, self._started = True, time.perf_counter()
        target = f"/spin?player_id={player(self._player)}&game_id={GAME}&mode=real&bet={BET}"
        self.socket.send(request(self._key, "POST", target, f"o{run_id}-{self._player}-{self._count}"))

    def answered(self, answer: Answer, step: int, run_id: int, done: bool) -> bool:
        """Goes on: the second call, or the next round unless `done`. Answers whether it is at rest."""
        if answer.status != 200:
            raise LoadFailed(f"a call was refused: {answer.status} {answer.body[:300]!r}")
        if self._opening:
            self._settle(json.loads(answer.body)["session_id"], run_id)
            return False
        self.latencies_s.append(time.perf_counter() - self._started)
        if not done:
            self.open_round(step, run_id)
        return done

    def _settle(self, session_id: str, run_id: int) -> None:
        self._opening = False
        body = json.dumps({"player_id": player(self._player), "win": BET})
        key = f"c{run_id}-{self._player}-{self._count}"
        self.socket.send(request(self._key, "POST", f"/spin/{session_id}/result", key, body))


def run(url: str, key: Key, players: int, connections: int, seconds: float, run_id: int) -> dict[str, Any]:
    """Spins for some seconds, and finishes the rounds it has opened. Raises LoadFailed if a call is refused."""
    with connected(url, connections) as sockets:
        return _spin([Spinner(one, key, number, players) for number, one in enumerate(sockets)], seconds, run_id)


def _spin(spinners: list[Spinner], seconds: float, run_id: int) -> dict[str, Any]:
    connections = len(spinners)
    active = {spinner.socket: spinner for spinner in spinners}
    started, cpu = time.perf_counter(), cpu_s()
    for spinner in spinners:
        spinner.open_round(connections, run_id)
    while active:
        ready = readable(active, ANSWER_TIMEOUT_S)
        if not ready:
            raise LoadFailed(f"no answer for {ANSWER_TIMEOUT_S} s")
        done = time.perf_counter() - started >= seconds
        for connection in ready:
            answer = connection.receive()
            if answer and active[connection].answered(answer, connections, run_id, done):
                del active[connection]
    wall = time.perf_counter() - started
    return sample([one for spinner in spinners for one in spinner.latencies_s], wall, cpu_s() - cpu)._asdict()


def measure(url: str, keys: Path, players: int, connections: int, seconds: int, run_id: int) -> Sample:
    """The same in a process of its own, signed with the first key of `keys`. Raises LoadFailed."""
    numbers = (players, connections, seconds, run_id)
    return in_a_process("benchmarks.two_calls", url, keys, *numbers, timeout_s=seconds + 60)


def main() -> None:
    """Measures and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("keys", type=Path, help="keys.json; its first key signs")
    for name in ("players", "connections", "seconds", "run_id"):
        parser.add_argument(name, type=int)
    options = parser.parse_args()
    key = Key(**json.loads(options.keys.read_text())["api_keys"][0])
    print(json.dumps(run(options.url, key, options.players, options.connections, options.seconds, options.run_id)))


if __name__ == "__main__":
    main()
