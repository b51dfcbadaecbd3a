"""The processes that a process has started, read from /proc, so that stopping it leaves none of them behind."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def parent_of(pid: int) -> int | None:
    """The parent's pid; None if the process is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def descendants(pid: int) -> list[int]:
    """Pids of all children, their children and so on, as they are right now; parents before children."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        parent = parent_of(int(entry)) if entry.isdigit() else None
        if parent is not None:
            children.setdefault(parent, []).append(int(entry))
    found = [pid]
    for known in found:
        found += children.get(known, [])
    return found[1:]


def kill_all(pids: list[int]) -> None:
    """SIGKILL to each that still exists."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
