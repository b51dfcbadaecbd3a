"""Processes that `croupier up` starts, replaces when they die, and ends."""

import logging
import subprocess
import threading
from collections.abc import Callable

log = logging.getLogger("croupier")

RESTART_PAUSE_S = 1.0
STOP_TIMEOUT_S = 20

Launch = Callable[[int], "subprocess.Popen[bytes]"]
"""Starts one; the argument is its number, from 0."""


class Children:
    """All processes of one kind; `name` is what logs call one of them."""

    def __init__(self, name: str, count: int, launch: Launch) -> None:
        self._name, self._count, self._launch = name, count, launch
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopping = threading.Event()

    def start(self) -> None:
        """Starts all."""
        self._processes = [self._launch(number) for number in range(self._count)]

    def ended(self) -> "subprocess.Popen[bytes] | None":
        """One that runs no more, if there is any."""
        return next((process for process in self._processes if process.poll() is not None), None)

    def watch(self) -> None:
        """From now on those that die are replaced."""
        if self._processes:
            threading.Thread(target=self._watch, name=self._name, daemon=True).start()

    def _watch(self) -> None:
        while not self._stopping.wait(RESTART_PAUSE_S):
            for number, process in enumerate(self._processes):
                if process.poll() is not None and not self._stopping.is_set():
                    log.error(
                        "%s %d ended with exit code %d; another one is started",
                        self._name, process.pid, process.returncode,
                    )  # fmt: skip
                    self._processes[number] = self._launch(number)

    def stop(self) -> None:
        """Sends SIGTERM to each, and SIGKILL to those that don't finish in time."""
        self._stopping.set()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
