"""Spins on `WS /spin/stream`, closed loop, with as little work of its own as the protocol allows.

`python -m benchmarks.stream_load` prints one JSON line.
Sixty-four connections over HTTP stand for four streams with 64 spins under way each; one connection for one stream
with one. As `wrk` does over HTTP, the generator looks at an answer's status only, because it takes its CPU from the
servers: a client that reads answers in full, such as `croupier-client`, takes more.
"""

import argparse
import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.generator import cpu_s, in_a_process, sample
from benchmarks.load import LoadFailed, Sample
from benchmarks.signed import BET, GAME, player
from croupier_client.signing import Signer
from croupier_client.stream.wire import STREAM_PATH, SUBPROTOCOL

STREAMS: Final = 4
IN_FLIGHT: Final = 64


class Request(msgspec.Struct, tag_field="op", tag="spin", gc=False):
    """A one-call spin whose win is its bet."""

    id: int
    player_id: str
    key: str
    game_id: str = GAME
    mode: str = "real"
    bet: int = BET
    win: int = BET


class Answered(msgspec.Struct, gc=False):
    """As much of an answer as counts."""

    id: int
    status: int


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Answered]).decode


class Spinner:
    """One stream's load: every `step`-th player, from its `first` on, takes turns."""

    def __init__(self, run_id: int, first: int, step: int, players: int) -> None:
        self._run_id, self._first, self._step, self._players = run_id, first, step, players
        self._next_id = 0
        self._sent_at: dict[int, float] = {}
        self.latencies_s: list[float] = []

    async def spin(self, connection: ClientConnection, under_way: int, until: float) -> None:
        """Keeps `under_way` spins under way until the time is over. Raises LoadFailed unless each is accepted."""
        await connection.send(self._requests(under_way))
        while self._sent_at:
            settled = self._settle(_decode(await connection.recv(decode=False)))
            if time.perf_counter() < until:
                await connection.send(self._requests(settled))

    def _requests(self, count: int) -> bytes:
        numbers = range(self._next_id, self._next_id + count)
        self._next_id += count
        self._sent_at.update(dict.fromkeys(numbers, time.perf_counter()))
        return _encode([self._request(number) for number in numbers])

    def _request(self, number: int) -> Request:
        name = player((self._first + number * self._step) % self._players)
        return Request(number, name, f"t{self._run_id}-{self._first}-{number}")

    def _settle(self, answers: list[Answered]) -> int:
        now = time.perf_counter()
        for answer in answers:
            if answer.status != 200:
                raise LoadFailed(f"request {answer.id} was answered with {answer.status}")
            self.latencies_s.append(now - self._sent_at.pop(answer.id))
        return len(answers)


async def run(url: str, key: dict[str, str], players: int, connections: int, seconds: float, run_id: int) -> Sample:
    """Spins for some seconds. Raises LoadFailed, and what websockets raises."""
    streams, under_way = (STREAMS, IN_FLIGHT) if connections > 1 else (1, 1)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(_connection(url, key)) for _ in range(streams)]
        for connection in opened:
            await connection.recv()  # the server's first word
        wall, cpu = time.perf_counter(), cpu_s()
        spinners = [Spinner(run_id, first, streams, players) for first in range(streams)]
        loads = zip(spinners, opened, strict=True)
        await asyncio.gather(*(spinner.spin(connection, under_way, wall + seconds) for spinner, connection in loads))
        latencies_s = [latency_s for spinner in spinners for latency_s in spinner.latencies_s]
        return sample(latencies_s, time.perf_counter() - wall, cpu_s() - cpu)


def _connection(url: str, key: dict[str, str]) -> connect:
    return connect(
        url.replace("http", "ws", 1) + STREAM_PATH,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        additional_headers=Signer(key["id"], key["secret"]).headers("GET", STREAM_PATH.encode(), "", b""),
        compression=None,
        max_size=None,
    )


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
