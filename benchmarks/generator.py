"""What load generators in Python share: their own CPU, their figures, and how each runs in a process of its own."""

import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load import LoadFailed, Sample


def cpu_s() -> float:
    """CPU seconds that this process has used, in user and kernel mode."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def sample(latencies_s: Sequence[float], wall_s: float, used_cpu_s: float) -> Sample:
    """The figures of one measurement; it needs two latencies at least."""
    cuts = statistics.quantiles(latencies_s, n=100)
    return Sample(
        requests=len(latencies_s),
        per_second=round(len(latencies_s) / wall_s),
        p50_us=round(cuts[49] * 1e6),
        p99_us=round(cuts[98] * 1e6),
        max_us=round(max(latencies_s) * 1e6),
        generator_cpu=round(100 * used_cpu_s / wall_s),
    )


def in_a_process(module: str, url: str, keys: Path, *numbers: int, timeout_s: int) -> Sample:
    """Runs `python -m module url keys numbers`, which prints a sample as one JSON line. Raises LoadFailed."""
    command = [sys.executable, "-m", module, url, str(keys), *map(str, numbers)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
    if ran.returncode:
        raise LoadFailed(f"{module} against {url} failed: {ran.stderr[-500:]}")
    return Sample(**json.loads(ran.stdout))
