"""When a process of Croupier that is no `croupier up` should stop."""

import asyncio
import os
import signal
import sys


def stop_with_parent(stop: asyncio.Event) -> None:
    """Sets `stop` when `croupier up` ends, which holds the other end of our standard input."""
    if os.environ.get("CROUPIER_PARENT_PIPE") == "1":
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)


def stop_when_told(stop: asyncio.Event) -> None:
    """Sets `stop` on SIGTERM, on SIGINT, and when `croupier up` ends."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stop_with_parent(stop)
