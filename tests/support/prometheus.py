"""Debian's Prometheus: where its programs are, and one that runs."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.support.redis_server import free_port

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".tools/prometheus/usr/bin"
START_TIMEOUT_S = 30


def program(name: str) -> str:
    """`prometheus` or `promtool`, as `scripts/setup.sh prometheus` provides them."""
    found = shutil.which(name, path=str(UNPACKED)) or shutil.which(name)
    assert found is not None, f"{name} is missing: run scripts/setup.sh prometheus"
    return found


def promtool(*arguments: str, folder: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end."""
    return subprocess.run([program("promtool"), *arguments], cwd=folder, capture_output=True, text=True, timeout=50)


class Prometheus:
    """One that scrapes by the given configuration, on a free port, until `stop`."""

    def __init__(self, folder: Path, config: Path) -> None:
        self._log = folder / "prometheus.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        options.append(f"--web.listen-address={self.url.removeprefix('http://')}")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([program("prometheus"), *options], stdout=log, stderr=log)
        self._await_ready()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                urlopen(f"{self.url}/-/ready", timeout=1).close()
                return
            except (URLError, OSError):
                assert time.monotonic() < deadline and self._process.poll() is None, self._log.read_text()[-2000:]
                time.sleep(0.1)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The instant vector of an expression, now."""
        answer = self.ask("query", query=expr)
        assert answer["resultType"] in ("vector", "scalar"), expr
        result: list[dict[str, Any]] = answer["result"]
        return result

    def ask(self, what: str, **parameters: str) -> Any:
        """The data of `/api/v1/<what>`."""
        with urlopen(f"{self.url}/api/v1/{what}?{urlencode(parameters)}", timeout=10) as response:
            return json.load(response)["data"]

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(20)
