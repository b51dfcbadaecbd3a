"""Which process is which, and whether it is certainly dead: with that proof a takeover need not wait for a lease to
end.
"""

import os
import signal
from contextlib import suppress
from functools import cache
from pathlib import Path

from snapshots.contract import Owner

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@cache
def host_id() -> str:
    """A name of this host that changes with every boot and, in containers, with every process namespace."""
    return f"{_BOOT_ID.read_text().strip()}:{os.stat('/proc/self/ns/pid').st_ino}"


def this_process() -> Owner:
    """The calling process."""
    pid = os.getpid()
    return Owner(host_id=host_id(), pid=pid, started_ticks=_stat(pid)[1])


def is_gone(owner: Owner) -> bool:
    """True only if the process certainly runs no more. False if it lives, or can't be seen from this host."""
    if owner.host_id != host_id():
        return False
    try:
        state, started = _stat(owner.pid)
    except (FileNotFoundError, ProcessLookupError):
        return True
    return started != owner.started_ticks or state in "ZX"


def kill_if_here(owner: Owner) -> None:
    """Sends SIGKILL if the process runs on this host, so that it is certainly dead. Its pid can't have been reused."""
    if owner.host_id == host_id() and not is_gone(owner):
        with suppress(ProcessLookupError):
            os.kill(owner.pid, signal.SIGKILL)


def _stat(pid: int) -> tuple[str, int]:
    """State letter and start time (clock ticks since boot) of a process."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return after_name[0], int(after_name[19])
