"""The figures of bonuses and free spins, step by step through one scripted evening."""

from pathlib import Path
from typing import Any

import pytest

from engine.catalog import Catalog
from engine.commands import CancelGrant, ClaimGrant, GrantCampaign, Result, Rollback, Spin
from tests.support.playing import campaign, catalog_with, spins, wager
from tests.support.shard_harness import FAR_MS, Desk, desk, spin

NAMES = ("bonuses_granted_total", "bonuses_redeemed_total", "freespins_used", "average_wager_completion_rate")
FREE_SPIN = Spin("book", "freespin", None, 0)


def rules() -> Catalog:
    """`small`: 1 EUR once through; `gift`: 5 EUR ten times; `spins`: two free spins; `offer`: to be claimed."""
    long: dict[str, Any] = {"valid_from_ms": 0, "valid_to_ms": FAR_MS}
    return catalog_with(
        campaign("small", 100, wager=wager(1), **long),
        campaign("gift", 500, wager=wager(10), **long),
        campaign("spins", free_spins=spins(2), **long),
        campaign("offer", 100, opt_in=True, wager=wager(1), **long),
    )


def figures(table: Desk) -> tuple[float, ...]:
    """As a scrape shows them, in the order of NAMES."""
    samples = {
        sample.name: sample.value for family in table.shard.context.metrics.collect() for sample in family.samples
    }
    return tuple(samples[name] for name in NAMES)


async def give(table: Desk, campaign_id: str, key: str) -> str:
    granted = (await table.ask("alice", key, GrantCampaign(campaign_id, "test"))).answer.granted
    return granted.grant_id if granted is not None else ""


async def test_what_an_evening_amounts_to(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        assert figures(table) == (0, 0, 0, 0)

        await give(table, "small", "g1")
        assert figures(table) == (1, 0, 0, 0)
        await table.ask("alice", "bet100", spin(bet=100, win=0))
        assert figures(table) == (1, 1, 0, 1), "wagered in one bet: all of it"

        gift = await give(table, "gift", "g2")
        await table.ask("alice", "bet500", spin(bet=500, win=0))
        assert figures(table) == (2, 1, 0, 1), "500 of 5 000 wagered, not over yet"
        await table.ask("alice", "c2", CancelGrant(gift))
        assert figures(table) == (2, 1, 0, pytest.approx(0.55)), "the mean of 100 % and 10 %"

        await table.ask("alice", "g3", GrantCampaign("spins", "test"))
        for key in ("f1", "f2"):
            await table.ask("alice", key, FREE_SPIN)
        assert figures(table)[2] == 2
        await table.ask("alice", "r1", Rollback("gs:f2"))
        assert figures(table)[2] == 1, "a free spin that was rolled back was not used"

        await table.ask("alice", "bet100", spin(bet=100, win=0))
        assert figures(table) == (2, 1, 1, pytest.approx(0.55)), "a repeat counts nothing"


async def test_an_end_that_a_rollback_undoes_counts_no_more(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        await give(table, "small", "g1")
        await table.ask("alice", "bet100", spin(bet=100, win=0))
        await table.ask("alice", "r", Rollback("gs:bet100"))
        assert figures(table)[3] == 0 and table.shard.context.metrics.grants_ended == 0
        await table.ask("alice", "again", spin(bet=100, win=0))
        assert figures(table)[3] == 1 and table.shard.context.metrics.grants_ended == 1


async def test_an_offer_counts_when_it_is_taken_and_nothing_if_it_never_is(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        declined, taken = await give(table, "offer", "g1"), await give(table, "offer", "g2")
        assert figures(table) == (0, 0, 0, 0)
        await table.ask("alice", "x", CancelGrant(declined))
        assert figures(table) == (0, 0, 0, 0) and table.shard.context.metrics.grants_ended == 0
        await table.ask("alice", "y", ClaimGrant(taken))
        assert figures(table) == (1, 0, 0, 0)


async def test_a_bet_that_completes_a_grant_without_a_win_is_counted(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        await give(table, "small", "g1")
        opened = (await table.ask("alice", "o", spin(bet=100, win=None))).answer
        await table.ask("alice", "r", Result(opened.session_id, 0))
        assert figures(table) == (1, 1, 0, 1)
