"""Rule 13: time never runs backwards for a player; a shard with a wrong clock doesn't serve. Due work comes first."""

from pathlib import Path

import pytest

from actors.host.clock import now_ms
from engine.commands import GrantCampaign
from snapshots.codec import decode_batch, decode_entry
from tests.support.shard_harness import LOOK, desk, spin, start_shard, table_for

DAY_MS = 86_400_000


class Clock:
    """This host's clock as the actors see it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off_ms = 0
        for module in ("shard.context", "shard.turn", "supervision.shard_process"):
            monkeypatch.setattr(f"actors.{module}.now_ms", lambda: now_ms() + self.off_ms)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_rule_13_set_back_the_clock_stands_still_for_a_player(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        first = (await table.ask("alice", "k1", spin())).answer
        clock.off_ms = -3_600_000
        second = (await table.ask("alice", "k2", spin())).answer
        assert second.time_ms == first.time_ms
        clock.off_ms = 3_600_000
        assert (await table.ask("alice", "k3", spin())).answer.time_ms >= first.time_ms + 3_600_000


async def test_rule_13_what_has_expired_stays_expired_when_the_clock_is_set_back(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.ask("alice", "g", GrantCampaign("gift", "test"))
        clock.off_ms = DAY_MS + 1_000
        assert (await table.ask("alice", "k1", spin())).answer.balance.bonus == 0
        clock.off_ms = 0
        assert (await table.look("alice")).balance.bonus == 0


@pytest.mark.parametrize("off_ms", [-1_500, 1_500])
async def test_rule_13_a_clock_more_than_a_second_off_the_stores_stops_serving(
    tmp_path: Path, clock: Clock, off_ms: int
) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, heartbeat_ms=3_600_000) as process:
        await process.asking.seat("alice")
        clock.off_ms = off_ms
        await process._heartbeat()
        for key, body in (("k1", spin()), ("", LOOK)):
            assert (await process.asking.ask("alice", key, body)).code == "shard_unavailable"
        clock.off_ms = 0
        await process._heartbeat()
        assert (await process.asking.ask("alice", "k1", spin())).answer.balance.real == 990


async def test_due_work_of_a_player_is_done_before_its_first_command_after_a_load(tmp_path: Path, clock: Clock) -> None:
    async with table_for(tmp_path, "s0"):
        async with start_shard(tmp_path) as first:
            await first.asking.seat("alice")
            granted = (await first.asking.ask("alice", "g", GrantCampaign("gift", "test"))).answer
            assert granted.balance.bonus == 500
        clock.off_ms = 3 * DAY_MS
        async with start_shard(tmp_path, lease_ms=1, clock_skew_max_ms=9 * DAY_MS) as second:
            assert (await second.asking.ask("alice", "k1", spin())).answer.balance.bonus == 0
            log = await second.store.read_log("s0-2", 0, 10)
            done = [decode_entry(entry) for record in log for entry in decode_batch(record.payload)]
            expired, spun = done
            assert expired.command_id == f"due:expire:{granted.granted.grant_id}" and spun.command_id == "gs:k1"
            assert expired.time_ms < spun.time_ms - DAY_MS, "at its own due time"


async def test_due_work_is_done_before_a_read_too(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.ask("alice", "g", GrantCampaign("gift", "test"))
        clock.off_ms = 3 * DAY_MS
        gate = table.store.hold("append")
        read = table.ask("alice", "", LOOK)
        await gate.reached.wait()
        assert not read.done(), "it shows what is not durable yet"
        gate.open()
        view = (await read).answer
        assert (view.version, view.balance.bonus, view.balance.real) == (4, 0, 1_000)
