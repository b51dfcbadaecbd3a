"""What operators do on purpose while players play: none of it may fail a spin."""

import re
import shutil
import time
from random import Random
from signal import SIGKILL
from typing import Final

from tests.chaos.house import SHARDS_FEW, SHARDS_MANY, House, send
from tests.chaos.stores import TookTooLong, wait_until
from tests.load.settings import SHIPPED_CATALOG

TRIES: Final = 20
ENDED_S: Final = 180.0
PAUSE_S: Final = 1.0


def scale_up(house: House, _: Random) -> str:
    """`croupier scale --shards 4`."""
    return _operate(house, "scale", "--shards", str(SHARDS_MANY))


def scale_down(house: House, _: Random) -> str:
    """`croupier scale --shards 2`."""
    return _operate(house, "scale", "--shards", str(SHARDS_FEW))


def restart_rolling(house: House, _: Random) -> str:
    """`croupier rolling-restart`."""
    return _operate(house, "rolling-restart")


def restart_rolling_and_kill_shard(house: House, luck: Random) -> str:
    """`croupier rolling-restart`, and SIGKILL to a shard while it runs."""
    before = house.operation().get("number", 0)
    _ran(house, "rolling-restart", "--no-wait")
    name, shard = luck.choice(sorted(house.shards().items()))
    send(SIGKILL, shard["pid"])
    wait_until("the restart has ended", lambda: _ended_after(house, before) is not None, ENDED_S)
    return f"{name}; the restart ended as {_ended_after(house, before)}"


def deploy_catalog(house: House, luck: Random) -> str:
    """`croupier catalog deploy` of a catalog in which a limit has changed that nobody reaches."""
    folder = house.folder / "catalog"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SHIPPED_CATALOG, folder)
    games = folder / "games.yaml"
    limit = luck.randrange(100_001, 200_000)
    games.write_text(games.read_text().replace("max_bet: 100000}", f"max_bet: {limit}}}"))
    said = _ran(house, "catalog", "deploy", str(folder))
    return said.strip().splitlines()[-1][:80]


def _ended_after(house: House, number: int) -> str | None:
    """How a later operation than this one ended: `done` or `failed`. What gateways tell is up to two seconds old."""
    operation = house.operation()
    state = str(operation.get("state"))
    return state if operation.get("number", 0) > number and state in ("done", "failed") else None


def _operate(house: House, *arguments: str) -> str:
    said = _ran(house, *arguments)
    waited = re.search(r"players waited (.*) at the longest", said)
    return f"players waited {waited.group(1)} at the longest" if waited else said.strip().splitlines()[-1][:80]


def _ran(house: House, *arguments: str) -> str:
    """As an operator does it: a refusal that asks to come back is no failure."""
    done = house.command(*arguments)
    for _ in range(TRIES):
        if not done.returncode or "503" not in done.stderr:
            break
        time.sleep(PAUSE_S)
        done = house.command(*arguments)
    if done.returncode:
        raise TookTooLong(f"croupier {' '.join(arguments)}: {(done.stderr or done.stdout)[-300:].strip()}")
    return done.stdout
