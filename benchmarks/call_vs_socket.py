"""Why the data path is a socket: a Ray method call and a round trip over a unix socket, side by side.

`python -m benchmarks.call_vs_socket`. Both sides do nothing with a payload of a spin's size; the figures are quoted in
docs/decisions/0002.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import ray
import uvloop

PAYLOAD: Final = bytes(120)
"""About as long as a spin on the wire."""
IN_FLIGHT: Final = 64
ALONE: Final = 2_000
TOGETHER: Final = 10_000
WARM_UP: Final = 500

Ask = Callable[[], Awaitable[object]]


class Measured(NamedTuple):
    """Round trips: one at a time, and per second with 64 in flight."""

    way: str
    p50_us: int
    p99_us: int
    per_second: int


class Echo:
    """A Ray actor whose process also echoes on a unix socket, so that both ways end in the same place."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)

    async def ask(self, payload: bytes) -> bytes:
        return payload


class SocketClient:
    """Requests of fixed size on one connection; answers come in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._waiting: list[asyncio.Future[None]] = []
        self._task = asyncio.create_task(self._receive())

    def ask(self) -> "asyncio.Future[None]":
        self._writer.write(PAYLOAD)
        self._waiting.append(asyncio.get_running_loop().create_future())
        return self._waiting[-1]

    async def _receive(self) -> None:
        received = 0
        while data := await self._reader.read(1 << 16):
            received += len(data)
            done, received = divmod(received, len(PAYLOAD))
            for future in self._waiting[:done]:
                future.set_result(None)
            del self._waiting[:done]


async def measure(way: str, ask: Ask) -> Measured:
    """One at a time for the latency, then 64 at once for the throughput."""
    for _ in range(WARM_UP):
        await ask()
    times = []
    for _ in range(ALONE):
        started = time.perf_counter_ns()
        await ask()
        times.append((time.perf_counter_ns() - started) // 1000)
    started = time.perf_counter_ns()
    await asyncio.gather(*(_repeat(ask, TOGETHER // IN_FLIGHT) for _ in range(IN_FLIGHT)))
    seconds = (time.perf_counter_ns() - started) / 1e9
    cuts = statistics.quantiles(times, n=100)
    return Measured(way, round(cuts[49]), round(cuts[98]), round(TOGETHER / seconds))


async def _repeat(ask: Ask, times: int) -> None:
    for _ in range(times):
        await ask()


async def _compare(folder: Path) -> list[Measured]:
    actor: Any = ray.remote(num_cpus=0)(Echo).options(max_concurrency=2 * IN_FLIGHT).remote(str(folder / "echo"))
    await actor.listen.remote()
    client = SocketClient(*await asyncio.open_unix_connection(str(folder / "echo")))
    by_call = await measure("Ray actor method call", lambda: actor.ask.remote(PAYLOAD))
    return [by_call, await measure("unix socket, same two processes", client.ask)]


def main() -> int:
    """Measures both on a local Ray of its own and prints one JSON line each."""
    os.environ.update(RAY_worker_niceness="0", RAY_USAGE_STATS_ENABLED="0")
    with tempfile.TemporaryDirectory(prefix="croupier-ray-") as folder:
        local: dict[str, Any] = {"address": "local", "_temp_dir": folder, "include_dashboard": False}
        ray.init(num_cpus=2, log_to_driver=False, **local)
        try:
            for row in uvloop.run(_compare(Path(folder))):
                print(json.dumps(row._asdict()))
        finally:
            ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
