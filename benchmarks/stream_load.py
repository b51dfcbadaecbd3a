"""Spins on `WS /spin/stream`, closed loop, by `croupier-client`.

`python -m benchmarks.stream_load` prints one JSON line.
Sixty-four connections over HTTP stand for four streams with 64 spins under way each; one connection for one stream
with one. The generator is Python, its CPU counts for more than wrk's, and the figure is a lower bound.
"""

import argparse
import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import uvloop

from benchmarks.generator import cpu_s, in_a_process, sample
from benchmarks.load import Sample
from benchmarks.signed import BET, GAME, player
from croupier_client import AsyncCroupier, SpinStream

STREAMS: Final = 4
IN_FLIGHT: Final = 64


class Spinners:
    """Who spins: each with players of its own, so that no two spin for one player."""

    def __init__(self, players: int, run_id: int, seconds: float) -> None:
        self._players, self._run_id = players, run_id
        self._until = time.perf_counter() + seconds
        self.latencies_s: list[float] = []

    async def spin(self, stream: SpinStream, first: int, step: int) -> None:
        """One spin after the other until the time is over."""
        number, count = first, 0
        while (started := time.perf_counter()) < self._until:
            key = f"t{self._run_id}-{first}-{count}"
            await stream.spin(player(number), GAME, bet=BET, win=BET, key=key)
            self.latencies_s.append(time.perf_counter() - started)
            number, count = number + step if number + step < self._players else first, count + 1


async def run(url: str, key: dict[str, str], players: int, connections: int, seconds: float, run_id: int) -> Sample:
    """Spins for some seconds. Raises what the client raises if a spin is refused or not answered."""
    streams, each = (STREAMS, IN_FLIGHT) if connections > 1 else (1, 1)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncCroupier(url, key_id=key["id"], secret=key["secret"]))
        opened = [await stack.enter_async_context(client.stream()) for _ in range(streams)]
        spinners, wall, cpu = Spinners(players, run_id, seconds), time.perf_counter(), cpu_s()
        places = [(stream, number * each + place) for number, stream in enumerate(opened) for place in range(each)]
        await asyncio.gather(*(spinners.spin(stream, first, len(places)) for stream, first in places))
        return sample(spinners.latencies_s, time.perf_counter() - wall, cpu_s() - cpu)


def measure(url: str, keys: Path, players: int, connections: int, seconds: int, run_id: int) -> Sample:
    """The same in a process of its own, signed with the first key of `keys`. Raises LoadFailed."""
    numbers = (players, connections, seconds, run_id)
    return in_a_process("benchmarks.stream_load", url, keys, *numbers, timeout_s=seconds + 60)


def main() -> None:
    """Measures and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("keys", type=Path, help="keys.json; its first key signs")
    for name in ("players", "connections", "seconds", "run_id"):
        parser.add_argument(name, type=int)
    options = parser.parse_args()
    key: dict[str, Any] = json.loads(options.keys.read_text())["api_keys"][0]
    found = uvloop.run(run(options.url, key, options.players, options.connections, options.seconds, options.run_id))
    print(json.dumps(found._asdict()))


if __name__ == "__main__":
    main()
