"""Real processes: two shards die at the same moment, and a supervisor is stopped and goes on, under load.

On one event loop: tests/unit/actors/supervision/test_supervisor.py, test_stopped_processes.py.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.load import Load
from tests.integration.ray_side import actor_pid
from tests.integration.test_cluster import stopped
from tests.support.croupier_up import CroupierUp, gone, wait_until
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.timeout(400), pytest.mark.long]

SECRET = "a secret of the cluster"
FROZEN_S = 8.0
"""Longer than the lease of a term (5 s) and the silence that is allowed to a shard (2 s)."""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


class Running:
    """Servers on one store; all of them are gone afterwards."""

    def __init__(self, folder: Path, redis: RedisServer) -> None:
        self._folder, self._store = folder, f"{redis.url}/0"
        self.servers: list[CroupierUp] = []

    def up(self, name: str, *options: str) -> CroupierUp:
        server = CroupierUp(self._folder / name, self._store, *options, CROUPIER_CLUSTER_SECRET=SECRET)
        self.servers.append(server)
        return server


@pytest.fixture
def running(tmp_path: Path, redis: RedisServer) -> Iterator[Running]:
    made = Running(tmp_path, redis)
    yield made
    for server in made.servers:
        if server.process.poll() is None:
            server.kill_everything()


def epochs(server: CroupierUp) -> dict[str, int]:
    """Of all shards that serve."""
    return {name: shard["epoch"] for name, shard in server.api.shards().items() if shard["serving"]}


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """The figures of a long test are read by people."""
    with capsys.disabled():
        print(f"\n{text}")  # noqa: T201


def test_two_shards_that_die_at_once_come_back_side_by_side_with_one_spare(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    server = running.up("up", "--shards", "3", "--spares", "1")
    with Load(server, "two", count=24) as load:
        load.more_spins(300)
        dying = {name: server.api.shards()[name]["pid"] for name in ("s0", "s1")}
        load.killed()
        began = time.monotonic()
        for pid in dying.values():
            os.kill(pid, signal.SIGKILL)
        back: dict[str, float] = {}

        def are_back() -> bool:
            for name, epoch in epochs(server).items():
                if name in dying and epoch == 2:
                    back.setdefault(name, time.monotonic() - began)
            return len(back) == len(dying)

        wait_until("both serve again", are_back)
        load.more_spins(300)
        served_s = load.served_again_s()
    load.reconcile()
    say(capsys, f"two shards killed, one spare: back after {sorted(round(s, 1) for s in back.values())} s,"
                f" everybody answered after {served_s:.1f} s")  # fmt: skip
    assert epochs(server) == {"s0": 2, "s1": 2, "s2": 1}, "who did not die was left alone"
    assert server.stop() == 0


def freeze(server: CroupierUp) -> int:
    """Stops every thread of the supervisor; its pid."""
    pid = actor_pid(server, "Supervisor")
    os.kill(pid, signal.SIGSTOP)
    wait_until("every thread has stopped", lambda: stopped(pid))
    return pid


def test_a_supervisor_that_was_stopped_replaces_who_died_meanwhile_and_nobody_else(
    running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    server = running.up("up", "--shards", "2", "--spares", "1")
    with Load(server, "paused", count=12) as load:
        load.more_spins(100)
        for _ in range(3):  # whether a probe is under way when it is stopped is chance
            before = load.tally.spins
            supervisor = freeze(server)
            time.sleep(FROZEN_S)
            os.kill(supervisor, signal.SIGCONT)
            assert load.tally.spins > before, "spins go on without a supervisor"
        load.more_spins(100)
        time.sleep(3)  # probes and all the silence that is allowed: it would have replaced somebody by now
        assert epochs(server) == {"s0": 1, "s1": 1}
        assert load.retries == 0
        supervisor = freeze(server)
        os.kill(server.api.shards()["s0"]["pid"], signal.SIGKILL)
        time.sleep(FROZEN_S)
        woken = time.monotonic()
        os.kill(supervisor, signal.SIGCONT)
        wait_until("a successor", lambda: epochs(server).get("s0") == 2)
        say(capsys, f"s0 died while the supervisor was stopped: back {time.monotonic() - woken:.1f} s after it went on")
        load.more_spins(100)
    load.reconcile()
    assert epochs(server) == {"s0": 2, "s1": 1}
    assert server.stop() == 0


def test_a_supervisor_that_wakes_up_after_a_take_over_fences_nobody(running: Running) -> None:
    options = ("--shards", "2", "--spares", "1")
    old = running.up("old", *options)
    with Load(old, "woken", count=12) as load:
        load.more_spins(100)
        supervisor = freeze(old)
        time.sleep(FROZEN_S)
        new = running.up("new", *options, "--take-over")
        load.moves_to(new)
        load.more_spins(100)
        claimed: dict[str, Any] = new.api.shards()
        os.kill(supervisor, signal.SIGCONT)
        processes = old.tree()
        assert old.ends() == 1
        assert "another Croupier has taken over" in old.stderr()
        wait_until("all of the old one is gone", lambda: gone(processes))
        load.more_spins(200)
        now = new.api.shards()
        assert {name: (shard["pid"], shard["epoch"]) for name, shard in now.items()} == {
            name: (shard["pid"], shard["epoch"]) for name, shard in claimed.items()
        }
    load.reconcile()
    assert new.stop() == 0
