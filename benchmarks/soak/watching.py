"""Samples of memory, file descriptors and threads of every process of a Croupier, from /proc."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from redis import Redis

from benchmarks.processes import Process, family, process_table, role
from benchmarks.soak.found import Sample, StoreSample, Watched

_RAY_PROGRAM: Final = re.compile(r"/(raylet|gcs_server|log_monitor|monitor|dashboard|runtime_env/agent/main|agent)\b")
_MEMORY: Final = {"Rss": "rss_kb", "Pss": "pss_kb", "Pss_Anon": "anon_kb"}
LOG_KEYS: Final = "croupier:log:*"


def name_of(title: str) -> str:
    """What a process is, Ray's own by their programs."""
    name = role(title)
    if name == "ray" and (program := _RAY_PROGRAM.search(title)):
        return f"ray {program[1].partition('/')[0]}"
    return title.partition(" ")[0] if name == "ray" and title.startswith("ray::") else name


def parse_memory(rollup: str) -> dict[str, int]:
    """KiB by our names, of the text of /proc/<pid>/smaps_rollup."""
    lines = (line.split() for line in rollup.splitlines())
    return {_MEMORY[words[0][:-1]]: int(words[1]) for words in lines if words[0][:-1] in _MEMORY}


class Watch:
    """The processes that descend from the roots, each from when it is first seen. Not safe for two threads."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = list(roots)
        self._watched: dict[tuple[int, int], Watched] = {}

    @property
    def processes(self) -> list[Watched]:
        """All that were ever seen, in the order in which they were."""
        return list(self._watched.values())

    def sample(self, at_s: float) -> None:
        """Takes one sample of each; a process that ends meanwhile is left out."""
        for process in family(process_table(), self._roots):
            with contextlib.suppress(OSError, KeyError):
                sample = _sample(process.pid, at_s)
                self._of(process).samples.append(sample)

    def _of(self, process: Process) -> Watched:
        """A process is known by its number and its start; a title may change (`ray::IDLE` becomes an actor)."""
        started = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19])
        watched = self._watched.setdefault((process.pid, started), Watched(process.pid, ""))
        watched.name = name_of(process.title)
        return watched

    def name_shards(self, shards: Mapping[int, str]) -> None:
        """Tells shards from their spare: names by pid. Call it when the titles will change no more."""
        for watched in self.processes:
            if watched.name == "shard":
                watched.name = f"shard {shards[watched.pid]}" if watched.pid in shards else "spare"


def _sample(pid: int, at_s: float) -> Sample:
    folder = Path(f"/proc/{pid}")
    memory = parse_memory((folder / "smaps_rollup").read_text())
    descriptors, threads = (sum(1 for _ in (folder / part).iterdir()) for part in ("fd", "task"))
    return Sample(at_s, memory["rss_kb"], memory["pss_kb"], memory["anon_kb"], descriptors, threads)


def sample_store(redis: "Redis", at_s: float, players: int) -> StoreSample:
    """Of the Redis that keeps the journal. Raises redis.RedisError."""
    used = int(redis.info("memory")["used_memory"])
    records = sum(redis.xlen(key) for key in redis.scan_iter(LOG_KEYS) if redis.type(key) == b"stream")
    return StoreSample(at_s, used, records, players)
