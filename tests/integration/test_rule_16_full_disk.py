"""Rule 16 on a host whose disk is full when Redis is back: the file that can't be emptied holds nobody up."""

from pathlib import Path

import pytest

from actors.wire.frames import Done, GrantFallback
from snapshots.errors import StoreRefused, StoreUnavailable
from snapshots.fallback.log import FallbackLog
from tests.integration.test_rule_16_fallback import a_house, a_shard, back, on_fallback, play
from tests.support.shard_harness import eventually, spin


def fill(disk: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> None:
        raise StoreRefused("SQLite: database or disk is full", "full", proved=True)

    for call in ("append", "empty", "begin"):
        disk.setattr(FallbackLog, call, refused)


@pytest.mark.parametrize("answered", [True, False], ids=["at once", "after a call without answer"])
async def test_rule_16_a_full_disk_does_not_keep_a_shard_from_its_store(tmp_path: Path, answered: bool) -> None:
    async with a_house(tmp_path) as (server, process):
        server.kill()
        assert await play(process, 5, 3) == 920 and on_fallback(process)
        with pytest.MonkeyPatch.context() as disk:
            fill(disk)
            if not answered:
                process.faults.fail("give_up_fallback", "after", times=2)
            server.start()
            await back(process)
            assert await play(process, 8, 2) == 900 and process.ended == []
            with pytest.raises(StoreUnavailable):
                await process._control(GrantFallback(1))
            assert process.shard is not None and process.shard.report().fallback_term == 0
        assert await process._control(GrantFallback(1)) == Done()
        server.kill()
        assert await play(process, 10, 2) == 880 and on_fallback(process)
        await process.crash()
        server.start()
        async with a_shard(server) as successor:
            assert (await successor.asking.look("alice")).balance.real == 880


async def test_rule_16_a_shard_whose_grant_may_be_gone_answers_nobody_from_its_file(tmp_path: Path) -> None:
    """Somebody who can't see the file may have the shard by then."""
    async with a_house(tmp_path, lease_ms=400) as (server, process):
        server.kill()
        assert await play(process, 5, 3) == 920 and on_fallback(process)
        assert process.shard is not None
        lease = process.shard.context.lease
        with pytest.MonkeyPatch.context() as disk:
            fill(disk)
            process.faults.down.add("give_up_fallback")
            server.start()
            await eventually(lambda: len(process.faults.named("give_up_fallback")) > 1)
        late = process.asking.ask("alice", "k8", spin())
        await eventually(lambda: not lease.fresh())
        assert not late.done() and on_fallback(process)
        process.faults.down.clear()
        assert (await late).answer.balance.real == 910 and process.ended == []
