"""Rules 15 and 16 on two real Redis servers: the one that is promoted has never heard of a claim, or of a grant."""

from pathlib import Path

import pytest

from actors.outcome import Answered
from actors.wire.frames import Done, GrantFallback
from tests.support.failing_over import a_house, play, shard_of
from tests.support.shard_harness import eventually, spin

UNHEARD = ["neither the claim nor the grant", "the grant alone"]


@pytest.mark.parametrize("unheard", UNHEARD)
async def test_rule_16_a_shard_that_dies_before_its_file_is_drained_is_still_taken_through_it(
    tmp_path: Path, unheard: str
) -> None:
    """It has told the new primary that it lives, and what that lacked, and has not drained a record of its file."""
    fallback = str(tmp_path / "fallback")
    async with a_house(tmp_path, appendfsync="always") as house:
        if unheard != "the grant alone":
            await house.replicated()
            house.cut_off()
        async with shard_of(house, fallback_dir=fallback) as shard:
            if unheard == "the grant alone":
                await house.replicated()
                house.cut_off()
            assert await shard._control(GrantFallback(house.term)) == Done()
            await shard.asking.seat("alice")
            assert await play(shard, 0, 5) == 950
            shard.faults.down.add("own_again")
            house.primary.kill()
            assert await play(shard, 5, 3) == 920
            house.fail_over()
            await eventually(lambda: shard.faults.named("own_again"))
            assert shard.shard is not None and shard.shard.context.committer.on_fallback
            await shard.crash()
        async with shard_of(house) as successor:
            assert (await successor.asking.look("alice")).balance.real == 920
            known = await successor.asking.ask("alice", "k7", spin())
            assert isinstance(known, Answered) and known.replayed
