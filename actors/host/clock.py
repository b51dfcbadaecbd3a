"""The clocks the actors read. The engine reads none: time reaches it in the command."""

import time


def now_ms() -> int:
    """This host's clock, Unix ms."""
    return time.time_ns() // 1_000_000


def boottime_s() -> float:
    """Seconds since boot. This clock goes on while a process is stopped or the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def thread_cpu_s() -> float:
    """CPU seconds that the calling thread has used."""
    return time.thread_time()
