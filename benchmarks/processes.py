"""CPU time of the processes of a server, by what each of them is, read from /proc.

A server is the process that was started and all its descendants. What a process is follows from its command line or its
title (`ray::PlayerShard`, `postgres: bench …`). CPU time is user and system time of all threads, with a grain of 10 ms.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_ROLES: Final = tuple(
    (re.compile(pattern), role)
    for pattern, role in (
        (r"^ray::PlayerShard", "shard"),
        (r"^ray::PlayerActor", "actors"),
        (r"^ray::Supervisor", "supervisor"),
        (r"^ray::Reader", "readers"),
        (r"croupier gateway", "gateway"),
        (r"croupier up", "croupier up"),
        (r"^ray::|/ray/|raylet|gcs_server", "ray"),
        (r"benchmarks\.peers", "uvicorn"),
        (r"redis-server", "redis"),
        (r"^postgres: bench", "postgres backends"),
        (r"postgres", "postgres (others)"),
    )
)
"""The first that matches counts. `shard` are shards and their warm spare, which Ray calls by the same name."""


class Process(NamedTuple):
    """One line of the process table. `cpu_s` is its own, without its children's."""

    pid: int
    parent: int
    cpu_s: float
    title: str


def parse_stat(text: str, title: str) -> Process:
    """A process from /proc/<pid>/stat. The name in it may hold blanks and brackets, so fields count from its end."""
    pid, _, rest = text.partition(" ")
    fields = rest.rpartition(")")[2].split()
    return Process(int(pid), int(fields[1]), (int(fields[11]) + int(fields[12])) * TICK_S, title)


def role(title: str) -> str:
    """What a process is, by its command line or title."""
    return next((name for pattern, name in _ROLES if pattern.search(title)), "others")


def process_table(proc: Path = Path("/proc")) -> list[Process]:
    """All processes of the machine; one that ends meanwhile is left out."""
    found = []
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                found.append(parse_stat((folder / "stat").read_text(), title))
    return found


def family(table: Iterable[Process], roots: Iterable[int]) -> list[Process]:
    """The processes `roots` and all that descend from them."""
    listed = list(table)
    known = set(roots)
    while more := {process.pid for process in listed if process.parent in known} - known:
        known |= more
    return [process for process in listed if process.pid in known]


def parse_busy_s(text: str) -> float:
    """CPU seconds of all cores since boot that were not idle, from /proc/stat; what other guests took is among them."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, text.split("\n", 1)[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_S


class CpuTimes:
    """CPU seconds by process at one moment, and of the whole machine."""

    def __init__(self, table: Iterable[Process], busy_s: float = 0.0) -> None:
        self.table = list(table)
        self.busy_s = busy_s

    @classmethod
    def now(cls) -> "CpuTimes":
        """As it is."""
        return cls(process_table(), parse_busy_s(Path("/proc/stat").read_text()))

    def since(self, before: "CpuTimes", roots: Iterable[int]) -> dict[str, float]:
        """CPU seconds by role that the family of `roots` used since `before`; a new process counts from its start."""
        earlier = {process.pid: process.cpu_s for process in before.table}
        used: dict[str, float] = {}
        for process in family(self.table, roots):
            name = role(process.title)
            used[name] = used.get(name, 0.0) + process.cpu_s - earlier.get(process.pid, 0.0)
        return used


def us_per_spin(cpu_s: Mapping[str, float], spins: int) -> dict[str, float]:
    """CPU microseconds of each role for one spin; roles that took less than a tenth of one are left out."""
    each = {name: seconds * 1e6 / spins for name, seconds in cpu_s.items()}
    return {name: us for name, us in sorted(each.items(), key=lambda pair: -pair[1]) if us >= 0.1}
