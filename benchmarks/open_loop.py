"""Load at a fixed rate whatever the server does; latency counts from when a request was *meant* to be sent.

A closed loop sends less while the server stalls, and so forgets to measure the stall. Here requests are due by the
clock: one that finds no free connection waits, and its waiting counts. `python -m benchmarks.open_loop`; one JSON line
is the result. Requests are signed beforehand (`signed.write_spins`).
"""

import argparse
import json
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Final, NamedTuple

from hdrh.histogram import HdrHistogram

from benchmarks.generator import cpu_s
from benchmarks.http_socket import HttpSocket, connected, readable
from benchmarks.load import LoadFailed, Spins

DRAIN_S: Final = 5
"""How long after the last request its answer is waited for."""
LATENCY_US_MAX: Final = 120_000_000
SATURATED_CPU: Final = 85
"""Percent of a core from which the generator itself may be what is slow: see `saturated`."""
LATE_US_MAX: Final = 2_000
"""The same where it sent one in a hundred requests later than this although a connection was free."""


class OpenLoop(NamedTuple):
    """Latencies in µs from the intended time. `dropped` were never sent or not answered, `failed` had no 2xx.

    `late_p99_us`: how late requests were sent for which a connection was free, which is the generator's own doing.
    """

    rate: int
    answered: int
    dropped: int
    failed: int
    p50_us: int
    p99_us: int
    p999_us: int
    max_us: int
    late_p99_us: int
    generator_cpu: int

    @property
    def saturated(self) -> bool:
        """Whether the figures say more about the generator than about the server."""
        return self.generator_cpu >= SATURATED_CPU or self.late_p99_us > LATE_US_MAX


class Generator:
    """One run: requests by their number, due at `start + number / rate`."""

    def __init__(self, sockets: list[HttpSocket], records: list[bytes], rate: float) -> None:
        self._records, self._rate = records, rate
        self._sockets = sockets
        self._free = deque((one, 0.0) for one in sockets)
        self._under_way: dict[HttpSocket, float] = {}
        self._next = 0
        self._start = 0.0
        self.latencies_s: list[float] = []
        self.late_s: list[float] = []
        self.failed = 0

    def run(self) -> None:
        """Sends all, and waits for the answers. Raises OSError if a connection breaks."""
        self._start = time.perf_counter()
        end = self._due(len(self._records)) + DRAIN_S
        while self._next < len(self._records) or self._under_way:
            now = time.perf_counter()
            if now > end:
                return
            self._send_due(now)
            wake = self._due(self._next) if self._free and self._next < len(self._records) else end
            self._receive(wake)

    @property
    def dropped(self) -> int:
        """Requests without an answer."""
        return len(self._records) - len(self.latencies_s) - self.failed

    def _due(self, number: int) -> float:
        return self._start + number / self._rate

    def _send_due(self, now: float) -> None:
        while self._free and self._next < len(self._records) and (due := self._due(self._next)) <= now:
            connection, free_since = self._free.popleft()
            connection.send(self._records[self._next])
            if free_since <= due:
                self.late_s.append(now - due)
            self._under_way[connection] = due
            self._next += 1

    def _receive(self, wake: float) -> None:
        for connection in readable(self._sockets, wake - time.perf_counter()):
            answer = connection.receive()
            if answer is None:
                continue
            now = time.perf_counter()
            due = self._under_way.pop(connection)
            if 200 <= answer.status < 300:
                self.latencies_s.append(now - due)
            else:
                self.failed += 1
            self._free.append((connection, now))


def run(url: str, spins: Spins, connections: int, rate: float) -> OpenLoop:
    """Sends the records of a file at `rate` per second, from this process."""
    content = spins.path.read_bytes()
    size = spins.record_bytes
    records = [content[at : at + size] for at in range(0, spins.records * size, size)]
    with connected(url, connections) as sockets:
        generator = Generator(sockets, records, rate)
        started, cpu = time.perf_counter(), cpu_s()
        generator.run()
        share = (cpu_s() - cpu) / (time.perf_counter() - started)
    return _result(generator, rate, share)


def _result(generator: Generator, rate: float, cpu_share: float) -> OpenLoop:
    latency, late = _histogram(generator.latencies_s), _histogram(generator.late_s)
    p50, p99, p999 = (round(latency.get_value_at_percentile(share)) for share in (50, 99, 99.9))
    return OpenLoop(
        rate=round(rate),
        answered=len(generator.latencies_s),
        dropped=generator.dropped,
        failed=generator.failed,
        p50_us=p50,
        p99_us=p99,
        p999_us=p999,
        max_us=round(latency.get_max_value()),
        late_p99_us=round(late.get_value_at_percentile(99)),
        generator_cpu=round(100 * cpu_share),
    )


def _histogram(seconds: list[float]) -> HdrHistogram:
    histogram = HdrHistogram(1, LATENCY_US_MAX, 3)
    for value in seconds:
        histogram.record_value(max(1, round(value * 1e6)))
    return histogram


def measure(url: str, spins: Spins, connections: int, rate: int) -> OpenLoop:
    """The same in a process of its own. Raises LoadFailed."""
    options = {"url": url, "rate": rate, "connections": connections, **spins._asdict()}
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, "-m", "benchmarks.open_loop", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=spins.records / rate + 60)
    if ran.returncode:
        raise LoadFailed(f"the open loop against {url} failed: {ran.stderr[-500:]}")
    found: dict[str, Any] = json.loads(ran.stdout)
    return OpenLoop(**found)


def main() -> None:
    """Measures and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--path", type=Path, required=True, help="a file of signed requests")
    parser.add_argument("--record-bytes", type=int, required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, required=True, help="requests per second")
    options = parser.parse_args()
    spins = Spins(options.path, options.record_bytes, options.records)
    print(json.dumps(run(options.url, spins, options.connections, options.rate)._asdict()))


if __name__ == "__main__":
    main()
