"""Rule 15 on two real Redis servers: the replica that is promoted has never heard of a claim, or of a slot move."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from actors.outcome import Answered
from snapshots.contract import Routing
from snapshots.errors import Fenced, StoreUnavailable
from snapshots.opening import open_store
from tests.support.failing_over import House, a_house, play, shard_of
from tests.support.shard_harness import EVEN, NOT_OWNER, ODD, TestShard, eventually, players_in, spin

ALICE, BOB = players_in(EVEN, 1)[0], players_in(ODD, 1)[0]
NEVER_MS = 3_600_000
"""Only spins notice that the store is another one."""


async def routing_of(house: House) -> Routing:
    store = open_store(house.url)
    await store.open()
    routing = await store.routing()
    await store.close()
    return routing


@asynccontextmanager
async def two_shards(house: House, **changes: int) -> AsyncIterator[tuple[TestShard, TestShard]]:
    async with AsyncExitStack() as stack:
        s0 = await stack.enter_async_context(shard_of(house, "s0", **changes))
        s1 = await stack.enter_async_context(shard_of(house, "s1", **changes))
        yield s0, s1


async def balances(house: House, *players: str) -> dict[str, int]:
    """What successors of both shards show; they know each player's last spin, too."""
    found = {}
    async with two_shards(house, heartbeat_ms=NEVER_MS) as (s0, s1):
        for process in (s1, s0):
            for player_id in players:
                shown = await process.asking.ask(player_id, "k9", spin())
                if shown != NOT_OWNER:
                    assert isinstance(shown, Answered) and shown.replayed, shown
                    found[player_id] = (await process.asking.look(player_id)).balance.real
    return found


async def test_rule_15_a_claim_that_the_new_primary_never_saw_is_told_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither what the former shard acknowledged last is lost, nor what its successor did."""
    async with a_house(tmp_path) as house:
        async with shard_of(house) as former:
            await former.asking.seat("alice")
            await play(former, 0, 2)
            await house.replicated()
            house.cut_off()
            assert await play(former, 2, 3) == 950
        async with shard_of(house, heartbeat_ms=NEVER_MS) as shard:
            assert await play(shard, 5, 4) == 910
            house.fail_over()
            outcome = shard.asking.ask("alice", "k9", spin())
            await eventually(lambda: shard.ended)
            assert "its successor reads what it has now" in shard.ended[0]
            assert (await outcome).code == "outcome_unknown"
        async with shard_of(house) as successor:
            assert (await successor.asking.look("alice")).balance.real == 910
            for key in ("k1", "k4", "k8"):
                known = await successor.asking.ask("alice", key, spin())
                assert isinstance(known, Answered) and known.replayed
            assert successor.shard is not None and successor.shard.context.inc.epoch == 3
    told = "\n".join(caplog.messages)
    assert "the store had lost the claim of s0-2" in told and "3 records were appended again to s0-1" in told


async def test_rule_15_a_claim_is_not_told_again_if_the_one_before_went_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A frozen owner wakes after its successor was claimed, and the store has lost that claim: only one goes on."""
    caplog.set_level(logging.ERROR, "croupier.shard")
    async with a_house(tmp_path) as house, shard_of(house, heartbeat_ms=NEVER_MS) as frozen:
        await frozen.asking.seat("alice")
        await house.replicated()
        house.cut_off()
        async with shard_of(house, heartbeat_ms=NEVER_MS) as shard:
            await play(shard, 0, 2)
            house.fail_over()
            assert await play(frozen, 10, 1) == 990
            shard.asking.ask("alice", "k9", spin())
            await eventually(lambda: shard.ended)
            assert frozen.ended == []
            assert await play(frozen, 11, 1) == 980
    assert any("acknowledged records 1 to 2 of s0-2 are lost" in line for line in caplog.messages)


@pytest.mark.parametrize("order", ["the loser first", "the gainer first"])
async def test_rule_15_a_move_that_the_new_primary_never_saw_is_told_again(tmp_path: Path, order: str) -> None:
    """Both players have spins before the move, after it, and after the replica was cut off: none is lost."""
    async with a_house(tmp_path, {"s0": EVEN, "s1": ODD}) as house:
        async with two_shards(house, heartbeat_ms=NEVER_MS) as (s0, s1):
            for process, player_id in ((s0, ALICE), (s1, BOB)):
                await process.asking.seat(player_id)
                await play(process, 0, 3, player_id)
            await house.replicated()
            house.cut_off()
            await play(s0, 3, 3, ALICE)
            await s0.release(house.term, EVEN[:], [], "s1")
            await s1.gain()
            await play(s1, 6, 4, ALICE)
            await play(s1, 3, 7, BOB)
            house.fail_over()
            for process in (s0, s1) if order == "the loser first" else (s1, s0):
                await notice(process)
                assert "who owns what" in process.ended[0]
        assert set((await routing_of(house)).slots) == {"s1"}
        assert await balances(house, ALICE, BOB) == {ALICE: 900, BOB: 900}


async def notice(process: TestShard) -> None:
    """What heartbeats do: the shard compares, tells again what is lost, and ends if that was more than records."""
    while True:
        try:
            await process._heartbeat()
        except StoreUnavailable:
            continue
        except Fenced as refusal:
            process._ended_by(str(refusal))
        return


async def test_rule_15_the_gainer_keeps_its_slots_if_the_loser_died(tmp_path: Path) -> None:
    async with a_house(tmp_path, {"s0": EVEN, "s1": ODD}) as house:
        async with two_shards(house, heartbeat_ms=NEVER_MS) as (s0, s1):
            await s0.asking.seat(ALICE)
            await play(s0, 0, 3, ALICE)
            await house.replicated()
            house.cut_off()
            await s0.release(house.term, EVEN[:], [], "s1")
            await s1.gain()
            await play(s1, 3, 7, ALICE)
            await s0.crash()
            house.fail_over()
            await notice(s1)
            assert len(s1.ended) == 1
        assert set((await routing_of(house)).slots) == {"s1"}
        assert await balances(house, ALICE) == {ALICE: 900}


async def test_rule_15_a_table_that_is_as_it_was_ends_nobody(tmp_path: Path) -> None:
    dealt = {"s0": EVEN, "s1": ODD}
    async with a_house(tmp_path, dealt) as house, two_shards(house, heartbeat_ms=NEVER_MS) as (s0, s1):
        await s0.asking.seat(ALICE)
        await s0.release(house.term, EVEN[:128], [], "s1")
        await s1.gain()
        await house.replicated()
        house.cut_off()
        house.fail_over()
        await notice(s0)
        await notice(s1)
        assert await play(s1, 0, 1, ALICE) == 990
        assert s0.ended == s1.ended == []
