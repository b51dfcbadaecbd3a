"""Kill-switches in shards: each follows them by itself, and one that starts later knows them before it serves."""

from pathlib import Path
from typing import Any

import pytest

from actors.background.switch_watch import SwitchWatch
from actors.outcome import Answered
from actors.stored_switches import ThrowSwitch, throw_switch
from engine.catalog import Catalog, Limits
from engine.commands import GrantCampaign, Result
from engine.switches import Scope, Switch
from snapshots.contract import Store
from snapshots.errors import StoreUnavailable
from tests.support.playing import campaign, catalog_with
from tests.support.shard_harness import (
    EVEN,
    FAR_MS,
    ODD,
    Asking,
    desk,
    eventually,
    players_in,
    spin,
    start_shard,
    table_for,
)


async def throw(store: Store | Any, scope: Scope, id_: str = "", *, enabled: bool = False, key: str = "") -> None:
    key = key or f"{scope} {id_} {enabled}"
    await throw_switch(store, ThrowSwitch(Switch(scope, id_, 1_000, "ann", "test"), enabled, key.encode(), b""))


async def code(asking: Asking, player_id: str, key: str) -> str:
    """How a spin ends: `ok`, or the refusal's code."""
    outcome = await asking.ask(player_id, key, spin())
    return "ok" if isinstance(outcome, Answered) else outcome.code


@pytest.mark.parametrize(
    ("scope", "id_", "expected"),
    [("all", "", "gaming_disabled"), ("game", "book", "game_blocked"), ("player", "alice", "player_blocked")],
)
async def test_a_shard_follows_what_is_switched_off_and_on_again(
    tmp_path: Path, scope: Scope, id_: str, expected: str
) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        watch = SwitchWatch(table.shard.context)
        opened = await table.ask("alice", "open", spin(win=None))
        await throw(table.store, scope, id_)
        await watch.look()
        assert await code(table, "alice", "one") == expected
        assert table.shard.context.metrics.switched_off[scope] == 1
        assert isinstance(await table.ask("alice", "win", Result(opened.answer.session_id, 50)), Answered)
        await throw(table.store, scope, id_, enabled=True)
        await watch.look()
        assert await code(table, "alice", "one") == "ok"
        assert table.shard.context.metrics.switched_off[scope] == 0


async def test_a_campaign_that_is_off_gives_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await throw(table.store, "campaign", "gift")
        await SwitchWatch(table.shard.context).look()
        refused = await table.ask("alice", "one", GrantCampaign("gift", "r"))
        assert refused.code == "campaign_blocked"


async def test_while_the_store_is_silent_the_switches_hold(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        watch = SwitchWatch(table.shard.context)
        await throw(table.store, "all")
        await watch.look()
        table.store.down = {"reader_notes"}
        with pytest.raises(StoreUnavailable):
            await watch.look()
        assert await code(table, "alice", "one") == "gaming_disabled"


async def test_what_is_not_changed_is_not_read_anew(tmp_path: Path) -> None:
    """A look that finds nothing new costs one small read."""
    async with desk(tmp_path) as table:
        await throw(table.store, "all")
        watch = SwitchWatch(table.shard.context)
        await watch.look()
        known = table.shard.context.facts
        await watch.look()
        assert table.shard.context.facts is known


async def test_without_a_switch_commands_share_the_facts_that_say_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        first = table.shard.context.facts
        await throw(table.store, "all")
        watch = SwitchWatch(table.shard.context)
        await watch.look()
        await throw(table.store, "all", enabled=True)
        await watch.look()
        assert table.shard.context.facts is first and first.off is None


async def test_every_shard_follows_by_itself_and_one_that_starts_later_knows_it(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0", "s1") as (store, _):
        (here,), (there,) = players_in(EVEN, 1), players_in(ODD, 1)
        async with start_shard(tmp_path, "s0") as first:
            await first.asking.seat(here)
            await throw(store, "all")
            await eventually(lambda: first.shard is not None and first.shard.context.facts.off)
            assert await code(first.asking, here, "one") == "gaming_disabled"
            async with start_shard(tmp_path, "s1") as second:
                refused = await second.asking.ask(there, "one", spin())
                assert refused.code == "player_not_found"
                assert second.shard is not None and second.shard.context.facts.off is not None
                await throw(store, "all", enabled=True)
                await eventually(lambda: second.shard is not None and second.shard.context.facts.off is None)
                await second.asking.seat(there)
                assert await code(second.asking, there, "two") == "ok"


async def test_what_was_looked_up_before_the_switch_is_decided_after_it(tmp_path: Path) -> None:
    """A command that waits for facts must not slip by a switch that is thrown meanwhile."""
    async with desk(tmp_path, _limited()) as table:
        await table.seat("alice")
        gate = table.store.hold("reserve")
        waiting = table.ask("alice", "one", GrantCampaign("gift", "r"))
        await gate.reached.wait()
        await throw(table.store, "campaign", "gift")
        await SwitchWatch(table.shard.context).look()
        gate.open()
        assert (await waiting).code == "campaign_blocked"


def _limited() -> Catalog:
    """`gift` with a budget, so that a reservation is needed."""
    limits = Limits(budget_micro_eur=1_000_000_000)
    return catalog_with(campaign("gift", 500, valid_from_ms=0, valid_to_ms=FAR_MS, limits=limits))
