"""Rules 3, 6 and 8, for what is counted: a campaign's figures are as durable, and as exact, as the journal."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from actors.wire.frames import ReplyTo
from engine.catalog import Catalog
from engine.commands import CancelGrant, GrantCampaign
from engine.tally import ACTIVE, EXPIRED, ISSUED, PLAYERS, REDEEMED, tally_name
from tests.support.faulty_store import Point
from tests.support.playing import campaign, catalog_with, wager
from tests.support.shard_harness import FAR_MS, Asking, Desk, desk, spin, start_shard, table_for

GIFT = GrantCampaign("gift", "test")
NAMES = [PLAYERS, *(tally_name(name, "gift") for name in (ISSUED, REDEEMED, EXPIRED, ACTIVE))]


def rules() -> Catalog:
    """`gift`: 5.00 EUR, to be wagered once."""
    return catalog_with(campaign("gift", 500, valid_from_ms=0, valid_to_ms=FAR_MS, wager=wager(1)))


async def counted(store: Any) -> tuple[int, ...]:
    """Players; issued, redeemed, expired, active."""
    tallies = await store.tallies(NAMES)
    return tuple(tallies[name] for name in NAMES)


async def test_an_answer_comes_after_its_award_was_counted(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        assert await counted(table.store) == (1, 0, 0, 0, 0)
        await table.ask("alice", "g", GIFT)
        assert await counted(table.store) == (1, 1, 0, 0, 1)
        await table.ask("alice", "g", GIFT)
        assert await counted(table.store) == (1, 1, 0, 0, 1), "a repeat counts nothing"
        await table.ask("alice", "w", spin(bet=500))
        assert await counted(table.store) == (1, 1, 1, 0, 0)


@pytest.mark.parametrize("point", ["before", "after"])
async def test_rule_03_a_batch_of_unknown_outcome_is_counted_once(tmp_path: Path, point: Point) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        table.store.fail("append", point, times=3)
        await table.ask("alice", "g", GIFT)
        assert await counted(table.store) == (1, 1, 0, 0, 1)


async def test_what_gathers_in_one_batch_is_added_up(tmp_path: Path) -> None:
    """Three awards, one of which is given up at once, while an append is in flight."""
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        gate = table.store.hold("append")
        first = table.ask("alice", "b", spin())
        await gate.reached.wait()
        more = [table.ask("alice", f"g{number}", GIFT) for number in range(3)]
        more.append(table.ask("alice", "c", CancelGrant("g5-1")))
        gate.open()
        await asyncio.gather(first, *more)
        assert table.store.named("append")[-1][4] == {"issued:gift": 3, "active:gift": 2}
        assert await counted(table.store) == (1, 3, 0, 0, 2)


async def test_spins_send_no_tallies(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        await table.ask("alice", "g", GIFT)
        before = len(table.store.named("append"))
        for key in ("a", "b"):
            await table.ask("alice", key, spin(bet=10, win=5))
        assert [args[4] for args in table.store.named("append")[before:]] == [{}, {}]


async def test_a_poisoned_player_is_counted_on_from_what_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 10: the command that raised is tried again on the player as loaded, and counts once."""
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        raised = False
        add = table.shard.context.committer.add

        def once(entry: Any, reply_to: ReplyTo | None, *more: Any) -> int:
            nonlocal raised
            if not raised:
                raised = True
                raise RuntimeError("a bug")
            return add(entry, reply_to, *more)

        monkeypatch.setattr(table.shard.context.committer, "add", once)
        await table.ask("alice", "g", GIFT)
        assert raised
        assert await counted(table.store) == (1, 1, 0, 0, 1)


async def served(asking: Asking | Desk, key: str, body: Any) -> None:
    assert not hasattr(await asking.ask("alice", key, body), "code")


async def test_an_award_ends_at_another_process_than_the_one_that_issued_it(tmp_path: Path) -> None:
    """The shard is killed after the award; its successor reads the player from the log, and counts the end."""
    async with table_for(tmp_path, "s0") as (store, _):
        async with start_shard(tmp_path, rules=rules(), lease_ms=50) as first:
            await first.asking.seat("alice")
            await served(first.asking, "g", GIFT)
        assert await counted(store) == (1, 1, 0, 0, 1)
        async with start_shard(tmp_path, rules=rules(), lease_ms=50) as second:
            await served(second.asking, "w", spin(bet=500))
        assert await counted(store) == (1, 1, 1, 0, 0)
