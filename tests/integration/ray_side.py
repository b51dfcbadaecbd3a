"""What only a process that has joined the cluster's Ray can ask of the supervisor, run as a process of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from croupier.settings import Settings
from tests.support.croupier_up import CroupierUp, environment

_MOVE = """
import json, sys
import ray
address, namespace, slots, gainer = json.loads(sys.argv[1])
ray.init(address=address, namespace=namespace, log_to_driver=False, logging_level="error")
ray.get(ray.get_actor("supervisor").move.remote(slots, gainer), timeout=60)
"""


def joining(server: CroupierUp) -> tuple[str, str]:
    """Where the Ray of this server has its control store, and the token it demands; both known to its own processes."""
    for pid in server.tree():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        address = next((word.partition("=")[2] for word in words if word.startswith("--gcs-address=")), None)
        if address is not None:
            variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
            return address, dict(variable.split("=", 1) for variable in variables if variable)["RAY_AUTH_TOKEN"]
    raise AssertionError("no raylet among the server's processes")


def actor_pid(server: CroupierUp, title: str) -> int:
    """The pid of the server's Ray actor of that class."""
    return next(pid for pid in server.tree() if _title(pid).startswith(f"ray::{title}"))


def spare_pids(server: CroupierUp) -> set[int]:
    """The server's processes that are ready to become shards: Ray adds what an actor does to its title, also while it
    starts.
    """
    serving = {shard["pid"] for shard in server.api.shards().values()}
    return {pid for pid in server.tree() if _title(pid).rstrip("\0 ") == "ray::PlayerShard"} - serving


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def move(server: CroupierUp, store: str, slots: Sequence[int], gainer: str) -> None:
    """Moves slots to a live shard by the Supervisor actor."""
    namespace = Settings(store=store, catalog=Path()).namespace
    address, auth_token = joining(server)
    arguments = json.dumps([address, namespace, list(slots), gainer])
    env = environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=auth_token)
    command = [sys.executable, "-c", _MOVE, arguments]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=90)
    assert ended.returncode == 0, ended.stderr[-2000:]
