"""`croupier bus-in` as a process of `croupier up`, which replaces it when it ends."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from croupier.settings import Settings

log = logging.getLogger("croupier")

RESTART_PAUSE_S: Final = 2.0
STOP_TIMEOUT_S: Final = 15.0


class BusInChild:
    """The one process. It ends with this one, too."""

    def __init__(self, settings: Settings, integrations: Path) -> None:
        self._settings, self._integrations = settings, integrations
        self._process: subprocess.Popen[str] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="bus-in", daemon=True)

    def start(self) -> None:
        """Starts it. Brokers that are down are its business: nobody waits for them."""
        self._thread.start()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            process = self._process = self._launch()
            assert process.stdout is not None
            for line in process.stdout:
                log.warning("bus-in: %s", line.strip())
            code = process.wait()
            process.stdout.close()
            if not self._stopping.is_set():
                log.error("bus-in %d ended with exit code %d; another one is started", process.pid, code)
            self._stopping.wait(RESTART_PAUSE_S)

    def _launch(self) -> "subprocess.Popen[str]":
        settings = self._settings
        command = [sys.executable, "-m", "croupier", "bus-in", "--integrations", str(self._integrations)]
        command += ["--store", settings.store]
        environment = {**os.environ, "CROUPIER_CLUSTER_SECRET": settings.cluster_secret}
        environment |= {"CROUPIER_LOG_LEVEL": settings.log_level, "CROUPIER_PARENT_PIPE": "1"}
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
                                start_new_session=True)  # fmt: skip

    def stop(self) -> None:
        """Lets it finish what is under way, or kills it."""
        self._stopping.set()
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(STOP_TIMEOUT_S)
