"""The clocks the actors read. The engine reads none: time reaches it in the command."""

import time

from engine.calendar import LATEST_MS


def now_ms() -> int:
    """This host's clock, Unix ms."""
    return time.time_ns() // 1_000_000


def players_ms(offset_ms: int) -> int:
    """The players' time, Unix ms: this host's clock and how far the sandbox clock runs ahead. It stops where time ends.

    (rules §10)
    """
    return min(now_ms() + offset_ms, LATEST_MS)


def boottime_s() -> float:
    """Seconds since boot, suspended time included: goes on while a process is stopped or the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
