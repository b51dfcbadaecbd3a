"""A process that is stopped, not dead: it may hold a lock of the store, so that its successor can't start."""

import asyncio
import subprocess
import time
from pathlib import Path

import pytest

from actors.host.processes import host_id, is_gone, kill_if_here, this_process
from actors.supervision import crew
from actors.wire.cluster_requests import ChangeCluster
from snapshots.contract import Owner
from tests.support.shard_harness import eventually
from tests.unit.actors.supervision.test_supervisor import EVEN_PLAYER, house


def owner_of(pid: int) -> Owner:
    started = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return Owner(host_id(), pid, started)


def test_a_process_of_this_host_is_killed_even_if_it_is_stopped() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        owner = owner_of(process.pid)
        process.send_signal(19)  # SIGSTOP
        kill_if_here(owner)
        assert process.wait(5) == -9
    assert is_gone(owner)
    kill_if_here(owner)  # twice is fine


def test_processes_elsewhere_and_strangers_with_the_same_pid_are_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        owner = owner_of(process.pid)
        kill_if_here(Owner("another host", owner.pid, owner.started_ticks))
        kill_if_here(Owner(owner.host_id, owner.pid, owner.started_ticks - 1))
        assert process.poll() is None
        process.kill()
    assert this_process().host_id == host_id()


async def test_a_silent_shard_whose_successor_can_not_start_is_killed_before_the_next_attempt(tmp_path: Path) -> None:
    async with house(tmp_path) as of:
        supervisor = await of.supervisor()
        silent = of.cluster.serving()["s0"]
        for spare in of.cluster.launched:
            spare.refuses = "the store is locked"
        silent.stopped = True
        await eventually(lambda: silent.killed)
        assert "s0" in supervisor._recovery.under_way


async def test_a_silent_shard_is_noticed_while_another_one_does_not_follow_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control writes wait for that one, grants for the fallback log too; probes do not."""

    async def changed() -> bool:
        return True

    async def never() -> None:
        await asyncio.Event().wait()

    async with house(tmp_path) as here:
        supervisor = await here.supervisor(fallback=True)
        monkeypatch.setattr(supervisor._watch._living_first, "changed", changed)
        supervisor._held.living_first = never
        here.cluster.serving()["s0"].stopped = True
        await eventually(lambda: "s0" in supervisor._recovery.under_way)


async def test_a_supervisor_that_was_stopped_itself_takes_no_shard_for_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stopped with a probe under way, which is timed out when it goes on, whatever the shard has answered."""
    async with house(tmp_path) as here:
        await here.supervisor()
        probed, serving = list[object](), here.cluster.serving()["s0"]
        with monkeypatch.context() as unread:
            unread.setattr(serving, "_handle", lambda connection, frame: probed.append(frame))
            await eventually(lambda: probed)
            time.sleep(0.6)  # more than the probe's time-out and all the silence that is allowed
        await here.seat(EVEN_PLAYER)
        assert here.epochs() == {"s0": 1, "s1": 1}
        serving.stopped = True
        assert await here.spin(EVEN_PLAYER, "k1") == 990, "one that stays silent is replaced as ever"
        assert here.epochs() == {"s0": 2, "s1": 1}


async def test_a_spare_that_is_stopped_while_it_becomes_a_shard_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else watches it, and the players' shard would be down until somebody looked."""
    monkeypatch.setattr(crew, "LOOK_S", 0.01)
    monkeypatch.setattr(crew, "SILENT_S", 0.05)
    async with house(tmp_path) as here:
        await here.supervisor()
        spare = here.cluster.launched[-1]
        spare.faults.hold("claim")
        spare.mute = True
        here.cluster.serving()["s0"].kill()
        await eventually(lambda: "s0" in here.cluster.serving())
        assert spare.killed


async def test_a_shard_that_is_stopped_while_it_drains_keeps_no_operation_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "LOOK_S", 0.01)
    async with house(tmp_path) as here:
        supervisor = await here.supervisor(move_rest_ms=0, move_slots_max=256)
        leaving = here.cluster.serving()["s1"]
        gate = leaving.faults.hold("retire")
        await supervisor._control(ChangeCluster("drain", "ann", shard="s1"))
        await gate.reached.wait()
        monkeypatch.setattr(crew, "SILENT_S", 0.05)
        leaving.mute = True
        await eventually(lambda: "s1" not in here.cluster.serving() and leaving.killed)
        await eventually(lambda: supervisor._operations._kept.running is None)
