"""Real Ray, real sockets: a cluster grows, shrinks and is restarted while several hundred spins a second go on.

What every commit pays for is the same on one event loop: tests/unit/actors/supervision/test_live_operations.py.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.load import Load
from tests.support.croupier_up import CroupierUp, croupier, token, wait_until
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.timeout(400), pytest.mark.long]

SECRET = "a secret of the cluster"


def command(server: CroupierUp, *words: str) -> dict[str, Any]:
    """Runs a command of an operator to the end of the operation."""
    done = croupier(*words, "--json", "--url", server.api.url, "--token", token("ops"), timeout=240)
    assert done.returncode == 0, done.stderr
    operation: dict[str, Any] = json.loads(done.stdout)
    assert (operation["state"], operation["trouble"], operation["slots_left"]) == ("done", None, 0)
    return operation


def slots(server: CroupierUp) -> list[int]:
    """How many slots each shard has, in ascending order; once the gateway shows all 256."""
    counts = Counter({name: shard["slots"] for name, shard in server.api.shards().items()})
    return sorted(counts.values())


def reading_all(server: CroupierUp) -> bool:
    """Whether every reader of the journal has read what there is."""
    readers = server.api.person("ops", "GET", "/cluster").json()["readers"]
    return all(reader["reading"] and reader["lag_records"] == 0 for reader in readers)


@pytest.mark.parametrize("backend", ["sqlite", "redis"])
def test_it_grows_shrinks_and_is_restarted_without_a_failed_spin(
    backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    redis = RedisServer(tmp_path).start() if backend == "redis" else None
    store = f"sqlite:{tmp_path / 'store'}" if redis is None else f"{redis.url}/0"
    server = CroupierUp(
        tmp_path / "up", store, "--shards", "1", "--spares", "1", archive=True, CROUPIER_CLUSTER_SECRET=SECRET
    )
    try:
        with Load(server, "live", count=24) as load:
            load.more_spins(300)
            operations = [command(server, "scale", "--shards", "4")]
            wait_until("the gateway shows four shards", lambda: slots(server) == [64] * 4)
            operations.append(command(server, "scale", "--shards", "2"))
            wait_until("the gateway shows two shards", lambda: slots(server) == [128] * 2)
            pids = {shard["pid"] for shard in server.api.shards().values()}
            operations.append(command(server, "rolling-restart"))
            wait_until("fresh processes", lambda: not pids & {shard["pid"] for shard in server.api.shards().values()})
            load.more_spins(300)
        load.reconcile()
        assert load.retries == 0, "no spin was refused, and none went unanswered"
        wait_until("all readers have read everything", lambda: reading_all(server), 60)
        with capsys.disabled():  # the figures of a long test are read by people
            waits = ", ".join(f"{done['asked']}: {done['longest_wait_ms']} ms" for done in operations)
            print(f"\n{backend}: {load.tally.spins} spins, longest {load.longest_s() * 1000:.0f} ms; {waits}")  # noqa: T201
        assert server.stop() == 0
    finally:
        if server.process.poll() is None:
            server.kill_everything()
        if redis is not None:
            redis.stop()


def test_a_new_version_takes_over_shard_by_shard_and_every_spin_is_answered(tmp_path: Path) -> None:
    """Game servers stay with the old gateway until it goes: it routes to the new shards as well."""
    redis = RedisServer(tmp_path).start()
    options = ("--shards", "3", "--spares", "0")
    old = CroupierUp(tmp_path / "old", f"{redis.url}/0", *options, CROUPIER_CLUSTER_SECRET=SECRET)
    running = [old]
    try:
        with Load(old, "upgraded", count=12) as load:
            load.more_spins(200)
            new = CroupierUp(
                tmp_path / "new", f"{redis.url}/0", *options, "--take-over", CROUPIER_CLUSTER_SECRET=SECRET
            )
            running.append(new)
            load.moves_to(new)
        assert old.ends() == 1
        load.reconcile()
        assert new.stop() == 0
    finally:
        for each in running:
            if each.process.poll() is None:
                each.kill_everything()
        redis.stop()
