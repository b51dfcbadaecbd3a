"""Closed-loop load by `wrk`: one measurement is one process, its own CPU time reported beside what it measured."""

import json
import resource
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

_SCRIPT = Path(__file__).with_name("wrk.lua")


class LoadFailed(Exception):
    """The load could not be generated, or not every answer was a success: the figure would mean nothing."""


class Sample(NamedTuple):
    """One measurement. `generator_cpu` is the generator's CPU time per second of wall clock, in percent of one core.

    `answer_bytes` is the size of an answer with its headers, where the generator tells it.
    """

    requests: int
    per_second: int
    p50_us: int
    p99_us: int
    max_us: int
    generator_cpu: int
    answer_bytes: int = 0


class Spins(NamedTuple):
    """A file of signed requests (see `signed.write_spins`)."""

    path: Path
    record_bytes: int
    records: int


def measure(url: str, spins: Spins, connections: int, seconds: int) -> Sample:
    """Loads `url` for some seconds. Raises `LoadFailed` unless every single answer was a 2xx to a fresh request."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_SCRIPT), url, "--"]
    before = _children_cpu_s()
    ran = subprocess.run(
        [*command, *map(str, spins)], capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    used = _children_cpu_s() - before
    found = [line for line in ran.stdout.splitlines() if line.startswith("RESULT ")]
    if ran.returncode or not found:
        raise LoadFailed(f"wrk against {url} failed: {ran.stderr or ran.stdout}")
    return _sample(json.loads(found[0].removeprefix("RESULT ")), url, used)


def _sample(result: dict[str, Any], url: str, cpu_s: float) -> Sample:
    for bad in ("failed", "refused", "reused"):
        if result[bad]:
            raise LoadFailed(f"{url}: {result[bad]} of {result['requests']} requests were {bad}")
    wall_s = result["duration_us"] / 1e6
    return Sample(
        requests=result["requests"],
        per_second=round(result["requests"] / wall_s),
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        max_us=result["max_us"],
        generator_cpu=round(100 * cpu_s / wall_s),
        answer_bytes=round(result["bytes"] / result["requests"]),
    )


def _children_cpu_s() -> float:
    """CPU time of finished children: the servers of a run are still alive, so between two calls it is wrk's alone."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
