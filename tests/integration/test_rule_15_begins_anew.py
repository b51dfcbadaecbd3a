"""A shard whose Redis refused begins anew in its own process (decision 36), while that Redis becomes another one."""

from pathlib import Path

import pytest
import redis

from actors.outcome import Answered
from actors.wire.frames import Done, GrantFallback
from tests.integration.test_refusing_redis import mended, without_memory
from tests.integration.test_rule_16_fallback import a_redis, a_shard, back, files, play, tear_off
from tests.support.shard_harness import eventually, spin


@pytest.mark.parametrize("away", [True, False], ids=["it is away", "it is back at once"])
async def test_rule_15_a_shard_that_begins_anew_gives_back_what_a_restart_lost(tmp_path: Path, away: bool) -> None:
    """Redis writes again, and is started again without its tail before the shard has claimed itself anew."""
    async with (
        a_redis(tmp_path) as (server, _),
        a_shard(server, journal_refused_ms=50, heartbeat_ms=3_600_000) as process,
    ):
        await process.asking.seat("alice")
        assert await play(process, 0, 5) == 950
        first = process.incarnation
        with redis.Redis.from_url(server.url) as client:
            without_memory(client)
            await process.asking.ask("alice", "refused", spin())
            gate = process.faults.hold("watch_lineage")
            mended(client)
        await gate.reached.wait()
        tear_off(server, tmp_path, 700)
        if not away:
            server.start()
        gate.open()
        if away:
            await eventually(lambda: len(process.faults.named("serve")) > 1)
            server.start()
        await eventually(lambda: process.ended or process.incarnation != first)
        await eventually(lambda: process.ended or process.metrics.gauges["shard_suspended"] == 0)
        assert process.ended == []
        assert (await process.asking.look("alice")).balance.real == 950
        known = await process.asking.ask("alice", "k4", spin())
        assert isinstance(known, Answered) and known.replayed


async def test_rule_16_a_shard_that_may_go_over_begins_anew_through_its_own_file(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as (server, term), a_shard(server, term, journal_refused_ms=50) as process:
        await process.asking.seat("alice")
        assert await play(process, 0, 2) == 980
        with redis.Redis.from_url(server.url) as client:
            without_memory(client)
            await process.asking.ask("alice", "refused", spin())
            mended(client)
        await eventually(lambda: process.ended or process.metrics.gauges["shard_suspended"] == 0)
        assert process.ended == [] and await play(process, 2, 1) == 970
        await eventually(lambda: files(server) == [])
        assert await process._control(GrantFallback(term)) == Done()
        server.kill()
        assert await play(process, 3, 3) == 940
        server.start()
        await back(process)
        assert process.ended == [] and await play(process, 6, 1) == 930
