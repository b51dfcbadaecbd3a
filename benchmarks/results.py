"""What a run found, as it is written to `results.json` and read back by the report."""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.postgres import program

FILE: Final = Path(__file__).with_name("results.json")
PACKAGES: Final = ("ray", "fastapi", "uvicorn", "uvloop", "httptools", "redis", "hiredis", "asyncpg", "msgspec")


class OpenLoopRow(msgspec.Struct):
    """Medians over the open loop's rounds, but `max_us`, `dropped` and `failed`, which are of all of them."""

    rate: int
    p50_us: int
    p99_us: int
    p999_us: int
    max_us: int
    dropped: int
    failed: int
    generator_cpu: int
    late_p99_us: int
    saturated: bool


class Row(msgspec.Struct):
    """Medians of one target over `rounds`; ratios are medians of the ratios within one round.

    `cpu_us` is CPU microseconds per spin by process at 64 connections. In percent of one core, meanwhile: `others_cpu`
    is what the other targets' idle processes took, `foreign_cpu` what did not belong to the run. `handle_*` are upper
    bounds of histogram buckets in the shard; `snapshot_cpu_share` is the part of the shard's CPU that snapshots took,
    0 to 1, where the shard tells it.
    """

    name: str
    title: str
    rounds: int
    per_second: int
    p50_us: int
    p99_us: int
    p50_us_1: int
    p99_us_1: int
    to_p0: float | None
    p50_1_to_p0: float | None
    generator_cpu: int
    cpu_us: dict[str, float]
    others_cpu: int
    foreign_cpu: int | None = None
    handle_p50_us: int | None = None
    handle_p99_us: int | None = None
    snapshot_cpu_share: float | None = None
    open_loop: OpenLoopRow | None = None


class Results(msgspec.Struct):
    """A whole run. `ratios` are Croupier's (redis-everysec) to each other target, medians within a round.

    `readers_cpu` is the CPU time per spin of shard and gateway with archive and bus on, by that with both off.
    """

    date: str
    machine: dict[str, str]
    options: dict[str, int | str]
    rows: list[Row]
    ratios: dict[str, float]
    readers_cpu: float | None = None

    def row(self, name: str) -> Row | None:
        """The row of a target, if it was measured."""
        return next((row for row in self.rows if row.name == name), None)


def write(results: Results, path: Path) -> None:
    """As indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def read(path: Path) -> Results:
    """Raises OSError, msgspec.ValidationError."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def now() -> str:
    """The date of a run, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, str]:
    """What the figures depend on, the interpreter's build among it."""
    cpu = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "cores": str(os.cpu_count()),
        "cpu": cpu[0] if cpu else platform.machine(),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "compiler": platform.python_compiler(),
        "build": build(sysconfig.get_config_vars()),
        "redis_server": _said("redis-server").partition("v=")[2].partition(" ")[0],
        "postgresql": _said(program("postgres") or "postgres").strip().rpartition(") ")[2].partition(" ")[0],
        "implementation": sys.implementation.name,
        **{name: version(name) for name in PACKAGES},
    }


def build(variables: Mapping[str, object]) -> str:
    """How the interpreter was optimised, from `sysconfig`'s variables: ratios depend on it."""
    arguments = str(variables.get("CONFIG_ARGS") or "")
    flags = f"{variables.get('PY_CFLAGS') or ''} {variables.get('PGO_PROF_USE_FLAG') or ''}"
    pgo = "PGO" if "--enable-optimizations" in arguments else "no PGO"
    lto = "LTO" if "--with-lto" in arguments or "-flto" in flags else "no LTO"
    levels = [word for word in flags.split() if word in ("-O0", "-O1", "-O2", "-O3", "-Os")]
    return ", ".join((pgo, lto, *levels[-1:]))


def _said(command: str) -> str:
    """What a program says of its version; "" if it is not there."""
    found = shutil.which(command)
    return subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout if found else ""
