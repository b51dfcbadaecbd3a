"""`make load`: a Croupier of its own on loopback, one minute of locust, and the verdict as exit code.

`python -m tests.load [--store redis|sqlite] [--shards N] [options of locust]`. The report is `build/load.html`.
"""

import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.load.settings import GAME_KEY, PLATFORM_KEY, STAFF_TOKEN
from tests.support.croupier_up import CroupierUp, environment, token
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
REPORT = ROOT / "build/load.html"
DEFAULTS = ("--users", "50", "--spawn-rate", "25", "--run-time", "60s")
"""Options of locust, unless they are given."""
TOKEN_VALID_S = 86_400


def main(arguments: Sequence[str]) -> int:
    """Runs; 0 if locust's verdict is good and the server has neither failed inside nor ended badly."""
    parser = ArgumentParser(prog="python -m tests.load", description=__doc__, allow_abbrev=False)
    parser.add_argument("--store", choices=("redis", "sqlite"), default="redis", help="in a temporary folder")
    parser.add_argument("--shards", default="2", help="of the server")
    chosen, for_locust = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory(prefix="croupier-load-") as name:
        folder = Path(name)
        with store(chosen.store, folder) as url:
            server = CroupierUp(folder, url, "--shards", chosen.shards)
            try:
                verdict = locust(server.url, for_locust)
            finally:
                server_exit = server.stop()
        return conclude(verdict, server_exit, server.stderr())


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a fresh store, which is gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:{folder / 'store'}"
        return
    redis = RedisServer(folder / "redis").start()
    try:
        yield f"{redis.url}/0"
    finally:
        redis.stop()


def locust(url: str, options: Sequence[str]) -> int:
    """Locust's exit code, which is the verdict."""
    REPORT.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary", "--host", url]
    command += ["--html", str(REPORT), *DEFAULTS, *options]
    keys = {GAME_KEY: "game_server:secret-of-game_server", PLATFORM_KEY: "platform:secret-of-platform"}
    proof = keys | {STAFF_TOKEN: token("marketing_manager", valid_s=TOKEN_VALID_S)}
    return subprocess.run(command, cwd=ROOT, env=environment(**proof)).returncode


def conclude(verdict: int, server_exit: int, server_log: str) -> int:
    """The exit code, after saying what the server had to complain about."""
    failed_inside = "Traceback" in server_log
    if failed_inside:
        print(f"FAILED: the server failed inside; its log ends with:\n{server_log[-4_000:]}")
    if server_exit:
        print(f"FAILED: the server ended with exit code {server_exit} after SIGTERM")
    print(f"locust's report: {REPORT.relative_to(ROOT)}")
    return 1 if verdict or server_exit or failed_inside else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
