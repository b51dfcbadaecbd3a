"""Keeps a process that works on other people's data from taking the machine's memory."""

import resource


def limit_memory(mib: int) -> None:
    """From now on this process can't have more private memory than that: it fails instead. Never lifts a limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = mib << 20
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
