"""Deposits, withdrawals and bonus money: what a scrape of the shard shows after each step."""

from pathlib import Path
from typing import Any

import pytest

from actors.metrics.money import OTHERS, PAIRS_MAX, MoneyCounts
from actors.shard import turn
from engine.catalog import Catalog
from engine.commands import CancelWithdrawal, ClaimGrant, ConfirmWithdrawal, Deposit, GrantCampaign, Rollback, Withdraw
from tests.support.playing import campaign, catalog_with, wager
from tests.support.shard_harness import FAR_MS, Desk, desk, spin


def rules() -> Catalog:
    """`small`: 1 EUR once through; `offer`: 2 EUR, to be claimed."""
    long: dict[str, Any] = {"valid_from_ms": 0, "valid_to_ms": FAR_MS}
    return catalog_with(
        campaign("small", 100, wager=wager(1), **long), campaign("offer", 200, opt_in=True, wager=wager(1), **long)
    )


def shown(table: Desk) -> dict[tuple[str, ...], float]:
    """By name and labels."""
    families = table.shard.context.metrics.money.collect()
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


async def test_deposits_and_confirmed_withdrawals_are_counted_in_units_of_the_currency(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        before = shown(table)["money_deposited_total", "EUR"]
        await table.ask("alice", "d", Deposit(2_550))
        assert shown(table)["money_deposited_total", "EUR"] == before + 25.5
        first = (await table.ask("alice", "w1", Withdraw(1_000))).answer
        second = (await table.ask("alice", "w2", Withdraw(500))).answer
        await table.ask("alice", "x", CancelWithdrawal(second.withdrawal_id))
        assert shown(table)["money_withdrawn_total", "EUR"] == 0, "nothing has left yet"
        await table.ask("alice", "c", ConfirmWithdrawal(first.withdrawal_id))
        assert shown(table)["money_withdrawn_total", "EUR"] == 10


async def test_bonus_money_is_a_cost_when_it_is_released_and_none_when_that_is_undone(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        await table.ask("alice", "g", GrantCampaign("small", "test"))
        assert shown(table)["bonus_money_granted_total", "small", "EUR"] == 1
        assert shown(table)["bonus_money_released_total", "small", "EUR"] == 0
        await table.ask("alice", "bet", spin(bet=100, win=0))
        assert shown(table)["bonus_money_released_total", "small", "EUR"] == 1
        await table.ask("alice", "r", Rollback("gs:bet"))
        assert shown(table)["bonus_money_taken_back_total", "small", "EUR"] == 1


async def test_an_offer_is_granted_when_it_is_claimed(tmp_path: Path) -> None:
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        offer = (await table.ask("alice", "g", GrantCampaign("offer", "test"))).answer.granted
        assert ("bonus_money_granted_total", "offer", "EUR") not in shown(table)
        await table.ask("alice", "c", ClaimGrant(offer.grant_id))
        assert shown(table)["bonus_money_granted_total", "offer", "EUR"] == 2


async def test_a_plain_spin_pays_nothing_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[object] = []
    async with desk(tmp_path, rules()) as table:
        await table.seat("alice")
        monkeypatch.setattr(turn, "count_money", lambda *given: looked_at.append(given))
        await table.ask("alice", "plain", spin(bet=100, win=50))
        assert looked_at == []
        await table.ask("alice", "d", Deposit(100))
        assert len(looked_at) == 1


def test_campaigns_beyond_the_limit_are_counted_together() -> None:
    counts = MoneyCounts()
    counts.knows("JPY", 0)
    for number in range(PAIRS_MAX + 3):
        counts.bonus("bonus_money_granted", f"c{number}", "JPY", 7)
    families = {family.name: family.samples for family in counts.collect()}
    values = {sample.labels["campaign"]: sample.value for sample in families["bonus_money_granted"]}
    assert len(values) == PAIRS_MAX + 1 and values[OTHERS] == 21 and values["c0"] == 7
