"""Rule 7: a supervisor that is started again adopts what lives: shards without a claim, and spares nobody has asked."""

import asyncio
from pathlib import Path

import pytest

from actors.supervision.ports import Adopted
from tests.support.shard_harness import eventually
from tests.unit.actors.supervision.test_supervisor import EVEN_PLAYER, house


async def test_rule_07_a_restarted_supervisor_adopts_what_lives_without_a_claim(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.supervisor()
        await here.seat(EVEN_PLAYER)
        here.crash()
        assert await here.spin(EVEN_PLAYER, "k1") == 990, "spins go on without a supervisor"
        second = await here.supervisor()
        assert here.epochs() == {"s0": 1, "s1": 1}
        assert len(here.cluster.launched) == 3, "the spare, too"
        assert second.term == 2
        assert await here.spin(EVEN_PLAYER, "k2") == 980
        await here.cluster.serving()["s0"].crash()
        await eventually(lambda: second.recoveries_ms)
        assert here.epochs() == {"s0": 2, "s1": 1}
        assert here.cluster.serving()["s0"] is here.cluster.launched[2]


async def test_rule_07_a_spare_that_was_asked_to_become_a_shard_is_not_adopted(tmp_path: Path) -> None:
    """The call of the supervisor that is gone goes on, and would claim the shard sooner or later."""
    async with house(tmp_path) as here:
        await here.supervisor()
        spare = here.cluster.launched[2]
        gate = spare.faults.hold("claim")
        here.cluster.serving()["s0"].kill()
        await gate.reached.wait()
        here.crash()
        await here.supervisor()
        assert spare.killed and here.cluster.serving()["s0"] is here.cluster.launched[3]


async def test_rule_07_an_adopted_spare_becomes_no_shard_for_the_supervisor_before(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        older = await here.supervisor()
        here.crash()
        await here.supervisor()
        spare = here.cluster.launched[2]
        with pytest.raises(Adopted):
            await older._crew.activate("s0")
        assert not spare.killed and spare.incarnation is None
        assert here.epochs() == {"s0": 1, "s1": 1}
        here.cluster.serving()["s0"].kill()
        await eventually(lambda: "s0" in here.cluster.serving())
        assert here.cluster.serving()["s0"] is spare


async def test_rule_07_a_slot_move_under_way_does_not_make_a_shard_look_dead(tmp_path: Path) -> None:
    """The epoch in the store is one ahead of what the process knows."""
    async with house(tmp_path) as here:
        first = await here.supervisor()
        loser = here.cluster.serving()["s0"]
        gate = loser.faults.hold("release_slots", "after")
        moving = asyncio.ensure_future(first.move([0], "s1"))
        await gate.reached.wait()
        here.crash()
        await here.supervisor()
        assert not loser.killed and here.cluster.serving()["s0"] is loser
        gate.open(fails=True)
        await asyncio.wait([moving])
        assert loser.ended == []
